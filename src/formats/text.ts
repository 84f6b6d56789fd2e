import { isUtf8 } from 'node:buffer';
import { KfError } from '../runtime/errors.js';

/** The same memory as a Buffer; nothing is copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The body without a leading UTF-8 byte order mark, which is no part of the text. */
export function stripBom(body: Buffer): Buffer {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? body.subarray(3) : body;
}

/** @throws KfError RECORD_NOT_UTF8 */
export function requireUtf8(body: Buffer): void {
  if (!isUtf8(body)) {
    throw new KfError('RECORD_NOT_UTF8', 'body: not valid UTF-8');
  }
}

/**
 * The body as UTF-8, from the encoding that the producer names (labels of the WHATWG Encoding standard).
 * @throws KfError RECORD_NOT_UTF8 when the label is unknown or the bytes do not fit it.
 */
export function transcodeToUtf8(body: Buffer, label: string): Buffer {
  const name = label.trim().toLowerCase();
  if (name === '' || name === 'utf-8' || name === 'utf8') {
    return body;
  }
  try {
    return Buffer.from(new TextDecoder(name, { fatal: true }).decode(body), 'utf8');
  } catch (cause) {
    throw new KfError('RECORD_NOT_UTF8', `body: cannot be read in the encoding ${JSON.stringify(label)}`, {
      cause,
    });
  }
}
