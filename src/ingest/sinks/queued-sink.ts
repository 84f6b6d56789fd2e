import { isAnswerLost } from '../../kusto/classify.js';
import type { OperationRef } from '../../kusto/ports.js';
import { logPossibleDuplicate } from '../../ledger/possible-duplicate.js';
import { asKfError, type KfError } from '../../runtime/errors.js';
import type { Logger } from '../../runtime/log.js';
import { blobBodies } from '../blob-body.js';
import type { Batch, Delivery, Sink, Target } from '../types.js';
import { type CallSharer, callOf } from './call-sharer.js';
import { type Staged, type StagingDeps, stageBlob } from './staging.js';

/** Blobs of one batch uploaded at a time, and rows written at a time. */
const UPLOADS_IN_FLIGHT = 4;
const MAX_LOST_REMEMBERED = 10_000;

export interface QueuedSinkDeps extends StagingDeps {
  readonly sharer: CallSharer;
  readonly maxBlobsPerCall: number;
  readonly logger: Logger;
}

type Outcome =
  | { readonly staged: Staged; readonly operation: OperationRef | undefined; readonly repeated: boolean }
  | { readonly staged: Staged; readonly error: KfError };

/**
 * Queued delivery: upload, ledger row, call, row again. When it throws, none of the batch is with the service as far
 * as anybody can know, and nothing of it is left in container and ledger that could be sent later.
 */
export function createQueuedSink(deps: QueuedSinkDeps): Sink {
  // A failed attempt whose answer was lost makes the next success of the same batch a possible duplicate.
  const lost = new Map<string, number>();
  return {
    deliver: async (batch, signal) => {
      const staged = await stageAll(deps, batch, signal);
      const outcomes = await sendAll(deps, batch.target, { staged, signal });
      const failed = outcomes.filter((outcome) => 'error' in outcome);
      if (failed.length === outcomes.length && failed[0] !== undefined) {
        await rollBack(deps, staged);
        const unsure = failed.filter(({ error }) => isAnswerLost(error));
        if (unsure.length > 0) remember(lost, batch);
        for (const each of unsure) logPossibleDuplicate(deps.logger, each.staged.shipment, 'answerLost');
        throw failed[0].error;
      }
      const before = lost.get(batch.id) ?? 0;
      lost.delete(batch.id);
      const delivery = await takeStock(deps, outcomes);
      return { ...delivery, possibleDuplicates: delivery.possibleDuplicates + before };
    },
  };
}

function remember(lost: Map<string, number>, batch: Batch): void {
  if (lost.size >= MAX_LOST_REMEMBERED) lost.clear();
  lost.set(batch.id, (lost.get(batch.id) ?? 0) + batch.records.length);
}

async function stageAll(deps: QueuedSinkDeps, batch: Batch, signal: AbortSignal): Promise<Staged[]> {
  const staged: Staged[] = [];
  const running = new Set<Promise<void>>();
  let failure: unknown;
  let index = 0;
  for await (const body of blobBodies(batch)) {
    while (running.size >= UPLOADS_IN_FLIGHT) await Promise.race(running);
    if (failure !== undefined || signal.aborted) break;
    const place = index++;
    const task = stageBlob(deps, batch, { body, index: place, signal }).then(
      (done) => {
        staged[place] = done;
      },
      (error: unknown) => {
        failure ??= error;
      },
    );
    running.add(task);
    void task.finally(() => running.delete(task));
  }
  await Promise.all(running);
  if (failure === undefined && !signal.aborted) return staged;
  await rollBack(
    deps,
    staged.filter((entry) => entry !== undefined),
  );
  throw asKfError(failure ?? signal.reason, 'CANCELLED', `stage ${batch.target.table}`);
}

async function sendAll(
  deps: QueuedSinkDeps,
  target: Target,
  what: { readonly staged: readonly Staged[]; readonly signal: AbortSignal },
): Promise<Outcome[]> {
  const call = callOf(target);
  const outcomes: Outcome[] = [];
  for (let at = 0; at < what.staged.length; at += deps.maxBlobsPerCall) {
    const part = what.staged.slice(at, at + deps.maxBlobsPerCall);
    const blobs = part.map(({ queued }) => queued).filter((blob) => blob !== undefined);
    try {
      const sent = blobs.length === 0 ? undefined : await deps.sharer.send(call, blobs, what.signal);
      for (const staged of part) {
        const isNew = staged.queued !== undefined;
        outcomes.push({
          staged,
          operation: isNew ? sent?.operation : undefined,
          repeated: isNew && sent?.repeated === true,
        });
      }
    } catch (thrown) {
      const error = asKfError(thrown, 'INTERNAL', `submit ${target.database}.${target.table}`);
      outcomes.push(...part.map((staged) => ({ staged, error })));
    }
  }
  return outcomes;
}

/**
 * Notes what was sent. Of a batch that went only in part: what failed for a passing reason stays in the ledger,
 * from where settling sends it; what was refused for good goes back to the caller.
 */
async function takeStock(deps: QueuedSinkDeps, outcomes: readonly Outcome[]): Promise<Delivery> {
  const refused: { record: Staged['records'][number]; error: unknown }[] = [];
  let possibleDuplicates = 0;
  let records = 0;
  let blobs = 0;
  const updates: (() => Promise<unknown>)[] = [];
  for (const outcome of outcomes) {
    const { staged } = outcome;
    if ('error' in outcome && !outcome.error.retryable) {
      refused.push(...staged.records.map((record) => ({ record, error: outcome.error })));
      updates.push(() => rollBack(deps, [staged]));
      continue;
    }
    records += staged.records.length;
    blobs++;
    if ('error' in outcome) {
      if (!isAnswerLost(outcome.error))
        updates.push(() => deps.ledger.update(staged.shipment, { unsent: true }));
    } else {
      const { operation } = outcome;
      if (outcome.repeated) {
        possibleDuplicates += staged.records.length;
        logPossibleDuplicate(deps.logger, staged.shipment, 'answerLost');
      }
      if (operation !== undefined) {
        updates.push(() =>
          deps.ledger.update(staged.shipment, { state: 'queued', operation, updatedAtMs: deps.clock.now() }),
        );
      }
    }
  }
  for (let at = 0; at < updates.length; at += UPLOADS_IN_FLIGHT) {
    await Promise.all(updates.slice(at, at + UPLOADS_IN_FLIGHT).map((update) => note(deps, update)));
  }
  return { records, blobs, possibleDuplicates, refused };
}

/** The records are safe already; a row that could not be changed is found by settling, and what it does is counted. */
async function note(deps: QueuedSinkDeps, update: () => Promise<unknown>): Promise<void> {
  try {
    await update();
  } catch (thrown) {
    const error = asKfError(thrown, 'INTERNAL', 'ledger');
    deps.logger.warn('shipment.notNoted', { code: error.code, message: error.message });
  }
}

/** Takes rows and blobs back, rows first: a row without a blob would be sent in vain. */
async function rollBack(deps: QueuedSinkDeps, staged: readonly Staged[]): Promise<void> {
  for (const { shipment, queued } of staged) {
    if (queued === undefined) continue;
    await note(deps, async () => {
      await deps.ledger.remove(shipment);
      if (shipment.container === '') return;
      await deps.blobs.delete(shipment.container, shipment.blob);
      if (shipment.originsBlob !== undefined)
        await deps.blobs.delete(shipment.container, shipment.originsBlob);
    });
  }
}
