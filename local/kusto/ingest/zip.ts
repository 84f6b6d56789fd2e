import { inflateRawSync } from 'node:zlib';
import { badData } from './errors.js';
import { MAX_ARCHIVE_ENTRIES, MAX_SOURCE_BYTES } from './limits.js';

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;
const END_BYTES = 22;
const LOCAL_HEADER_BYTES = 30;
const CENTRAL_HEADER_BYTES = 46;
/** The end record may be followed by a comment of this length. */
const MAX_COMMENT_BYTES = 0xffff;
const STORED = 0;
const DEFLATED = 8;
const ZIP64_MARK = 0xffffffff;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly packedBytes: number;
  readonly rawBytes: number;
  readonly headerAt: number;
}

export function isZip(body: Uint8Array): boolean {
  if (body.length < END_BYTES || body[0] !== 0x50 || body[1] !== 0x4b) return false;
  return (body[2] === 3 && body[3] === 4) || (body[2] === 5 && body[3] === 6);
}

function invalid(reason: string): Error {
  return badData('BadRequest_InvalidArchive', `The zip archive cannot be read: ${reason}`);
}

function endOfDirectory(zip: Buffer): number {
  const lowest = Math.max(0, zip.length - END_BYTES - MAX_COMMENT_BYTES);
  for (let at = zip.length - END_BYTES; at >= lowest; at--) {
    if (zip.readUInt32LE(at) === END_OF_DIRECTORY) return at;
  }
  throw invalid('its directory is missing');
}

function entryAt(zip: Buffer, at: number): { entry: Entry; next: number } {
  if (at + CENTRAL_HEADER_BYTES > zip.length || zip.readUInt32LE(at) !== CENTRAL_HEADER) {
    throw invalid('its directory is damaged');
  }
  const nameBytes = zip.readUInt16LE(at + 28);
  const next = at + CENTRAL_HEADER_BYTES + nameBytes + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  const entry = {
    name: zip.toString('utf8', at + CENTRAL_HEADER_BYTES, at + CENTRAL_HEADER_BYTES + nameBytes),
    method: zip.readUInt16LE(at + 10),
    encrypted: (zip.readUInt16LE(at + 8) & 1) !== 0,
    packedBytes: zip.readUInt32LE(at + 20),
    rawBytes: zip.readUInt32LE(at + 24),
    headerAt: zip.readUInt32LE(at + 42),
  };
  return { entry, next };
}

function content(zip: Buffer, entry: Entry): Uint8Array {
  if (entry.encrypted) throw invalid('an entry is encrypted');
  if (entry.packedBytes === ZIP64_MARK || entry.headerAt === ZIP64_MARK)
    throw invalid('zip64 is not supported');
  const { headerAt } = entry;
  if (headerAt + LOCAL_HEADER_BYTES > zip.length || zip.readUInt32LE(headerAt) !== LOCAL_HEADER) {
    throw invalid('an entry is missing');
  }
  const at =
    headerAt + LOCAL_HEADER_BYTES + zip.readUInt16LE(headerAt + 26) + zip.readUInt16LE(headerAt + 28);
  if (at + entry.packedBytes > zip.length) throw invalid('it is cut short');
  const packed = zip.subarray(at, at + entry.packedBytes);
  if (entry.method === STORED) return packed;
  if (entry.method !== DEFLATED) throw invalid(`compression method ${entry.method} is not supported`);
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.rawBytes) });
  } catch {
    throw invalid('an entry does not decompress to its stated size');
  }
}

/**
 * The files of a zip archive in the order of its directory, folders left out.
 * @throws KustoError `BadRequest_InvalidArchive`, `BadRequest_EmptyArchive`, `BadRequest_FileTooLarge`
 */
export function unzip(body: Uint8Array): Uint8Array[] {
  const zip = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const end = endOfDirectory(zip);
  const count = zip.readUInt16LE(end + 10);
  if (count > MAX_ARCHIVE_ENTRIES) throw invalid(`it has more than ${MAX_ARCHIVE_ENTRIES} entries`);
  const files: Uint8Array[] = [];
  let at = zip.readUInt32LE(end + 16);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const { entry, next } = entryAt(zip, at);
    at = next;
    if (entry.name.endsWith('/')) continue;
    total += entry.rawBytes;
    if (total > MAX_SOURCE_BYTES) {
      throw badData('BadRequest_FileTooLarge', `The archive holds more than ${MAX_SOURCE_BYTES} bytes`);
    }
    files.push(content(zip, entry));
  }
  if (files.length === 0) throw badData('BadRequest_EmptyArchive', 'The zip archive holds no file');
  return files;
}
