import type { RouteConfig } from '../config/types.js';
import type { DeadLetter } from '../deadletter/ports.js';
import { isAvroContainer } from '../formats/avro-container.js';
import { badHead, badTail } from '../formats/binary.js';
import { dialectOf } from '../formats/delimited.js';
import { DelimitedStreamCutter } from '../formats/delimited-stream.js';
import { oversizedValueBytes } from '../formats/json-record.js';
import { JsonStreamCutter } from '../formats/json-stream.js';
import type { CutPiece, RecordCutter } from '../formats/record-buffer.js';
import { asBuffer } from '../formats/text.js';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import type { BodyBlobs } from './body-blobs.js';
import { toDeadLetter } from './dead-letters.js';
import type { Target } from './types.js';

/** Bad records that one body may hold, and their bytes: with more, it is most likely not what it says it is. */
const MAX_BAD_RECORDS = 1000;
const MAX_BAD_BYTES = 16 * 1024 * 1024;
/** Bytes at the end of a file that say whether it is whole. */
const TAIL_BYTES = 4;
/** Bytes at the beginning that say what it is. */
const HEAD_BYTES = 4;

export interface WriteBodyOptions {
  readonly operationId: string;
  readonly ignoreFirstRecord: boolean;
  readonly target: Target;
  readonly blobs: BodyBlobs;
  readonly limits: Pick<RouteConfig, 'maxRecordBytes'>;
  readonly clock: Clock;
}

/** Writes a body into blobs and answers the letters of its bad records, which nobody has stored yet. */
export type WriteBody = (
  body: AsyncIterable<Uint8Array>,
  options: WriteBodyOptions,
) => Promise<readonly DeadLetter[]>;

function cutterOf({ target, ignoreFirstRecord, limits }: WriteBodyOptions): RecordCutter {
  const { maxRecordBytes } = limits;
  return target.format === 'json'
    ? new JsonStreamCutter(maxRecordBytes)
    : new DelimitedStreamCutter({
        dialect: dialectOf(target.format),
        header: ignoreFirstRecord,
        maxRecordBytes,
      });
}

function letterOf(piece: CutPiece, error: KfError, index: number, options: WriteBodyOptions): DeadLetter {
  const { operationId, target, clock } = options;
  // Without what else stands in the same chunk.
  const bytes = Buffer.from(piece.bytes);
  return toDeadLetter({
    kind: 'decode',
    envelope: {
      body: bytes,
      properties: {},
      source: 'http',
      position: { partition: operationId, offset: String(index), sequenceNumber: index },
    },
    target,
    error,
    index,
    piece: { bytes, form: 'original' },
    attempts: 1,
    timeMs: clock.now(),
  });
}

/** Gathers letters up to a bound. @throws KfError the first record's code beyond it */
class BadRecords {
  readonly letters: DeadLetter[] = [];
  #bytes = 0;

  #first: { readonly error: KfError; readonly index: number } | undefined;

  /** Makes the letter only when there is room for it. */
  add(
    bad: { readonly error: KfError; readonly index: number; readonly bytes: number },
    make: () => DeadLetter,
  ): void {
    this.#first ??= bad;
    this.#bytes += bad.bytes;
    if (this.letters.length >= MAX_BAD_RECORDS || this.#bytes > MAX_BAD_BYTES) {
      const { error, index } = this.#first;
      throw new KfError(
        error.code,
        `${error.message} (record ${index}); more than ${MAX_BAD_RECORDS} records or ${MAX_BAD_BYTES} bytes of the body are bad, so nothing of it was taken`,
      );
    }
    this.letters.push(make());
  }
}

function errorOf(piece: CutPiece, format: string): KfError | undefined {
  if (piece.error !== undefined || format !== 'json') {
    return piece.error;
  }
  const oversized = oversizedValueBytes(piece.bytes);
  return oversized === undefined
    ? undefined
    : new KfError('RECORD_TOO_LARGE', `body: a value of ${oversized} bytes; the service takes up to 1 MiB`);
}

/** Cuts text at record borders; bad records are set aside and the rest goes on. */
export const writeTextBody: WriteBody = async (body, options) => {
  const cutter = cutterOf(options);
  const bad = new BadRecords();
  let index = 0;
  const take = async (pieces: Iterable<CutPiece>): Promise<void> => {
    for (const piece of pieces) {
      const error = errorOf(piece, options.target.format);
      if (error === undefined) {
        await options.blobs.writeRecord(piece.bytes);
      } else {
        const [at, bytes] = [index, piece.bytes.length];
        bad.add({ error, index: at, bytes }, () => letterOf(piece, error, at, options));
      }
      index++;
    }
  };
  for await (const chunk of body) {
    await take(cutter.push(asBuffer(chunk)));
  }
  await take(cutter.end());
  return bad.letters;
};

function requireHead(head: Buffer, target: Target): void {
  const why =
    target.format === 'avro' && !isAvroContainer(head)
      ? 'no Avro container: it does not begin with Obj and 1'
      : badHead(target.format, head);
  if (why !== undefined) {
    throw new KfError('RECORD_NOT_OF_FORMAT', `body: ${why}`);
  }
}

/** Passes a file through as one blob, without holding it; only its first and last bytes are looked at. */
export const writeBinaryBody: WriteBody = async (body, { target, blobs }) => {
  let head = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  let total = 0;
  for await (const chunk of body) {
    const bytes = asBuffer(chunk);
    total += bytes.length;
    if (head.length < HEAD_BYTES) {
      head = Buffer.concat([head, bytes.subarray(0, HEAD_BYTES)]);
      if (head.length >= HEAD_BYTES) {
        requireHead(head, target);
      }
    }
    tail = Buffer.concat([tail, bytes.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
    await blobs.writeBytes(bytes);
  }
  if (head.length < HEAD_BYTES) {
    requireHead(head, target);
  }
  const why = badTail(target.format, tail, total);
  if (why !== undefined) {
    throw new KfError('RECORD_NOT_OF_FORMAT', `body: ${why}`);
  }
  return [];
};
