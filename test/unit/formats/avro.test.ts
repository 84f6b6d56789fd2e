import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { avroFraming, avroLong, checkAvroContainer } from '../../../src/formats/avro-container.js';
import { parseAvroSchema } from '../../../src/formats/avro-schema.js';
import { walkDatum } from '../../../src/formats/avro-walk.js';

interface Avsc {
  readonly Type: { forSchema(schema: unknown): { toBuffer(value: unknown): Buffer } };
  readonly streams: { BlockDecoder: new () => NodeJS.ReadWriteStream };
}
const avsc = createRequire(import.meta.url)('avsc') as Avsc;

const schema = {
  type: 'record',
  name: 'Reading',
  namespace: 'plant',
  fields: [
    { name: 'n', type: 'long' },
    { name: 'text', type: ['null', 'string'] },
    { name: 'list', type: { type: 'array', items: 'double' } },
    { name: 'map', type: { type: 'map', values: 'int' } },
    { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A', 'B'] } },
    { name: 'hash', type: { type: 'fixed', name: 'Hash', size: 4 } },
    { name: 'ok', type: 'boolean' },
    { name: 'next', type: ['null', 'Reading'] },
  ],
};
const leaf = {
  n: -5,
  text: null,
  list: [],
  map: {},
  kind: 'A',
  hash: Buffer.alloc(4),
  ok: false,
  next: null,
};
const value = {
  ...leaf,
  n: 2 ** 40,
  text: 'é',
  list: [1, 2.5],
  map: { a: 1 },
  next: leaf,
};
const datum = avsc.Type.forSchema(schema).toBuffer(value);
const { type, json } = parseAvroSchema(schema);

async function decode(container: Buffer): Promise<unknown[]> {
  const decoder = new avsc.streams.BlockDecoder();
  const rows: unknown[] = [];
  decoder.on('data', (row) => rows.push(row));
  const ended = new Promise((resolve, reject) => {
    decoder.on('end', resolve);
    decoder.on('error', reject);
  });
  decoder.end(container);
  await ended;
  return JSON.parse(JSON.stringify(rows)) as unknown[];
}

test('a datum is walked to exactly its end', () => {
  walkDatum(datum, type);
  assert.throws(() => walkDatum(Buffer.concat([datum, Buffer.of(0)]), type), { code: 'RECORD_NOT_AVRO' });
  for (let length = 0; length < datum.length; length++) {
    assert.throws(
      () => walkDatum(datum.subarray(0, length), type),
      { code: 'RECORD_NOT_AVRO' },
      `${length} bytes`,
    );
  }
});

test('datums of one schema become one container file that others read', async () => {
  const framing = avroFraming(json);
  const file = Buffer.concat([framing.header, framing.block([datum]), framing.block([datum])]);
  assert.equal(checkAvroContainer(file), 2);
  const rows = (await decode(file)) as { n: number; next: unknown }[];
  assert.equal(rows.length, 2);
  assert.equal(rows[1]?.n, 2 ** 40);
  assert.equal(avroFraming(json).fingerprint, framing.fingerprint);
});

test('damaged containers are refused', () => {
  const framing = avroFraming(json);
  const file = Buffer.concat([framing.header, framing.block([datum])]);
  const noSync = Buffer.from(file);
  noSync[file.length - 1] = (noSync[file.length - 1] as number) ^ 1;
  for (const bad of [
    noSync,
    file.subarray(0, -1),
    file.subarray(0, 40),
    Buffer.from('Obj\u0001'),
    Buffer.from('{}'),
  ]) {
    assert.throws(() => checkAvroContainer(bad), { code: 'RECORD_NOT_AVRO' });
  }
});

test('references are inlined where they are first used', async () => {
  const point = { type: 'record', name: 'geo.Point', fields: [{ name: 'x', type: 'int' }] };
  const outer = {
    type: 'record',
    name: 'Trip',
    namespace: 'geo',
    fields: [
      { name: 'from', type: 'geo.Point' },
      { name: 'to', type: 'Point' },
    ],
  };
  const parsed = parseAvroSchema(outer, [point]);
  const framing = avroFraming(parsed.json);
  const bytes = Buffer.concat([avroLong(1), avroLong(2)]);
  walkDatum(bytes, parsed.type);
  assert.deepEqual(await decode(Buffer.concat([framing.header, framing.block([bytes])])), [
    { from: { x: 1 }, to: { x: 2 } },
  ]);
  assert.throws(() => parseAvroSchema(outer), { code: 'RECORD_NOT_AVRO', message: /geo.Point/ });
});

test('arrays of nothing and endless recursion are stopped', () => {
  const nothing = parseAvroSchema({ type: 'array', items: 'null' }).type;
  const bomb = Buffer.concat([avroLong(50_000_000), avroLong(0)]);
  assert.throws(() => walkDatum(bomb, nothing), { code: 'RECORD_BOMB' });
  const list = parseAvroSchema({
    type: 'record',
    name: 'L',
    fields: [{ name: 'next', type: ['null', 'L'] }],
  }).type;
  assert.throws(() => walkDatum(Buffer.alloc(100_000, 2), list), { code: 'RECORD_TOO_DEEP' });
  const self = parseAvroSchema({ type: 'record', name: 'S', fields: [{ name: 'self', type: 'S' }] }).type;
  assert.throws(() => walkDatum(Buffer.alloc(0), self), { code: 'RECORD_TOO_DEEP' });
  assert.throws(() => walkDatum(Buffer.alloc(20, 0xff), parseAvroSchema('long').type), {
    code: 'RECORD_NOT_AVRO',
  });
});

test('schemas that are none are refused', () => {
  const cyclic: unknown[] = [];
  for (let depth = 0; depth < 200; depth++) {
    cyclic[0] = depth === 0 ? 'int' : { type: 'array', items: cyclic[0] };
  }
  for (const bad of [
    7,
    null,
    {},
    'nope',
    { type: 'record' },
    { type: 'fixed', name: 'f' },
    { type: 'enum', name: 'e' },
    cyclic[0],
  ]) {
    assert.throws(() => parseAvroSchema(bad), { code: 'RECORD_NOT_AVRO' });
  }
});
