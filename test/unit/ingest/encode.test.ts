import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { blobBodies, joinRecords } from '../../../src/ingest/blob-body.js';
import type { Batch } from '../../../src/ingest/types.js';
import { createTestIngest, envelope, source } from './support.js';

test('rows of other lengths go into other batches, with their columns as fields', async () => {
  const { ingest, sink } = createTestIngest({
    source: source({}, { format: 'csv', columns: { _o: 'offset', _k: 'key', _p: 'properties' } }),
  });
  await ingest.handle([
    envelope('1,2\n3,"4\n5"\n', 0, { key: 'a,b', properties: { q: '"' } }),
    envelope('6,7,8', 1),
    envelope('\ufeff9,10', 2),
  ]);
  assert.deepEqual(
    sink.batches.map((batch) => [batch.target.fieldCount, joinRecords(batch).toString()]),
    [
      [5, '1,2,1000,"a,b","{""q"":""\\""""}"\n3,"4\n5",1000,"a,b","{""q"":""\\""""}"\n9,10,1002,,{}\n'],
      [6, '6,7,8,1001,,{}\n'],
    ],
  );
});

test('a declared field count makes an odd row a dead letter that can be replayed with its header', async () => {
  const { ingest, sink, deadLetters } = createTestIngest({
    source: source({}, { format: 'csv', ignoreFirstRecord: true }),
    declaredFields: () => 2,
  });
  await ingest.handle([envelope('h,i\n1,2\n3\n4,5\n')]);
  assert.deepEqual(sink.lines, ['1,2', '4,5']);
  const [letter] = [...deadLetters.letters.values()];
  assert.deepEqual(
    [letter?.code, letter?.index, Buffer.from(letter?.body ?? []).toString()],
    ['RECORD_FIELD_COUNT', 1, 'h,i\n3'],
  );
});

test('a piece of a compressed body is stored without the properties that described the body', async () => {
  const { ingest, deadLetters } = createTestIngest({ source: source({}, { dynamicAllow: ['*.*'] }) });
  await ingest.handle([
    envelope(gzipSync('[{"a":1},2]'), 0, { properties: { Compression: 'gzip', Other: 1 } }),
  ]);
  assert.deepEqual([...deadLetters.letters.values()][0]?.properties, { Other: 1 });
});

test('text in another encoding is brought to UTF-8', async () => {
  const { ingest, sink, deadLetters } = createTestIngest({ source: source({}, { dynamicAllow: ['*.*'] }) });
  await ingest.handle([
    envelope(Buffer.from('{"a":"é"}', 'utf16le'), 0, { properties: { Encoding: 'utf-16le' } }),
    envelope(Buffer.from('{"a":"é"}', 'latin1'), 1, { properties: { encoding: 'ISO-8859-1' } }),
    envelope(Buffer.from('{"a":"é"}', 'latin1'), 2),
    envelope('{"a":1}', 3, { properties: { encoding: 'klingon' } }),
  ]);
  assert.deepEqual(sink.lines, ['{"a":"é"}', '{"a":"é"}']);
  assert.deepEqual(deadLetters.codes, ['RECORD_NOT_UTF8', 'RECORD_NOT_UTF8']);
});

test('whole files are blobs of their own, byte for byte', async () => {
  const { ingest, sink, deadLetters } = createTestIngest({ source: source({}, { format: 'parquet' }) });
  const file = Buffer.from('PAR1aaaaaaPAR1');
  await ingest.handle([envelope(file, 0), envelope('{"a":1}', 1), envelope(file, 2)]);
  const bodies = [];
  for await (const body of blobBodies(sink.batches[0] as Batch)) {
    bodies.push(body);
  }
  assert.deepEqual(
    bodies.map(({ bytes, gzipped, records }) => [Buffer.from(bytes), gzipped, records.length]),
    [
      [file, false, 1],
      [file, false, 1],
    ],
  );
  assert.deepEqual(deadLetters.codes, ['RECORD_NOT_OF_FORMAT']);
});

test('lines of a batch become one gzipped blob', async () => {
  const { ingest, sink } = createTestIngest();
  await ingest.handle([envelope('{"a":1}'), envelope('{"a":2}', 1)]);
  const batch = sink.batches[0] as Batch;
  for await (const { bytes, rawBytes, gzipped } of blobBodies(batch)) {
    assert.equal(gunzipSync(bytes).toString(), '{"a":1}\n{"a":2}\n');
    assert.deepEqual([rawBytes, gzipped, batch.rawBytes], [16, true, 16]);
  }
});

test('metadata columns where a format has no place for them are refused at the start', () => {
  for (const format of ['raw', 'parquet', 'orc', 'w3clogfile', 'txt'] as const) {
    assert.throws(() => createTestIngest({ source: source({}, { format, columns: { _o: 'offset' } }) }), {
      code: 'CONFIG_INVALID',
    });
  }
});

const avsc = createRequire(import.meta.url)('avsc') as {
  Type: {
    forSchema(schema: unknown): { toBuffer(value: unknown): Buffer; fromBuffer(bytes: Buffer): unknown };
  };
};
const schema = { type: 'record', name: 'R', fields: [{ name: 'a', type: 'int' }] };
const framed = (id: number, a: number): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(id, 1);
  return Buffer.concat([head, avsc.Type.forSchema(schema).toBuffer({ a })]);
};

test('framed Avro datums share a container, with metadata columns as further fields', async () => {
  const lookups: unknown[] = [];
  const { ingest, sink, deadLetters } = createTestIngest({
    source: source({}, { format: 'avro', columns: { _seq: 'sequenceNumber', _key: 'key' } }),
    schemas: {
      resolve: async (reference) => {
        lookups.push(reference.id);
        return { schema, references: [] };
      },
    },
  });
  await ingest.handle([
    envelope(framed(7, 1), 0, { key: 'k' }),
    envelope(framed(7, 2), 1),
    envelope(Buffer.concat([framed(7, 3), Buffer.of(1)]), 2),
    envelope('{"a":1}', 3),
    envelope(avsc.Type.forSchema(schema).toBuffer({ a: 4 }), 4, {
      properties: { contentType: 'avro/binary+0a1b' },
    }),
  ]);
  const file = joinRecords(sink.batches[0] as Batch);
  assert.equal(sink.batches.length, 1);
  assert.equal(file.subarray(0, 3).toString(), 'Obj');
  const sync = Buffer.from(sink.batches[0]?.header ?? []).subarray(-16);
  assert.ok(sync.equals(file.subarray(-16)));
  const wide = avsc.Type.forSchema({
    ...schema,
    fields: [...schema.fields, { name: '_seq', type: 'long' }, { name: '_key', type: ['null', 'string'] }],
  });
  const rows = sink.batches[0]?.records.map(({ bytes }) =>
    JSON.stringify(wide.fromBuffer(Buffer.from(bytes).subarray(2, -16))),
  );
  assert.deepEqual(rows, [
    '{"a":1,"_seq":0,"_key":"k"}',
    '{"a":2,"_seq":1,"_key":null}',
    '{"a":4,"_seq":4,"_key":null}',
  ]);
  assert.deepEqual(deadLetters.codes, ['RECORD_NOT_AVRO', 'RECORD_NOT_AVRO']);
  assert.deepEqual(lookups, [7, '0a1b']);
});

test('a value over 1 MiB is a dead letter, or counted', async () => {
  const body = `{"a":"${'x'.repeat(1_100_000)}"}`;
  const strict = createTestIngest();
  await strict.ingest.handle([envelope(body)]);
  assert.deepEqual(strict.deadLetters.codes, ['RECORD_TOO_LARGE']);
  const lenient = createTestIngest({ source: source({}, { oversizedValue: 'count' }) });
  await lenient.ingest.handle([envelope(body)]);
  assert.equal(lenient.sink.lines.length, 1);
  assert.equal(lenient.metrics.total('kusto_functions.values.oversized'), 1);
});

test('a replayed piece keeps its index, so that its dead letter stays the same', async () => {
  const { ingest, deadLetters } = createTestIngest();
  await ingest.handle([envelope('[1,{"a":1}]', 5)]);
  const [id] = [...deadLetters.letters.keys()];
  await ingest.handle([envelope('1', 5, { pieceIndex: 0 })]);
  assert.deepEqual([...deadLetters.letters.keys()], [id]);
});
