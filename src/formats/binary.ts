import type { DataFormat } from '../config/types.js';
import { KfError } from '../runtime/errors.js';

const PARQUET_MAGIC = 'PAR1';
const PARQUET_ENCRYPTED_MAGIC = 'PARE';
const ORC_MAGIC = 'ORC';
/** Magic, footer length and magic again. */
const MIN_PARQUET_BYTES = 12;

const text = (bytes: Uint8Array, from: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(from, from + length));

/** Why the first bytes of a body cannot be of the format, or undefined. Contents are never decoded here. */
export function badHead(format: DataFormat, head: Uint8Array): string | undefined {
  if (format === 'parquet') {
    const magic = text(head, 0, 4);
    if (magic === PARQUET_ENCRYPTED_MAGIC) {
      return 'an encrypted parquet file; the service cannot read it';
    }
    return magic === PARQUET_MAGIC ? undefined : 'no parquet file: it does not begin with PAR1';
  }
  if (format === 'orc') {
    return text(head, 0, 3) === ORC_MAGIC ? undefined : 'no ORC file: it does not begin with ORC';
  }
  return undefined;
}

/** Why the last bytes of a body cannot be of the format, or undefined. */
export function badTail(format: DataFormat, tail: Uint8Array, totalBytes: number): string | undefined {
  if (
    format === 'parquet' &&
    (totalBytes < MIN_PARQUET_BYTES || text(tail, tail.length - 4, 4) !== PARQUET_MAGIC)
  ) {
    return 'no whole parquet file: it does not end with PAR1';
  }
  return undefined;
}

/** @throws KfError RECORD_EMPTY, RECORD_NOT_OF_FORMAT */
export function requireBinary(format: DataFormat, body: Uint8Array): void {
  if (body.byteLength === 0) {
    throw new KfError('RECORD_EMPTY', 'body: empty');
  }
  const why = badHead(format, body) ?? badTail(format, body, body.byteLength);
  if (why !== undefined) {
    throw new KfError('RECORD_NOT_OF_FORMAT', `body: ${why}`);
  }
}
