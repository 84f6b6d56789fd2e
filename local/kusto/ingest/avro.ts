import { inflateRawSync } from 'node:zlib';
import { snappyUncompress } from 'hyparquet';
import type { Steps } from '../slices.js';
import { AvroReader, invalidAvro } from './avro-reader.js';
import { compileAvroSchema } from './avro-schema.js';
import { MAX_SOURCE_BYTES } from './limits.js';
import { nodeAt } from './nodes.js';
import type { RowSink } from './row-sink.js';

const MAGIC = 'Obj\u0001';
const SYNC_BYTES = 16;
/** A checksum follows each snappy block. */
const SNAPPY_CHECKSUM_BYTES = 4;
/** Records read between two steps. */
const RECORDS_PER_STEP = 1_024;

type Inflate = (block: Uint8Array) => Uint8Array;

function snappyLength(block: Uint8Array): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    length += (block[i]! & 0x7f) * 128 ** i;
    if (block[i]! < 0x80) break;
  }
  if (!(length <= MAX_SOURCE_BYTES)) throw invalidAvro('a block is too large');
  return length;
}

function unsnap(block: Uint8Array): Uint8Array {
  const packed = block.subarray(0, block.length - SNAPPY_CHECKSUM_BYTES);
  const out = new Uint8Array(snappyLength(packed));
  snappyUncompress(packed, out);
  return out;
}

function inflateOf(codec: string): Inflate {
  switch (codec) {
    case '':
    case 'null':
      return (block) => block;
    case 'deflate':
      return (block) => inflateRawSync(block, { maxOutputLength: MAX_SOURCE_BYTES });
    case 'snappy':
      return unsnap;
    default:
      throw invalidAvro(`its compression ${codec} is not supported by the local engine`);
  }
}

function header(reader: AvroReader): { schema: unknown; codec: string; sync: Buffer } {
  if (reader.fixed(MAGIC.length).toString('latin1') !== MAGIC)
    throw invalidAvro('it does not start as an Avro file');
  const metadata = new Map<string, Buffer>();
  reader.items(() => {
    const key = reader.string();
    metadata.set(key, reader.blob());
  });
  const sync = reader.fixed(SYNC_BYTES);
  const text = metadata.get('avro.schema')?.toString('utf8');
  if (text === undefined) throw invalidAvro('it carries no schema');
  return { schema: JSON.parse(text) as unknown, codec: metadata.get('avro.codec')?.toString() ?? '', sync };
}

function* readBlocks(bytes: Uint8Array, sink: RowSink): Steps<void> {
  const reader = new AvroReader(bytes);
  const { schema, codec, sync } = header(reader);
  const read = compileAvroSchema(schema);
  const inflate = inflateOf(codec);
  let row = 0;
  while (!reader.done) {
    const count = reader.size();
    const block = new AvroReader(inflate(reader.fixed(reader.size())));
    for (let i = 0; i < count; i++) {
      block.startRecord();
      const record = read(block);
      for (const { field, path } of sink.bound) field.node(nodeAt(record, path));
      sink.endRow(++row);
      if (row % RECORDS_PER_STEP === 0) yield;
    }
    if (!reader.fixed(SYNC_BYTES).equals(sync)) throw invalidAvro('a block does not end where it says');
  }
}

/** Avro object container file → rows. @throws KustoError `BadRequest_InvalidBlob` */
export function* readAvro(bytes: Uint8Array, sink: RowSink): Steps<void> {
  try {
    yield* readBlocks(bytes, sink);
  } catch (error) {
    if (error instanceof Error && error.name === 'KustoError') throw error;
    throw invalidAvro(error instanceof Error ? error.message : 'it is damaged');
  }
}
