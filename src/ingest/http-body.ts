import { createAllowList } from '../config/allow-list.js';
import type { DataFormat, HttpConfig, RouteConfig } from '../config/types.js';
import type { DeadLetter, DeadLetterStore } from '../deadletter/ports.js';
import { inflateStream, isGzip, isZip } from '../formats/gzip.js';
import { isTextFormat } from '../formats/kinds.js';
import { asBuffer } from '../formats/text.js';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import type { Logger, Metrics } from '../runtime/log.js';
import type { RetryPolicy } from '../runtime/retry.js';
import { BodyBlobs } from './body-blobs.js';
import { writeBinaryBody, writeTextBody } from './body-writers.js';
import { createLetterBox } from './letter-box.js';
import { createIngestTelemetry } from './telemetry.js';
import type { BodySink, Target } from './types.js';

/** Name of the source in dead letters, shipments and metrics. */
export const HTTP_SOURCE = 'http';

/** Bytes looked at to see what a body is. */
const PEEK_BYTES = 16;

/** Longest time for the dead letters of one body. */
const DEAD_LETTER_MS = 60_000;

export interface BodyIngestDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly bodySink: BodySink;
  readonly deadLetters: DeadLetterStore;
  readonly http: Pick<HttpConfig, 'tables' | 'maxBodyBytes' | 'blobBytes'>;
  readonly limits: Pick<RouteConfig, 'maxRecordBytes' | 'maxInflateRatio'>;
  /** For dead letters. */
  readonly retry: RetryPolicy;
}

export interface BodyIngestRequest {
  /** The id that callers know; the same id writes the same blobs and dead letters. */
  readonly operationId: string;
  readonly database: string;
  readonly table: string;
  readonly format: DataFormat;
  readonly mapping?: string;
  readonly tags: readonly string[];
  /** The first row is a header. */
  readonly ignoreFirstRecord: boolean;
  /** The body is gzip; text bodies are also known by their first bytes. */
  readonly gzip: boolean;
  readonly body: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

export interface BodyIngestResult {
  readonly operationId: string;
  readonly blobs: number;
  /** Records handed over; undefined for formats whose records are not counted. */
  readonly records?: number;
  /** Records of the body that were bad and are stored as dead letters. */
  readonly deadLettered: number;
  /** Uncompressed bytes handed over. */
  readonly rawBytes: number;
  readonly possibleDuplicates: number;
}

/**
 * Takes one HTTP body. Blobs are staged while it streams in bounded memory, and handed over only when all of it was
 * read; when it breaks off, or is refused, nothing of it is kept, so the caller may simply send it again.
 */
export interface BodyIngest {
  /**
   * @throws KfError ROUTE_NOT_ALLOWED, BODY_EMPTY, BODY_TOO_LARGE, RECORD_* when the body as a whole cannot be taken
   * (for too many bad records, the code of the first), STORAGE_* and KUSTO_*; errors of the stream unchanged
   */
  ingest(request: BodyIngestRequest): Promise<BodyIngestResult>;
}

/** The stream under a counter. @throws KfError BODY_TOO_LARGE */
async function* bounded(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  let total = 0;
  for await (const chunk of body) {
    signal?.throwIfAborted();
    total += chunk.byteLength;
    if (total > maxBytes) {
      throw new KfError('BODY_TOO_LARGE', `body: more than ${maxBytes} bytes`);
    }
    yield asBuffer(chunk);
  }
}

/** The first bytes of a stream, and the whole stream. */
async function peek(body: AsyncGenerator<Buffer>): Promise<{ head: Buffer; whole: AsyncGenerator<Buffer> }> {
  const first: Buffer[] = [];
  let length = 0;
  while (length < PEEK_BYTES) {
    const { value, done } = await body.next();
    if (done === true) {
      break;
    }
    first.push(value);
    length += value.length;
  }
  const whole = async function* (): AsyncGenerator<Buffer> {
    try {
      yield* first;
      yield* body;
    } finally {
      await body.return(undefined);
    }
  };
  return { head: Buffer.concat(first), whole: whole() };
}

function targetOf(request: BodyIngestRequest): Target {
  return {
    database: request.database,
    table: request.table,
    format: request.format,
    ...(request.mapping === undefined ? {} : { mapping: request.mapping }),
    tags: request.tags,
    delivery: 'queued',
    staging: 'own',
    flushImmediately: false,
  };
}

/** The bytes of a body, inflated where it is gzip. @throws BODY_EMPTY, RECORD_NOT_OF_FORMAT; BODY_TOO_LARGE while it is read */
export async function openBody(
  limits: { readonly maxBodyBytes: number; readonly maxInflateRatio: number },
  request: Pick<BodyIngestRequest, 'body' | 'format' | 'gzip' | 'signal'>,
): Promise<AsyncIterable<Uint8Array>> {
  const { maxBodyBytes, maxInflateRatio } = limits;
  const { head, whole } = await peek(bounded(request.body, maxBodyBytes, request.signal));
  if (head.length === 0) {
    throw new KfError('BODY_EMPTY', 'body: empty');
  }
  const text = isTextFormat(request.format);
  if (text && isZip(head)) {
    await whole.return(undefined);
    throw new KfError('RECORD_NOT_OF_FORMAT', 'body: a zip archive; send the text itself, or gzip');
  }
  if (!request.gzip && !(text && isGzip(head))) {
    return whole;
  }
  return inflateStream(whole, { maxInflatedBytes: maxBodyBytes, maxInflateRatio });
}

async function writeLetters(deps: BodyIngestDeps, letters: readonly DeadLetter[]): Promise<void> {
  const telemetry = createIngestTelemetry(deps.metrics, HTTP_SOURCE);
  const { clock, deadLetters, retry } = deps;
  const box = createLetterBox({ clock, store: deadLetters, policy: retry, telemetry });
  await box.write(letters, clock.now() + DEAD_LETTER_MS);
}

async function take(
  deps: BodyIngestDeps,
  request: BodyIngestRequest,
  target: Target,
  blobs: BodyBlobs,
): Promise<BodyIngestResult> {
  const body = await openBody({ ...deps.http, ...deps.limits }, request);
  const text = isTextFormat(request.format);
  const write = text ? writeTextBody : writeBinaryBody;
  const letters = await write(body, { ...request, target, blobs, limits: deps.limits, clock: deps.clock });
  await blobs.close();
  if (blobs.staged.length === 0 && letters.length === 0) {
    throw new KfError('BODY_EMPTY', 'body: holds no record');
  }
  request.signal?.throwIfAborted();
  await writeLetters(deps, letters);
  const signal = request.signal === undefined ? {} : { signal: request.signal };
  const submitted =
    blobs.staged.length === 0
      ? { possibleDuplicates: 0 }
      : await deps.bodySink.submit({
          operationId: request.operationId,
          target,
          blobs: blobs.staged,
          ...signal,
        });
  return {
    operationId: request.operationId,
    blobs: blobs.staged.length,
    ...(text ? { records: blobs.rows } : {}),
    deadLettered: letters.length,
    rawBytes: blobs.rawBytes,
    possibleDuplicates: submitted.possibleDuplicates,
  };
}

export function createBodyIngest(deps: BodyIngestDeps): BodyIngest {
  const allow = createAllowList(deps.http.tables);
  const telemetry = createIngestTelemetry(deps.metrics, HTTP_SOURCE);
  return {
    ingest: async (request) => {
      const { database, table, operationId } = request;
      if (!allow.allows(database, table)) {
        throw new KfError('ROUTE_NOT_ALLOWED', `target ${database}.${table}: outside http.tables`);
      }
      const target = targetOf(request);
      const blobs = new BodyBlobs({
        sink: deps.bodySink,
        operationId,
        target,
        blobBytes: deps.http.blobBytes,
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      });
      try {
        const result = await take(deps, request, target, blobs);
        telemetry.add('recordsIn', (result.records ?? 1) + result.deadLettered);
        telemetry.add('bytesIn', result.rawBytes);
        telemetry.add('shipped', result.records ?? 1);
        telemetry.add('bytesShipped', result.rawBytes);
        telemetry.add('possibleDuplicates', result.possibleDuplicates);
        return result;
      } catch (error) {
        await blobs.discard().catch((cause: unknown) => {
          deps.logger.warn('http.discard_failed', { operationId, message: String(cause) });
        });
        throw error;
      }
    },
  };
}
