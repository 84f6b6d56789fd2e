import { gzipBytes } from '../../formats/gzip.js';
import { isTextFormat } from '../../formats/kinds.js';
import { isAnswerLost } from '../../kusto/classify.js';
import type { StreamingIngestion } from '../../kusto/ports.js';
import type { Clock } from '../../runtime/clock.js';
import { asKfError, KfError } from '../../runtime/errors.js';
import { createGate } from '../../runtime/gate.js';
import type { Logger } from '../../runtime/log.js';
import { retry } from '../../runtime/retry.js';
import { joinRecords } from '../blob-body.js';
import type { Batch, Delivery, EncodedRecord, Sink } from '../types.js';
import { createTableMemory, type TableMemory } from './table-memory.js';

/** Uncompressed bytes of one request; a limit of the service. */
const STREAMING_MAX_BYTES = 4 * 1024 * 1024;
/** Requests under way, all tables together. */
const REQUESTS_IN_FLIGHT = 16;
const RETRY = { maxAttempts: 3, baseMs: 1_000, maxMs: 4_000, maxElapsedMs: 30_000 } as const;

export interface StreamingSinkDeps {
  readonly clock: Clock;
  readonly streaming: StreamingIngestion;
  /** Takes what cannot be streamed. */
  readonly queued: Sink;
  readonly logger: Logger;
}

interface Part {
  readonly records: readonly EncodedRecord[];
  readonly rawBytes: number;
  readonly number: number;
}

type PartOutcome =
  | { readonly kind: 'streamed'; readonly possibleDuplicates: number }
  | { readonly kind: 'toQueued'; readonly possibleDuplicates: number }
  | { readonly kind: 'refused'; readonly error: KfError };

/**
 * Streaming delivery in requests of at most 4 MB. Single larger records, tables where streaming is off or throttled,
 * and what failed three times for a passing reason go queued. A permanent error goes to the caller.
 */
export function createStreamingSink(deps: StreamingSinkDeps): Sink {
  const memory = createTableMemory(deps.clock);
  const gate = createGate(REQUESTS_IN_FLIGHT);
  return {
    deliver: async (batch, signal) => {
      const { target } = batch;
      if (typeof target.mapping === 'object') {
        throw new KfError(
          'CONFIG_INVALID',
          `${target.database}.${target.table}: streaming takes a mapping by name only`,
        );
      }
      if (target.tags.length > 0) return deps.queued.deliver(asQueued(batch, batch.records), signal);
      const parts = cutParts(batch);
      const outcomes = await Promise.all(
        parts.map(async (part) => {
          const leave = await gate.enter(1, signal);
          try {
            return await streamPart(deps, memory, { batch, part, signal });
          } finally {
            leave();
          }
        }),
      );
      return combine(deps, batch, { parts, outcomes, signal });
    },
  };
}

/** Consecutive records that fit one request; a record that fits none is alone. */
function cutParts(batch: Batch): Part[] {
  const lineEndBytes = isTextFormat(batch.target.format) ? 1 : 0;
  const headerBytes = batch.header?.byteLength ?? 0;
  const parts: Part[] = [];
  let records: EncodedRecord[] = [];
  let rawBytes = headerBytes;
  const flush = (): void => {
    if (records.length > 0) parts.push({ records, rawBytes, number: parts.length });
    records = [];
    rawBytes = headerBytes;
  };
  for (const record of batch.records) {
    const size = record.bytes.byteLength + lineEndBytes;
    if (records.length > 0 && (batch.blobPerRecord === true || rawBytes + size > STREAMING_MAX_BYTES))
      flush();
    records.push(record);
    rawBytes += size;
  }
  flush();
  return parts;
}

async function streamPart(
  deps: StreamingSinkDeps,
  memory: TableMemory,
  what: { readonly batch: Batch; readonly part: Part; readonly signal: AbortSignal },
): Promise<PartOutcome> {
  const { batch, part, signal } = what;
  const { target } = batch;
  const table = `${target.database}.${target.table}`;
  if (part.rawBytes > STREAMING_MAX_BYTES || !memory.mayStream(table))
    return { kind: 'toQueued', possibleDuplicates: 0 };
  if (memory.isRateHigh(table, part.rawBytes)) {
    deps.logger.warn('streaming.rateHigh', { table, fix: 'use delivery: queued for this table' });
  }
  const body = await gzipBytes(joinRecords(batch, part.records));
  let possibleDuplicates = 0;
  try {
    await retry(
      async () => {
        try {
          await deps.streaming.stream({
            database: target.database,
            table: target.table,
            format: target.format,
            ...(typeof target.mapping === 'string' ? { mapping: target.mapping } : {}),
            body,
            clientRequestId: `KF.stream;${batch.id};${part.number}`,
            signal,
          });
        } catch (thrown) {
          if (isAnswerLost(thrown)) possibleDuplicates += part.records.length;
          throw thrown;
        }
      },
      { clock: deps.clock, policy: RETRY, signal },
    );
    return { kind: 'streamed', possibleDuplicates };
  } catch (thrown) {
    const error = asKfError(thrown, 'INTERNAL', `stream ${table}`);
    return judge(deps, memory, { error, table, possibleDuplicates });
  }
}

function judge(
  deps: StreamingSinkDeps,
  memory: TableMemory,
  failure: { readonly error: KfError; readonly table: string; readonly possibleDuplicates: number },
): PartOutcome {
  const { error, table, possibleDuplicates } = failure;
  const toQueued =
    error.code === 'KUSTO_STREAMING_OFF' || error.code === 'KUSTO_TOO_LARGE' || error.retryable;
  if (error.code === 'KUSTO_STREAMING_OFF') memory.off(table);
  if (error.code === 'KUSTO_THROTTLED') memory.throttled(table);
  if (!toQueued || error.code === 'CANCELLED') return { kind: 'refused', error };
  deps.logger.warn('streaming.fallback', { table, code: error.code, message: error.message });
  return { kind: 'toQueued', possibleDuplicates };
}

function asQueued(batch: Batch, records: readonly EncodedRecord[], part?: number): Batch {
  const lineEndBytes = isTextFormat(batch.target.format) ? 1 : 0;
  const rawBytes = records.reduce(
    (sum, { bytes }) => sum + bytes.byteLength + lineEndBytes,
    batch.header?.byteLength ?? 0,
  );
  // The id of a part is its own, so that its blobs never take the place of another part's.
  const id = part === undefined ? batch.id : `${batch.id}/${part}`;
  return { ...batch, id, records, rawBytes, target: { ...batch.target, delivery: 'queued' } };
}

async function combine(
  deps: StreamingSinkDeps,
  batch: Batch,
  what: {
    readonly parts: readonly Part[];
    readonly outcomes: readonly PartOutcome[];
    readonly signal: AbortSignal;
  },
): Promise<Delivery> {
  const refused: { record: EncodedRecord; error: unknown }[] = [];
  let taken = 0;
  let blobs = 0;
  let possibleDuplicates = 0;
  let failure: KfError | undefined;
  const refuse = (part: Part, error: KfError): void => {
    failure ??= error;
    refused.push(...part.records.map((record) => ({ record, error })));
  };
  for (const [at, outcome] of what.outcomes.entries()) {
    const part = what.parts[at] as Part;
    if (outcome.kind === 'refused') {
      refuse(part, outcome.error);
      continue;
    }
    possibleDuplicates += outcome.possibleDuplicates;
    if (outcome.kind === 'streamed') {
      taken += part.records.length;
      continue;
    }
    try {
      const delivery = await deps.queued.deliver(asQueued(batch, part.records, part.number), what.signal);
      taken += delivery.records;
      blobs += delivery.blobs;
      possibleDuplicates += delivery.possibleDuplicates;
      refused.push(...delivery.refused);
    } catch (thrown) {
      refuse(part, asKfError(thrown, 'INTERNAL', `deliver ${batch.target.table}`));
    }
  }
  // Only when nothing was taken may the whole be tried again without doubling what was.
  if (taken === 0 && failure !== undefined) throw failure;
  return { records: taken, blobs, possibleDuplicates, refused };
}
