import { gunzipSync } from 'node:zlib';
import { isGzip } from '../ingest/decompress.js';

/** Bytes of a blob's text that faults are matched on. */
const MAX_CONTENT_BYTES = 64 * 1024 * 1024;

/**
 * The text of a blob for the rules of `POST /faults`: inflated, as UTF-8; of a plain blob the
 * first 64 MiB. `undefined` for gzip that is broken or inflates beyond that.
 */
export function contentOf(body: Uint8Array): string | undefined {
  if (!isGzip(body)) return textOf(body);
  try {
    return textOf(gunzipSync(body, { maxOutputLength: MAX_CONTENT_BYTES }));
  } catch {
    return undefined;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, MAX_CONTENT_BYTES)).toString(
    'utf8',
  );
}
