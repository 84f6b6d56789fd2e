import { promisify } from 'node:util';
import { gunzip, gunzipSync } from 'node:zlib';
import { badData } from './errors.js';
import { MAX_SOURCE_BYTES } from './limits.js';
import { isZip, unzip } from './zip.js';

/** Below this size a thread's round trip costs more than the work. */
const INLINE_BYTES = 64 * 1024;

const gunzipAsync = promisify(gunzip);

export function isGzip(body: Uint8Array): boolean {
  return body.length >= 2 && body[0] === 0x1f && body[1] === 0x8b;
}

function gzipFailure(error: unknown): Error {
  const code = (error as { code?: string }).code ?? 'unknown';
  if (code === 'ERR_BUFFER_TOO_LARGE') {
    return badData(
      'BadRequest_FileTooLarge',
      `The source is larger than ${MAX_SOURCE_BYTES} bytes uncompressed`,
    );
  }
  return badData('BadRequest_InvalidBlob', `The source starts as gzip but cannot be decompressed (${code})`);
}

async function ungzip(body: Uint8Array): Promise<Uint8Array> {
  const options = { maxOutputLength: MAX_SOURCE_BYTES };
  try {
    return body.length < INLINE_BYTES ? gunzipSync(body, options) : await gunzipAsync(body, options);
  } catch (error) {
    throw gzipFailure(error);
  }
}

/**
 * The files in a source: one, unless it is a zip archive with several entries. Compression is recognised by its first
 * bytes only, because clients name compressed and uncompressed sources alike.
 *
 * @throws KustoError `BadRequest_EmptyBlob`, `BadRequest_InvalidBlob`, `BadRequest_FileTooLarge`,
 * `BadRequest_EmptyArchive`, `BadRequest_InvalidArchive`
 */
export async function decompress(body: Uint8Array): Promise<readonly Uint8Array[]> {
  if (body.length === 0) throw badData('BadRequest_EmptyBlob', 'The source is empty');
  if (body.length > MAX_SOURCE_BYTES) {
    throw badData('BadRequest_FileTooLarge', `The source is larger than ${MAX_SOURCE_BYTES} bytes`);
  }
  if (isGzip(body)) return [await ungzip(body)];
  return isZip(body) ? unzip(body) : [body];
}
