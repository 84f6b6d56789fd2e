import { isAnswerLost } from '../kusto/classify.js';
import type { IngestProperties, QueuedBlob } from '../kusto/ports.js';
import { asKfError, KfError } from '../runtime/errors.js';
import type { Shipment } from './ports.js';
import { logPossibleDuplicate } from './possible-duplicate.js';
import { guard } from './settle-guard.js';
import type { SettleRun } from './settle-types.js';

/** Sends what is due: shipments of one target in shared calls, pieces of refused blobs without batching. */
export async function sendDue(run: SettleRun, shipments: readonly Shipment[]): Promise<Shipment[]> {
  const refused: Shipment[] = [];
  const groups = new Map<string, Shipment[]>();
  for (const shipment of shipments) {
    const key = JSON.stringify([
      shipment.database,
      shipment.table,
      shipment.format,
      shipment.mapping,
      shipment.tags,
      shipment.depth > 0,
    ]);
    const group = groups.get(key) ?? [];
    group.push(shipment);
    groups.set(key, group);
  }
  for (const group of groups.values()) {
    for (let at = 0; at < group.length; at += run.deps.queued.maxBlobsPerCall) {
      if (run.signal.aborted) return refused;
      const chunk = group.slice(at, at + run.deps.queued.maxBlobsPerCall);
      await guard(run, chunk[0]?.id ?? '', async () => {
        refused.push(...(await sendChunk(run, chunk)));
      });
    }
  }
  return refused;
}

/** Claims, sends and notes one call. Returns those that the service refused for good. */
async function sendChunk(run: SettleRun, chunk: readonly Shipment[]): Promise<Shipment[]> {
  const claimed: Shipment[] = [];
  for (const shipment of chunk) {
    await guard(run, shipment.id, async () => {
      if (await mayBeSent(run, shipment)) claimed.push(await claim(run, shipment));
    });
  }
  const [sample] = claimed;
  if (sample === undefined) return [];
  try {
    const blobs = await Promise.all(claimed.map((shipment) => toQueuedBlob(run, shipment)));
    const operation = await run.deps.queued.submit({
      database: sample.database,
      table: sample.table,
      blobs,
      properties: propertiesOf(sample),
      clientRequestId: `KF.settle;${run.deps.clock.newId()}`,
      signal: run.signal,
    });
    const now = run.deps.clock.now();
    for (const shipment of claimed) {
      await guard(run, shipment.id, async () => {
        await run.deps.ledger.update(shipment, {
          state: 'queued',
          operation,
          updatedAtMs: now,
          leaseUntilMs: 0,
        });
        run.summary.resent++;
      });
    }
    return [];
  } catch (thrown) {
    return sendFailed(run, claimed, thrown);
  }
}

async function toQueuedBlob(run: SettleRun, shipment: Shipment): Promise<QueuedBlob> {
  const url = await run.deps.blobs.readUrl(shipment.container, shipment.blob, run.deps.limits.linkTtlMs);
  return { sourceId: shipment.id, url, rawSizeBytes: shipment.rawSizeBytes };
}

function propertiesOf(shipment: Shipment): IngestProperties {
  return {
    format: shipment.format,
    ...(shipment.mapping === undefined ? {} : { mapping: shipment.mapping }),
    tags: shipment.tags,
    ...(shipment.depth > 0 ? { skipBatching: true } : {}),
  };
}

/** A piece waits until the whole it was cut from is done; a blob of a body that was never accepted is not sent. */
async function mayBeSent(run: SettleRun, shipment: Shipment): Promise<boolean> {
  if (shipment.container === '') return false;
  if (shipment.parentId !== undefined) {
    const parent = await run.deps.ledger.get(shipment.parentId);
    if (parent !== undefined && parent.state !== 'settled') return false;
  }
  return true;
}

async function claim(run: SettleRun, shipment: Shipment): Promise<Shipment> {
  const { ledger, clock, limits, metrics, logger } = run.deps;
  const current = shipment.etag === undefined ? await ledger.get(shipment.id) : shipment;
  if (current === undefined || current.state !== 'staged') {
    throw new KfError('STORAGE_CONFLICT', `shipment ${shipment.id}: no longer staged`);
  }
  const claimed = await ledger.update(current, {
    unsent: false,
    leaseUntilMs: clock.now() + limits.leaseMs,
    updatedAtMs: clock.now(),
  });
  if (current.unsent !== true) {
    run.summary.possibleDuplicates += Math.max(1, shipment.rows);
    metrics.add('kusto_functions.records.possible_duplicates', Math.max(1, shipment.rows), {
      source: shipment.source,
    });
    logPossibleDuplicate(logger, shipment, 'silent');
  }
  return claimed;
}

/**
 * A lost answer leaves the claim as it is: sent again after the grace time, and counted. Otherwise the service does
 * not have the blobs: for a passing reason, or a wrong identity, they wait; for good, they are refused.
 */
async function sendFailed(
  run: SettleRun,
  claimed: readonly Shipment[],
  thrown: unknown,
): Promise<Shipment[]> {
  const { ledger, clock, limits, logger } = run.deps;
  const error = asKfError(thrown, 'INTERNAL', 'settle');
  run.summary.errors++;
  logger.warn('shipment.sendFailed', {
    id: claimed[0]?.id,
    blobs: claimed.length,
    code: error.code,
    message: error.message,
  });
  if (isAnswerLost(error)) return [];
  const refusedForGood = error.code === 'KUSTO_PERMANENT';
  const refused: Shipment[] = [];
  for (const shipment of claimed) {
    await guard(run, shipment.id, async () => {
      const freed = await ledger.update(shipment, {
        unsent: true,
        leaseUntilMs: 0,
        notBeforeMs: clock.now() + limits.resendBaseMs,
        errorCode: error.serviceCode ?? error.code,
        errorMessage: error.message,
      });
      if (refusedForGood) refused.push(freed);
    });
  }
  return refused;
}
