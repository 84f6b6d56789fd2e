import { KfError } from '../runtime/errors.js';

/**
 * Records of one body that is read as a whole. Each costs more memory than its bytes, so a compressed body of very
 * many empty ones would take far more than its inflated size.
 */
const MAX_BODY_RECORDS = 100_000;

/** @throws KfError RECORD_BOMB */
export function requireFewRecords(count: number): void {
  if (count > MAX_BODY_RECORDS) {
    throw new KfError('RECORD_BOMB', `body: more than ${MAX_BODY_RECORDS} records; send fewer per body`);
  }
}

/** A piece cut out of a stream: one record, or what cannot be one. */
export interface CutPiece {
  readonly bytes: Buffer;
  /** Fields, of a delimited row. */
  readonly fields?: number;
  readonly error?: KfError;
}

/**
 * Cuts a stream into records, whatever the borders of its chunks. What is thrown means the whole stream, because its
 * further borders cannot be known.
 */
export interface RecordCutter {
  push(chunk: Buffer): Iterable<CutPiece>;
  end(): Iterable<CutPiece>;
}

/** Holds the beginning of a record whose end has not come yet, in bounded memory. */
export class RecordBuffer {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** @throws KfError RECORD_TOO_LARGE */
  keep(bytes: Buffer): void {
    this.#length += bytes.length;
    if (this.#length > this.#maxBytes) {
      throw new KfError('RECORD_TOO_LARGE', `body: a record of more than ${this.#maxBytes} bytes`);
    }
    if (bytes.length > 0) {
      this.#pieces.push(bytes);
    }
  }

  /** The record that ends with these bytes. @throws KfError RECORD_TOO_LARGE */
  take(last: Buffer): Buffer {
    this.keep(last);
    const record = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
    return record;
  }
}
