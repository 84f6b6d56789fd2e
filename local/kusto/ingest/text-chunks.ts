import { StringDecoder } from 'node:string_decoder';
import type { Steps } from '../slices.js';
import { badData } from './errors.js';
import { MAX_RECORD_CHARS, TEXT_CHUNK_BYTES } from './limits.js';

/**
 * Reads records from the start of `text` and tells how many characters it has used up. Unless `final`, a record that
 * reaches the end of the text is left for the next call, which gets it again with more text behind it.
 */
export type RecordReader = (text: string, final: boolean) => number;

/**
 * Hands UTF-8 bytes to `read` in pieces, so that neither a large source nor one long string is held as text. A record
 * longer than a piece is read again in pieces that double.
 * @throws KustoError `Stream_InputStreamTooLarge` when a record exceeds {@link MAX_RECORD_CHARS}
 */
export function* readText(bytes: Uint8Array, read: RecordReader, chunkBytes = TEXT_CHUNK_BYTES): Steps<void> {
  const decoder = new StringDecoder('utf8');
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  let at = hasMark ? 3 : 0;
  let rest = '';
  let size = chunkBytes;
  while (at < bytes.length) {
    const end = Math.min(bytes.length, at + size);
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at);
    at = end;
    const final = at === bytes.length;
    const text = rest + decoder.write(piece) + (final ? decoder.end() : '');
    const used = read(text, final);
    rest = text.slice(used);
    size = used === 0 ? size * 2 : chunkBytes;
    if (rest.length > MAX_RECORD_CHARS) {
      throw badData(
        'Stream_InputStreamTooLarge',
        `A record is larger than ${MAX_RECORD_CHARS} characters, the most the service takes`,
      );
    }
    yield;
  }
}
