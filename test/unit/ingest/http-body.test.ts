import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  type BodyIngestDeps,
  type BodyIngestRequest,
  createBodyIngest,
} from '../../../src/ingest/http-body.js';
import type { BodySink, StagedBlob, StagedBlobFacts } from '../../../src/ingest/types.js';
import { KfError } from '../../../src/runtime/errors.js';
import { createCountingMetrics, createFakeClock, createMemoryDeadLetters, silentLogger } from './support.js';

interface MemoryBodySink extends BodySink {
  readonly blobs: Map<string, { bytes: Buffer; facts: StagedBlobFacts }>;
  readonly submitted: StagedBlob[];
}

function createMemoryBodySink(fail?: (step: string) => void): MemoryBodySink {
  const blobs: MemoryBodySink['blobs'] = new Map();
  const submitted: StagedBlob[] = [];
  return {
    blobs,
    submitted,
    open: ({ operationId, index }) => {
      const pieces: Uint8Array[] = [];
      const blob = `${operationId}/${index}`;
      return {
        write: async (bytes) => {
          fail?.('write');
          pieces.push(Buffer.from(bytes));
        },
        commit: async (facts) => {
          fail?.('commit');
          blobs.set(blob, { bytes: Buffer.concat(pieces), facts });
          return { ...facts, id: blob, index, container: 'staging', blob };
        },
        abort: async () => {
          blobs.delete(blob);
        },
      };
    },
    submit: async (request) => {
      fail?.('submit');
      submitted.push(...request.blobs);
      return { possibleDuplicates: 0 };
    },
    discard: async (discarded) => {
      for (const { blob } of discarded) {
        blobs.delete(blob);
      }
    },
  };
}

function setup(change: Partial<BodyIngestDeps> = {}, fail?: (step: string) => void) {
  const bodySink = createMemoryBodySink(fail);
  const deadLetters = createMemoryDeadLetters();
  const clock = createFakeClock();
  const deps: BodyIngestDeps = {
    clock,
    logger: silentLogger,
    metrics: createCountingMetrics(),
    bodySink,
    deadLetters,
    http: { tables: ['Telemetry.*'], maxBodyBytes: 1e9, blobBytes: 1e6 },
    limits: { maxRecordBytes: 1e6, maxInflateRatio: 1000 },
    retry: { maxAttempts: 2, baseMs: 1, maxMs: 1, maxElapsedMs: 1000 },
    ...change,
  };
  return { bodySink, deadLetters, clock, ingest: createBodyIngest(deps) };
}

async function* chunked(body: string | Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(body as string);
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size);
  }
}

function request(
  body: AsyncIterable<Uint8Array>,
  change: Partial<BodyIngestRequest> = {},
): BodyIngestRequest {
  return {
    operationId: 'op',
    database: 'Telemetry',
    table: 'Sensors',
    format: 'json',
    tags: [],
    ignoreFirstRecord: false,
    gzip: false,
    body,
    ...change,
  };
}

const linesOf = (sink: MemoryBodySink): string[] =>
  [...sink.blobs.values()].flatMap(({ bytes }) => gunzipSync(bytes).toString().split('\n').slice(0, -1));

const json: readonly [string, string][] = [
  ['lines', '{"a":1}\r\n{"b":"x\\n"}\n\n{"c":[1,{"d":2}]}'],
  ['concatenated objects', '{"a":1}{"b":"x\\n"}  {"c":[1,{"d":2}]}'],
  ['one array', ' [ {"a":1},{"b":"x\\n"},\n{"c":[1,{"d":2}]} ]\n'],
  ['pretty-printed objects', '{\n  "a":1\n}\n{\n"b":"x\\n"}\n{"c":[1,\n{"d":2}]}\n'],
  ['lines with a byte order mark', '\ufeff{"a":1}\n{"b":"x\\n"}\n{"c":[1,{"d":2}]}\n'],
];
for (const [name, body] of json) {
  for (const size of [1, 7, 1000]) {
    test(`JSON as ${name} in chunks of ${size} becomes the same lines`, async () => {
      const { ingest, bodySink } = setup();
      const result = await ingest.ingest(request(chunked(body, size)));
      assert.deepEqual(linesOf(bodySink), ['{"a":1}', '{"b":"x\\n"}', '{"c":[1,{"d":2}]}']);
      assert.equal(result.records, 3);
      assert.equal(result.blobs, 1);
      assert.equal(bodySink.submitted.length, 1);
    });
  }
}

test('facts of a staged blob agree with its bytes', async () => {
  const { ingest, bodySink } = setup();
  await ingest.ingest(request(chunked('{"a":1}\n{"a":2}\n')));
  const { bytes, facts } = [...bodySink.blobs.values()][0] as { bytes: Buffer; facts: StagedBlobFacts };
  assert.deepEqual(facts, {
    rows: 2,
    rawBytes: 16,
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
});

test('blobs end at record borders once they hold blobBytes', async () => {
  const { ingest, bodySink } = setup({ http: { tables: ['*.*'], maxBodyBytes: 1e9, blobBytes: 20 } });
  const result = await ingest.ingest(request(chunked('{"n":1}\n'.repeat(7))));
  assert.deepEqual(
    [...bodySink.blobs.values()].map(({ facts }) => [facts.rows, facts.rawBytes]),
    [
      [3, 24],
      [3, 24],
      [1, 8],
    ],
  );
  assert.equal(result.rawBytes, 56);
});

test('bad records become dead letters with their index, the rest is handed over', async () => {
  const { ingest, bodySink, deadLetters } = setup();
  const body = '{"a":1}\n{"a":\n{"a":2}\n[1,{"a":3}]\nnope\n{"a":4}{"a":5}\n';
  const result = await ingest.ingest(request(chunked(body)));
  assert.deepEqual(linesOf(bodySink), ['{"a":1}', '{"a":2}', '{"a":3}', '{"a":4}', '{"a":5}']);
  assert.deepEqual(
    [...deadLetters.letters.values()].map(({ code, index, body: bytes, partition }) => [
      code,
      index,
      Buffer.from(bytes).toString(),
      partition,
    ]),
    [
      ['RECORD_NOT_JSON', 1, '{"a":', 'op'],
      ['RECORD_NOT_OBJECT', 3, '1', 'op'],
      ['RECORD_NOT_JSON', 5, 'nope', 'op'],
    ],
  );
  assert.deepEqual([result.records, result.deadLettered], [5, 3]);
});

test('a bad first line does not swallow the lines after it', async () => {
  const { ingest, bodySink, deadLetters } = setup();
  await ingest.ingest(request(chunked('{"a":\n{"a":1}\n{"a":2}\n')));
  assert.deepEqual(linesOf(bodySink), ['{"a":1}', '{"a":2}']);
  assert.deepEqual(deadLetters.codes, ['RECORD_NOT_JSON']);
});

test('CSV rows keep quoted line ends, lose their header, and an odd row is a dead letter', async () => {
  for (const size of [1, 5, 1000]) {
    const { ingest, bodySink, deadLetters } = setup();
    const body = 'h1,h2\r\n1,"a\r\n""b"",c"\r\n\r\n2,x\r3\r\n4,"y"';
    await ingest.ingest(request(chunked(body, size), { format: 'csv', ignoreFirstRecord: true }));
    const text = gunzipSync([...bodySink.blobs.values()][0]?.bytes ?? Buffer.alloc(0)).toString();
    assert.equal(text, '1,"a\r\n""b"",c"\n2,x\n4,"y"\n');
    assert.deepEqual(deadLetters.codes, ['RECORD_FIELD_COUNT']);
  }
});

test('a row of a hundred thousand columns is taken', async () => {
  const { ingest } = setup();
  const row = 'x,'.repeat(99_999);
  const result = await ingest.ingest(request(chunked(`${row}\n${row}`, 65_536), { format: 'csv' }));
  assert.equal(result.records, 2);
});

test('a gzip body of several members is inflated, by header or by its first bytes', async () => {
  for (const gzip of [true, false]) {
    const { ingest, bodySink } = setup();
    const body = Buffer.concat([gzipSync('{"a":1}\n{"a"'), gzipSync(':2}\n')]);
    await ingest.ingest(request(chunked(body), { gzip }));
    assert.deepEqual(linesOf(bodySink), ['{"a":1}', '{"a":2}']);
  }
});

test('parquet is passed through byte for byte as one blob, not gzipped', async () => {
  const { ingest, bodySink } = setup();
  const file = Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(5000, 7), Buffer.from('PAR1')]);
  const result = await ingest.ingest(request(chunked(file), { format: 'parquet' }));
  assert.deepEqual([...bodySink.blobs.values()][0]?.bytes, file);
  assert.deepEqual([result.blobs, result.records, result.rawBytes], [1, undefined, file.length]);
});

async function* endless(): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.alloc(65_536, 'x');
  for (;;) {
    yield chunk;
  }
}

const refusals: readonly [string, () => BodyIngestRequest, string][] = [
  ['a line without end', () => request(endless()), 'RECORD_TOO_LARGE'],
  ['a CSV row without end', () => request(endless(), { format: 'csv' }), 'RECORD_TOO_LARGE'],
  ['a body without end', () => request(endless(), { format: 'raw' }), 'BODY_TOO_LARGE'],
  ['a gzip bomb', () => request(chunked(gzipSync(Buffer.alloc(20_000_000, '\n')), 4096)), 'RECORD_BOMB'],
  ['a truncated gzip body', () => request(chunked(gzipSync('{"a":1}').subarray(0, 20))), 'RECORD_NOT_GZIP'],
  [
    'gzip with something after it',
    () => request(chunked(Buffer.concat([gzipSync('{"a":1}'), Buffer.from([0, 0, 0])]))),
    'RECORD_NOT_GZIP',
  ],
  [
    'a zip archive',
    () => request(chunked(Buffer.from('PK\u0003\u0004aaaaaaaaaaaaaaa'))),
    'RECORD_NOT_OF_FORMAT',
  ],
  ['an empty body', () => request(chunked('')), 'BODY_EMPTY'],
  ['white space', () => request(chunked(' \n \n')), 'BODY_EMPTY'],
  ['a table outside the list', () => request(chunked('{}'), { database: 'Other' }), 'ROUTE_NOT_ALLOWED'],
  ['an array never closed', () => request(chunked('[{"a":1},{"a":2}')), 'RECORD_NOT_JSON'],
  ['text after an array', () => request(chunked('[{"a":1}] x')), 'RECORD_NOT_JSON'],
  ['an array without commas', () => request(chunked('[{"a":1} {"a":2}]')), 'RECORD_NOT_JSON'],
  [
    'a quote never closed',
    () => request(chunked('a,b\n1,"2\n3,4\n'), { format: 'csv' }),
    'RECORD_UNBALANCED_QUOTE',
  ],
  ['too many bad records', () => request(chunked('nope\n'.repeat(1001), 4096)), 'RECORD_NOT_JSON'],
  ['no parquet', () => request(chunked('{"a":1}'), { format: 'parquet' }), 'RECORD_NOT_OF_FORMAT'],
  [
    'half a parquet file',
    () => request(chunked('PAR1aaaaaaaaaaaaaa'), { format: 'parquet' }),
    'RECORD_NOT_OF_FORMAT',
  ],
  ['no Avro container', () => request(chunked('Ob'), { format: 'avro' }), 'RECORD_NOT_OF_FORMAT'],
];
for (const [name, make, code] of refusals) {
  test(`${name} is refused with ${code} and leaves nothing`, async () => {
    const { ingest, bodySink, deadLetters } = setup({
      http: { tables: ['Telemetry.*'], maxBodyBytes: 3e7, blobBytes: 20 },
    });
    await assert.rejects(ingest.ingest(make()), { code });
    assert.equal(bodySink.blobs.size, 0);
    assert.equal(bodySink.submitted.length, 0);
    assert.equal(deadLetters.letters.size, 0);
  });
}

test('a caller who goes away, or a step that fails, leaves nothing', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('{"n":1}\n'.repeat(10));
    throw new Error('connection reset');
  }
  const first = setup({ http: { tables: ['*.*'], maxBodyBytes: 1e9, blobBytes: 20 } });
  await assert.rejects(first.ingest.ingest(request(broken())), /connection reset/);
  assert.equal(first.bodySink.blobs.size, 0);
  for (const step of ['write', 'commit', 'submit']) {
    const { ingest, bodySink } = setup({}, (at) => {
      if (at === step) {
        throw new KfError('STORAGE_UNREACHABLE', step);
      }
    });
    await assert.rejects(ingest.ingest(request(chunked('{"n":1}\n'))), { code: 'STORAGE_UNREACHABLE' });
    assert.equal(bodySink.blobs.size, 0);
    assert.equal(bodySink.submitted.length, 0);
  }
});

test('the same operation id writes the same blobs and dead letters again', async () => {
  const { ingest, bodySink, deadLetters } = setup();
  const body = '{"a":1}\nnope\n{"a":2}\n';
  await ingest.ingest(request(chunked(body)));
  const before = [...bodySink.blobs.entries()].map(([name, { facts }]) => [name, facts.sha256]);
  await ingest.ingest(request(chunked(body, 3)));
  assert.deepEqual(
    [...bodySink.blobs.entries()].map(([name, { facts }]) => [name, facts.sha256]),
    before,
  );
  assert.equal(deadLetters.letters.size, 1);
});

test('a dead-letter store that is down keeps the body from being handed over', async () => {
  const down = createMemoryDeadLetters(() => {
    throw new KfError('STORAGE_UNREACHABLE', 'down');
  });
  const { ingest, bodySink, clock } = setup({ deadLetters: down });
  const taking = ingest.ingest(request(chunked('{"a":1}\nnope\n')));
  await assert.rejects(clock.runUntil(taking), { code: 'STORAGE_UNREACHABLE' });
  assert.equal(bodySink.blobs.size, 0);
  assert.equal(bodySink.submitted.length, 0);
});

test('a signal that aborts while the body streams leaves nothing', async () => {
  const { ingest, bodySink } = setup({ http: { tables: ['*.*'], maxBodyBytes: 1e9, blobBytes: 20 } });
  const stop = new AbortController();
  async function* stopped(): AsyncGenerator<Uint8Array> {
    for (let round = 0; round < 100; round++) {
      yield Buffer.from('{"n":1}\n'.repeat(10));
      if (round === 5) {
        stop.abort(new KfError('CANCELLED', 'caller left'));
      }
    }
  }
  await assert.rejects(ingest.ingest(request(stopped(), { signal: stop.signal })), { code: 'CANCELLED' });
  assert.equal(bodySink.blobs.size, 0);
  assert.equal(bodySink.submitted.length, 0);
});
