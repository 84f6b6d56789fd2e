import type { SourceConfig } from '../config/types.js';
import type { DeadLetter } from '../deadletter/ports.js';
import type { Clock } from '../runtime/clock.js';
import { asKfError, type KfError } from '../runtime/errors.js';
import type { Logger } from '../runtime/log.js';
import { retry } from '../runtime/retry.js';
import { toDeadLetter } from './dead-letters.js';
import { createDeadline, orAbort } from './deadline.js';
import type { LetterBox } from './letter-box.js';
import type { IngestTelemetry } from './telemetry.js';
import type { Batch, Delivery, EncodedRecord, Sink } from './types.js';

export type Fate = 'shipped' | 'deadLettered' | 'dropped';

/** What became of a batch: of all its records, but for the exceptions. */
export interface BatchFate {
  readonly fate: Fate;
  readonly exceptions: ReadonlyMap<EncodedRecord, Fate>;
  readonly possibleDuplicates: number;
}

export interface BatchTimes {
  /** Delivery ends here; what follows is time for dead letters. Milliseconds since the Unix epoch. */
  readonly deliverByMs: number;
  readonly endByMs: number;
}

export interface LadderDeps {
  readonly clock: Clock;
  readonly sink: Sink;
  readonly letterBox: LetterBox;
  readonly source: Pick<SourceConfig, 'onError' | 'retry'> & { readonly name: string };
  readonly telemetry: IngestTelemetry;
  readonly logger: Logger;
}

/**
 * Brings a batch to its end. Transient failures are tried again inside `retry`. What is left then, or is permanent,
 * goes by `onError`: `deadLetter` stores every record; `drop` drops on a permanent failure only; `fail` throws.
 * Records that were refused alone go alone: dropped under `drop`, else to the dead letters.
 * @throws KfError when records could neither be delivered nor stored, or under `fail`, or under `drop` when the
 * failure was a passing one.
 */
export type Ladder = (batch: Batch, times: BatchTimes) => Promise<BatchFate>;

interface Failure {
  readonly error: KfError;
  readonly attempts: number;
  /** An attempt was cut off by the deadline, so the records may arrive all the same. */
  readonly cutOff: boolean;
}

function letterOf(
  record: EncodedRecord,
  context: { batch: Batch; error: KfError; attempts: number; timeMs: number },
): DeadLetter {
  return toDeadLetter({
    kind: 'delivery',
    envelope: record.envelope,
    target: context.batch.target,
    error: context.error,
    attempts: context.attempts,
    timeMs: context.timeMs,
    ...(record.index === undefined
      ? {}
      : { index: record.index, piece: { bytes: record.bytes, form: 'encoded' as const } }),
  });
}

async function attemptDelivery(
  deps: LadderDeps,
  batch: Batch,
  times: BatchTimes,
): Promise<Delivery | Failure> {
  const { clock, sink, source, telemetry, logger } = deps;
  const deadline = createDeadline({ clock, atMs: times.deliverByMs, place: `deliver ${batch.target.table}` });
  const left = Math.max(0, times.deliverByMs - clock.now());
  let attempts = 0;
  try {
    return await retry(
      (attempt) => {
        attempts = attempt;
        return orAbort(sink.deliver(batch, deadline.signal), deadline.signal);
      },
      {
        clock,
        signal: deadline.signal,
        policy: { ...source.retry, maxElapsedMs: Math.min(source.retry.maxElapsedMs, left) },
        onRetry: (error, attempt, waitMs) => {
          telemetry.add('retries', 1, { code: error.code, step: 'deliver' });
          logger.debug('batch.retry', {
            pipeline: source.name,
            batch: batch.id,
            code: error.code,
            attempt,
            waitMs,
          });
        },
      },
    );
  } catch (thrown) {
    const cutOff = deadline.signal.aborted;
    return { error: asKfError(thrown, 'INTERNAL', `deliver ${batch.target.table}`), attempts, cutOff };
  } finally {
    deadline.dispose();
  }
}

export function createLadder(deps: LadderDeps): Ladder {
  const { clock, letterBox, source, telemetry, logger } = deps;

  const store = (
    failures: readonly { record: EncodedRecord; error: KfError }[],
    context: { batch: Batch; attempts: number; endByMs: number },
  ): Promise<void> => {
    const timeMs = clock.now();
    const { batch, attempts } = context;
    const letters = failures.map(({ record, error }) => letterOf(record, { batch, error, attempts, timeMs }));
    return letterBox.write(letters, context.endByMs);
  };

  const settleDelivered = async (batch: Batch, delivery: Delivery, times: BatchTimes): Promise<BatchFate> => {
    const refused = delivery.refused.map(({ record, error }) => ({
      record,
      error: asKfError(error, 'INTERNAL', `deliver ${batch.target.table}`),
    }));
    const fate = source.onError === 'drop' ? 'dropped' : 'deadLettered';
    if (fate === 'deadLettered') {
      await store(refused, { batch, attempts: 1, endByMs: times.endByMs });
    } else {
      for (const { error } of refused) {
        telemetry.add('dropped', 1, { reason: error.code });
      }
    }
    const shipped = batch.records.length - refused.length;
    telemetry.add('shipped', shipped);
    const refusedBytes = refused.reduce((sum, { record }) => sum + record.bytes.byteLength, 0);
    telemetry.add('bytesShipped', batch.rawBytes - refusedBytes);
    telemetry.add('possibleDuplicates', delivery.possibleDuplicates);
    return {
      fate: 'shipped',
      exceptions: new Map(refused.map(({ record }) => [record, fate])),
      possibleDuplicates: delivery.possibleDuplicates,
    };
  };

  const settleFailed = async (batch: Batch, failure: Failure, times: BatchTimes): Promise<BatchFate> => {
    const { error, attempts, cutOff } = failure;
    const drop = source.onError === 'drop' && !error.retryable;
    logger.error('batch.failed', {
      pipeline: source.name,
      batch: batch.id,
      table: batch.target.table,
      records: batch.records.length,
      code: error.code,
      serviceCode: error.serviceCode,
      message: error.message,
      attempts,
    });
    if (source.onError === 'fail' || (source.onError === 'drop' && !drop)) {
      throw error;
    }
    if (drop) {
      telemetry.add('dropped', batch.records.length, { reason: error.code });
    } else {
      const failures = batch.records.map((record) => ({ record, error }));
      await store(failures, { batch, attempts, endByMs: times.endByMs });
    }
    const possibleDuplicates = cutOff ? batch.records.length : 0;
    telemetry.add('possibleDuplicates', possibleDuplicates);
    return { fate: drop ? 'dropped' : 'deadLettered', exceptions: new Map(), possibleDuplicates };
  };

  return async (batch, times) => {
    const startedMs = clock.now();
    telemetry.record('batchBytes', batch.rawBytes);
    telemetry.record('batchRecords', batch.records.length);
    const result = await attemptDelivery(deps, batch, times);
    telemetry.record('flushMs', clock.now() - startedMs);
    return 'error' in result ? settleFailed(batch, result, times) : settleDelivered(batch, result, times);
  };
}
