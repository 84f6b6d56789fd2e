import { gzipBytes } from '../formats/gzip.js';
import { isTextFormat } from '../formats/kinds.js';
import type { Batch, EncodedRecord } from './types.js';

const LINE_END = 0x0a;

/** The uncompressed bytes of the blob that holds these records of the batch: header, records, line ends. */
export function joinRecords(batch: Batch, records: readonly EncodedRecord[] = batch.records): Buffer {
  const lineEndBytes = isTextFormat(batch.target.format) ? 1 : 0;
  let length = batch.header?.length ?? 0;
  for (const { bytes } of records) {
    length += bytes.length + lineEndBytes;
  }
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  if (batch.header !== undefined) {
    out.set(batch.header, 0);
    at = batch.header.length;
  }
  for (const { bytes } of records) {
    out.set(bytes, at);
    at += bytes.length;
    if (lineEndBytes === 1) {
      out[at++] = LINE_END;
    }
  }
  return out;
}

/** One blob of a batch, ready for upload. */
export interface BlobBody {
  readonly records: readonly EncodedRecord[];
  readonly bytes: Uint8Array;
  readonly rawBytes: number;
  readonly gzipped: boolean;
}

/**
 * The blobs of a batch: one for text (gzipped) and for framed Avro, one per record where `blobPerRecord` is set. Made
 * one at a time, so that only one is held twice.
 */
export async function* blobBodies(batch: Batch): AsyncGenerator<BlobBody> {
  if (batch.blobPerRecord === true) {
    for (const record of batch.records) {
      yield { records: [record], bytes: record.bytes, rawBytes: record.bytes.length, gzipped: false };
    }
    return;
  }
  const raw = joinRecords(batch);
  const gzipped = isTextFormat(batch.target.format);
  const bytes = gzipped ? await gzipBytes(raw) : raw;
  yield { records: batch.records, bytes, rawBytes: raw.length, gzipped };
}
