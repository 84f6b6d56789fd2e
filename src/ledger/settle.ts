import type { OperationRef, SourceStatus } from '../kusto/ports.js';
import { KfError } from '../runtime/errors.js';
import { scrub } from '../runtime/redact.js';
import { isSplittable } from './blob-records.js';
import type { Shipment } from './ports.js';
import { logPossibleDuplicate } from './possible-duplicate.js';
import { actionFor } from './service-codes.js';
import { cutShipment } from './settle-cut.js';
import { clear, deadLetterAll, finish } from './settle-finish.js';
import { guard } from './settle-guard.js';
import { sendDue } from './settle-send.js';
import type { SettleDeps, SettleRun, SettleSummary } from './settle-types.js';

/** Operations asked for, and their shipments brought on, at a time: some hundred shipments a second. */
const OPERATIONS_IN_FLIGHT = 16;
const MAX_POLLS_REMEMBERED = 50_000;

export interface Settler {
  /** One bounded round; several instances may run it at once. */
  run(signal: AbortSignal): Promise<SettleSummary>;
  /** Operator: send it again, whatever the service may still do with it. @throws NOT_FOUND, ILLEGAL_STATE */
  retryShipment(id: string): Promise<void>;
  /** Operator: give it up; its records become dead letters. @throws NOT_FOUND, ILLEGAL_STATE */
  deadLetterShipment(id: string): Promise<void>;
}

interface PollTimes {
  dueMs: number;
  waitMs: number;
}

/**
 * Finds out what became of shipments and brings each to its end: settled, sent again, cut until the refused records
 * are alone, dead letters, or `unknown` when the service stays silent.
 *
 * `skipped` (the service saw a tag of `ingestIfNotExists`) counts as succeeded: the data is there. For
 * `partiallySucceeded` nobody can say which records arrived, so all become dead letters and count as possible
 * duplicates.
 */
export function createSettler(deps: SettleDeps): Settler {
  const polls = new Map<string, PollTimes>();
  return {
    run: async (signal) => {
      const run: SettleRun = { deps, signal, due: [], summary: emptySummary() };
      const open: Shipment[] = [];
      for await (const shipment of deps.ledger.open({ includeSettled: true, signal })) {
        open.push(shipment);
        if (open.length >= deps.limits.maxShipmentsPerRun) break;
      }
      run.summary.checked = open.length;
      reportBacklog(run, open);
      for (const shipment of open) {
        if (signal.aborted) break;
        await guard(run, shipment.id, () => resume(run, shipment));
      }
      await pollOperations(run, open, polls);
      await sendAndFail(run);
      return run.summary;
    },
    retryShipment: (id) => retryShipment(deps, id),
    deadLetterShipment: (id) => deadLetterShipment(deps, id),
  };
}

function emptySummary(): SettleSummary {
  return {
    checked: 0,
    settled: 0,
    resent: 0,
    cut: 0,
    deadLetteredRecords: 0,
    unknown: 0,
    possibleDuplicates: 0,
    abandoned: 0,
    errors: 0,
  };
}

function reportBacklog(run: SettleRun, open: readonly Shipment[]): void {
  const { metrics, clock } = run.deps;
  const oldestMs = open.reduce((oldest, shipment) => Math.min(oldest, shipment.createdAtMs), clock.now());
  metrics.record('kusto_functions.shipments.open', open.length);
  metrics.record('kusto_functions.shipments.oldest_ms', clock.now() - oldestMs);
}

/** Goes on with what a crash or another run left: settled rows, failed rows with a plan, staged rows. */
async function resume(run: SettleRun, shipment: Shipment): Promise<void> {
  const { clock, limits, ledger } = run.deps;
  const now = clock.now();
  if (now < (shipment.leaseUntilMs ?? 0)) return;
  if (shipment.state === 'settled') {
    await clear(run, shipment);
  } else if (shipment.state === 'failed') {
    const claimed = await ledger.update(shipment, { leaseUntilMs: now + limits.leaseMs });
    await carryOut(run, claimed);
  } else if (shipment.state === 'staged') {
    const since = now - shipment.updatedAtMs;
    const isFree = shipment.unsent === true ? now >= (shipment.notBeforeMs ?? 0) : since >= limits.graceMs;
    if (!isFree || (await isAbandoned(run, shipment))) return;
    if (now - shipment.createdAtMs >= limits.settleTimeoutMs) await giveUpWaiting(run, shipment);
    else run.due.push(shipment);
  }
}

/** A body that was never accepted: its caller was told no, or nothing. */
async function isAbandoned(run: SettleRun, shipment: Shipment): Promise<boolean> {
  if (shipment.callerOperationId === undefined || shipment.parentId !== undefined) return false;
  // The operation is given up first, so that its body can no longer be accepted behind our back.
  if (!(await run.deps.operations.abandon(shipment.callerOperationId))) return false;
  const settled = await run.deps.ledger.update(shipment, {
    state: 'settled',
    updatedAtMs: run.deps.clock.now(),
  });
  run.summary.abandoned++;
  run.deps.logger.warn('shipment.abandoned', { id: shipment.id, operation: shipment.callerOperationId });
  await clear(run, settled);
  return true;
}

async function giveUpWaiting(run: SettleRun, shipment: Shipment): Promise<void> {
  const { ledger, logger, metrics, clock } = run.deps;
  await ledger.update(shipment, { state: 'unknown', updatedAtMs: clock.now(), leaseUntilMs: 0 });
  run.summary.unknown++;
  metrics.add('kusto_functions.shipments.unknown', 1, { pipeline: shipment.source });
  logger.error('shipment.unknown', {
    id: shipment.id,
    table: `${shipment.database}.${shipment.table}`,
    rows: shipment.rows,
    code: 'INGESTION_UNKNOWN',
    fix: `kusto-functions shipments retry|dead-letter ${shipment.id}`,
  });
}

async function pollOperations(
  run: SettleRun,
  open: readonly Shipment[],
  polls: Map<string, PollTimes>,
): Promise<void> {
  const now = run.deps.clock.now();
  const operations = new Map<string, { ref: OperationRef; shipments: Shipment[] }>();
  for (const shipment of open) {
    if ((shipment.state !== 'queued' && shipment.state !== 'unknown') || shipment.operation === undefined)
      continue;
    const key = JSON.stringify(shipment.operation);
    if (now < (polls.get(key)?.dueMs ?? 0)) continue;
    const entry = operations.get(key) ?? { ref: shipment.operation, shipments: [] };
    entry.shipments.push(shipment);
    operations.set(key, entry);
  }
  if (polls.size > MAX_POLLS_REMEMBERED) polls.clear();
  const due = [...operations].slice(0, run.deps.limits.maxOperationsPerRun);
  await inParallel(due, async ([key, { ref, shipments }]) => {
    if (run.signal.aborted) return;
    const { firstPollMs, maxPollMs } = run.deps.limits;
    const waitMs = Math.min((polls.get(key)?.waitMs ?? firstPollMs / 2) * 2, maxPollMs);
    polls.set(key, { dueMs: now + waitMs, waitMs });
    await guard(run, ref.operationId, () => pollOperation(run, ref, shipments));
  });
}

async function pollOperation(
  run: SettleRun,
  ref: OperationRef,
  shipments: readonly Shipment[],
): Promise<void> {
  const ids = shipments.map((shipment) => shipment.id);
  const statuses = await run.deps.queued.status(ref, ids);
  const byId = new Map(statuses.map((status) => [status.sourceId, status]));
  for (const shipment of shipments) {
    const status = byId.get(shipment.id) ?? { sourceId: shipment.id, state: 'pending' };
    await guard(run, shipment.id, () => applyStatus(run, shipment, status));
  }
}

async function inParallel<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await action(items[next++] as T);
  };
  await Promise.all(Array.from({ length: OPERATIONS_IN_FLIGHT }, worker));
}

async function applyStatus(run: SettleRun, shipment: Shipment, status: SourceStatus): Promise<void> {
  const { clock, limits } = run.deps;
  if (status.state === 'succeeded' || status.state === 'skipped') {
    await finish(run, shipment, { state: status.state, rows: shipment.rows, deadLettered: 0 });
    return;
  }
  const action =
    status.state === 'failed' || status.state === 'partiallySucceeded' ? actionFor(status) : 'wait';
  if (action === 'wait') {
    const waited = clock.now() - shipment.updatedAtMs;
    if (shipment.state === 'queued' && waited >= limits.settleTimeoutMs) await giveUpWaiting(run, shipment);
    return;
  }
  const reason = {
    errorCode: status.errorCode ?? status.state,
    errorMessage: scrub(status.details ?? `The service answered ${status.state}`),
  };
  if (action === 'resend' && shipment.attempts + 1 < limits.maxAttempts && shipment.container !== '') {
    await sendLater(run, shipment, reason);
    return;
  }
  if (status.state === 'partiallySucceeded') {
    run.summary.possibleDuplicates += shipment.rows;
    logPossibleDuplicate(run.deps.logger, shipment, 'partial');
    run.deps.metrics.add('kusto_functions.records.possible_duplicates', shipment.rows, {
      source: shipment.source,
    });
  }
  await startPlan(run, shipment, { ...reason, plan: action === 'cut' ? 'cut' : 'deadLetter' });
}

async function sendLater(
  run: SettleRun,
  shipment: Shipment,
  reason: { errorCode: string; errorMessage: string },
): Promise<void> {
  const { ledger, clock, limits } = run.deps;
  const waitMs = limits.resendBaseMs * 2 ** shipment.attempts;
  await ledger.update(shipment, {
    ...reason,
    state: 'staged',
    unsent: true,
    attempts: shipment.attempts + 1,
    notBeforeMs: clock.now() + waitMs,
    leaseUntilMs: 0,
    updatedAtMs: clock.now(),
    operation: undefined,
  });
}

async function startPlan(
  run: SettleRun,
  shipment: Shipment,
  reason: { readonly errorCode: string; readonly errorMessage: string; readonly plan: 'cut' | 'deadLetter' },
): Promise<void> {
  const { ledger, clock, limits } = run.deps;
  const failed = await ledger.update(shipment, {
    ...reason,
    plan: reason.plan === 'cut' && isWorthCutting(run, shipment) ? 'cut' : 'deadLetter',
    state: 'failed',
    updatedAtMs: clock.now(),
    leaseUntilMs: clock.now() + limits.leaseMs,
  });
  await carryOut(run, failed);
}

function isWorthCutting(run: SettleRun, shipment: Shipment): boolean {
  return (
    shipment.rows > 1 &&
    shipment.depth < run.deps.limits.maxDepth &&
    shipment.container !== '' &&
    isSplittable(shipment)
  );
}

/** Carries out the plan of a shipment in `failed` that this instance holds. */
async function carryOut(run: SettleRun, shipment: Shipment): Promise<void> {
  const { ledger, limits } = run.deps;
  if (
    shipment.plan === 'cut' &&
    (await ledger.takeCut(shipment.rootId ?? shipment.id, limits.maxCutsPerBlob))
  ) {
    await cutShipment(run, shipment);
  } else {
    await deadLetterAll(run, shipment);
  }
}

/** Sends what became due; what is refused for good becomes dead letters in the same run. */
async function sendAndFail(run: SettleRun): Promise<void> {
  const refused = await sendDue(run, run.due.splice(0));
  for (const shipment of refused) {
    await guard(run, shipment.id, () =>
      startPlan(run, shipment, {
        errorCode: shipment.errorCode ?? 'KUSTO_PERMANENT',
        errorMessage: shipment.errorMessage ?? 'The service refused the call',
        plan: 'deadLetter',
      }),
    );
  }
}

async function find(deps: SettleDeps, id: string): Promise<Shipment> {
  const shipment = await deps.ledger.get(id);
  if (shipment === undefined || shipment.state === 'settled') {
    throw new KfError('NOT_FOUND', `shipment ${id}: there is none, or it is settled`);
  }
  return shipment;
}

async function retryShipment(deps: SettleDeps, id: string): Promise<void> {
  const shipment = await find(deps, id);
  await deps.ledger.update(shipment, {
    state: 'staged',
    // What the service may still do with the first call is not known: so it will be counted.
    unsent: false,
    attempts: 0,
    createdAtMs: deps.clock.now(),
    updatedAtMs: 0,
    notBeforeMs: 0,
    leaseUntilMs: 0,
    operation: undefined,
    plan: undefined,
  });
}

async function deadLetterShipment(deps: SettleDeps, id: string): Promise<void> {
  const shipment = await find(deps, id);
  const run: SettleRun = { deps, signal: new AbortController().signal, due: [], summary: emptySummary() };
  await startPlan(run, shipment, {
    errorCode: shipment.errorCode ?? 'INGESTION_UNKNOWN',
    errorMessage: shipment.errorMessage ?? 'Given up by an operator',
    plan: 'deadLetter',
  });
}
