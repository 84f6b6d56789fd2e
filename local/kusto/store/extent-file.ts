import { createHash } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { allAtOnce, inSlices, type Steps } from '../slices.js';
import { ALIGNMENT_BYTES, BodyWriter, type ColumnSpec, decodeColumn, encodeColumn } from './column-codec.js';
import type { Column, Extent } from './types.js';

const MAGIC = 'KXT1';
/** Raised when the layout changes; a file of another version is refused. */
const VERSION = 1;
/** Magic, version, length of the description; eight bytes of it are spare. */
const HEADER_BYTES = 16;
const CHECKSUM_BYTES = 16;
/** Bytes digested between two steps. */
const HASHED_BYTES = 4 * 1024 * 1024;

interface ExtentDescription {
  readonly id: string;
  readonly createdOn: string;
  readonly ingestedOn: string;
  readonly tags: readonly string[];
  readonly rowCount: number;
  readonly originalSize: number;
  readonly columns: readonly { readonly name: string; readonly spec: ColumnSpec }[];
  readonly ingestedOnByRow?: ColumnSpec;
}

/** The file cannot be used as it stands: cut short, altered, or of another version. */
export class ExtentFileError extends Error {
  readonly code = 'ExtentFileDamaged';

  constructor(reason: string) {
    super(`Extent file is not readable: ${reason}. Remove it, or start with an empty --data folder.`);
    this.name = 'ExtentFileError';
  }
}

function* checksum(chunks: readonly Uint8Array[]): Steps<Buffer> {
  const hash = createHash('sha256');
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += HASHED_BYTES) {
      hash.update(chunk.subarray(at, at + HASHED_BYTES));
      yield;
    }
  }
  return hash.digest().subarray(0, CHECKSUM_BYTES);
}

function* describe(extent: Extent, body: BodyWriter): Steps<Buffer> {
  const columns: { readonly name: string; readonly spec: ColumnSpec }[] = [];
  for (const [name, column] of extent.columns) {
    columns.push({ name, spec: yield* encodeColumn(column, body) });
  }
  const description: ExtentDescription = {
    id: extent.id,
    createdOn: extent.createdOn.toString(),
    ingestedOn: extent.ingestedOn.toString(),
    tags: extent.tags,
    rowCount: extent.rowCount,
    originalSize: extent.originalSize,
    columns,
    ...(extent.ingestedOnByRow !== undefined && {
      ingestedOnByRow: yield* encodeColumn(extent.ingestedOnByRow, body),
    }),
  };
  const text = Buffer.from(JSON.stringify(description));
  const padding = (ALIGNMENT_BYTES - (text.length % ALIGNMENT_BYTES)) % ALIGNMENT_BYTES;
  return Buffer.concat([text, Buffer.alloc(padding, ' ')]);
}

function* encodeChunks(extent: Extent): Steps<Uint8Array[]> {
  const body = new BodyWriter();
  const description = yield* describe(extent, body);
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32LE(VERSION, 4);
  header.writeUInt32LE(description.length, 8);
  const chunks: Uint8Array[] = [header, description, ...body.chunks];
  chunks.push(yield* checksum(chunks));
  return chunks;
}

/** The extent as one buffer: header, description as JSON, column bytes, checksum. */
export function encodeExtent(extent: Extent): Buffer {
  return Buffer.concat(allAtOnce(encodeChunks(extent)));
}

/** @throws ExtentFileError */
export function decodeExtent(bytes: Uint8Array): Extent {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < HEADER_BYTES + CHECKSUM_BYTES || file.toString('latin1', 0, 4) !== MAGIC) {
    throw new ExtentFileError('it does not start as one');
  }
  if (file.readUInt32LE(4) !== VERSION) throw new ExtentFileError(`its version is ${file.readUInt32LE(4)}`);
  const end = file.length - CHECKSUM_BYTES;
  if (!allAtOnce(checksum([file.subarray(0, end)])).equals(file.subarray(end))) {
    throw new ExtentFileError('its checksum does not match');
  }
  const bodyAt = HEADER_BYTES + file.readUInt32LE(8);
  const description = JSON.parse(file.toString('utf8', HEADER_BYTES, bodyAt)) as ExtentDescription;
  const body = file.subarray(bodyAt, end);
  const columns = new Map<string, Column>();
  for (const { name, spec } of description.columns) columns.set(name, decodeColumn(spec, body));
  return {
    id: description.id,
    createdOn: BigInt(description.createdOn),
    ingestedOn: BigInt(description.ingestedOn),
    tags: description.tags,
    rowCount: description.rowCount,
    originalSize: description.originalSize,
    columns,
    ...(description.ingestedOnByRow !== undefined && {
      ingestedOnByRow: decodeColumn(description.ingestedOnByRow, body),
    }),
  };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Writes the file beside its place, flushes it to disk and moves it there, so that no half file is ever seen. */
export async function writeExtentFile(path: string, extent: Extent): Promise<void> {
  const beside = `${path}.new`;
  const chunks = await inSlices(encodeChunks(extent));
  const file = await open(beside, 'w');
  try {
    for (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  await syncFolder(dirname(path));
}

/** @throws ExtentFileError, or the file system's error */
export async function readExtentFile(path: string): Promise<Extent> {
  return decodeExtent(await readFile(path));
}
