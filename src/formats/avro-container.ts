import { createHash } from 'node:crypto';
import { KfError } from '../runtime/errors.js';
import { AvroCursor } from './avro-walk.js';

const MAGIC = Buffer.from([0x4f, 0x62, 0x6a, 1]);
const SYNC_BYTES = 16;
const MAX_METADATA_ENTRIES = 1000;

const bad = (why: string): KfError => new KfError('RECORD_NOT_AVRO', `body: ${why}`);

export function isAvroContainer(body: Uint8Array): boolean {
  return MAGIC.every((byte, at) => body[at] === byte);
}

function readMetadata(cursor: AvroCursor): Map<string, Uint8Array> {
  const metadata = new Map<string, Uint8Array>();
  for (;;) {
    const given = cursor.long();
    if (given === 0) {
      return metadata;
    }
    if (given < 0) {
      cursor.long();
    }
    if (metadata.size + Math.abs(given) > MAX_METADATA_ENTRIES) {
      throw bad('the header of the Avro container holds too many entries');
    }
    for (let entry = 0; entry < Math.abs(given); entry++) {
      const key = Buffer.from(cursor.bytes()).toString('utf8');
      metadata.set(key, cursor.bytes());
    }
  }
}

/**
 * Checks the frame of a container file: magic, header, and that every block is as long as it says and ends with the
 * sync marker. Values are not looked at.
 * @returns the number of rows that the blocks declare
 * @throws KfError RECORD_NOT_AVRO
 */
export function checkAvroContainer(body: Uint8Array): number {
  if (!isAvroContainer(body)) {
    throw bad('no Avro container: it does not begin with Obj and 1');
  }
  const cursor = new AvroCursor(body, MAGIC.length);
  const schema = readMetadata(cursor).get('avro.schema');
  try {
    JSON.parse(Buffer.from(schema ?? []).toString('utf8'));
  } catch {
    throw bad('the header of the Avro container holds no schema');
  }
  const syncAt = cursor.skip(SYNC_BYTES);
  const sync = Buffer.from(body.buffer, body.byteOffset + syncAt, SYNC_BYTES);
  let rows = 0;
  while (cursor.at < body.length) {
    const count = cursor.long();
    if (count < 0) {
      throw bad('a block of the Avro container declares a negative number of rows');
    }
    rows += count;
    cursor.skip(cursor.long());
    const at = cursor.skip(SYNC_BYTES);
    if (!sync.equals(body.subarray(at, at + SYNC_BYTES))) {
      throw bad('a block of the Avro container does not end with the sync marker');
    }
  }
  return rows;
}

/** A zig-zag variable-length integer of a safe non-negative number. */
export function avroLong(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value * 2;
  while (rest > 0x7f) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

export function avroBytes(bytes: Uint8Array): Buffer {
  return Buffer.concat([avroLong(bytes.length), bytes]);
}

/** The parts of a container file of one schema: a header, then one block per datum, in any number and order. */
export interface AvroFraming {
  readonly header: Buffer;
  /** Names the schema in a batch key. */
  readonly fingerprint: string;
  block(datum: readonly Uint8Array[]): Buffer;
}

/** The sync marker is computed from the schema, so files of one schema are the same wherever they are made. */
export function avroFraming(schemaJson: unknown): AvroFraming {
  const schema = Buffer.from(JSON.stringify(schemaJson));
  const digest = createHash('sha256').update(schema).digest();
  const sync = digest.subarray(0, SYNC_BYTES);
  const header = Buffer.concat([
    MAGIC,
    avroLong(2),
    avroBytes(Buffer.from('avro.schema')),
    avroBytes(schema),
    avroBytes(Buffer.from('avro.codec')),
    avroBytes(Buffer.from('null')),
    avroLong(0),
    sync,
  ]);
  return {
    header,
    fingerprint: digest.toString('hex').slice(0, 32),
    block: (datum) => {
      const length = datum.reduce((sum, { byteLength }) => sum + byteLength, 0);
      return Buffer.concat([avroLong(1), avroLong(length), ...datum, sync]);
    },
  };
}
