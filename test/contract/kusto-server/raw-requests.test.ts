import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { type TestContext, test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { createIngestionService } from '../../../local/kusto/dm/service.js';
import { createQueryEngine } from '../../../local/kusto/query/engine.js';
import type { KustoServer } from '../../../local/kusto/server/server.js';
import { command, post, startEngine } from './engine.js';

async function engine(t: TestContext): Promise<KustoServer> {
  return startEngine(t, { queryEngine: createQueryEngine(), ingestion: createIngestionService });
}

/** One row of exact values, as KQL and as it must stand in the raw answer. */
const EXACT: readonly (readonly [kql: string, json: string])[] = [
  ['long(9007199254740993)', '9007199254740993'],
  ['long(-9223372036854775808)', '-9223372036854775808'],
  ['long(9223372036854775807)', '9223372036854775807'],
  ['decimal(1234567890123456789012345678.901234)', '"1234567890123456789012345678.901234"'],
  ['decimal(-0.0000000000000000000000000000000001)', '"-0.0000000000000000000000000000000001"'],
  ['decimal(9999999999999999999999999999999999)', '"9999999999999999999999999999999999"'],
  ['datetime(2026-02-28T23:59:59.9999999Z)', '"2026-02-28T23:59:59.9999999Z"'],
  ['datetime(0001-01-01T00:00:00.0000001Z)', '"0001-01-01T00:00:00.0000001Z"'],
  ['datetime(9999-12-31T23:59:59.9999999Z)', '"9999-12-31T23:59:59.9999999Z"'],
  ['time(-10675199.02:48:05.4775808)', '"-10675199.02:48:05.4775808"'],
  ['time(1.00:00:00.0000001)', '"1.00:00:00.0000001"'],
  [
    'dynamic({"n":9007199254740993,"d":1.5,"deep":[-9223372036854775808]})',
    '{"n":9007199254740993,"d":1.5,"deep":[-9223372036854775808]}',
  ],
  ['real(0.1)', '0.1'],
  ['real(nan)', '"NaN"'],
];

const EXACT_ROW = `[${EXACT.map(([, json]) => json).join(',')}]`;

test('values beyond what a double can hold leave digit for digit, printed and stored, in v1 and v2', async (t) => {
  const server = await engine(t);
  const print = `print ${EXACT.map(([kql], at) => `c${at} = ${kql}`).join(', ')}`;
  await command(server, `.set-or-append T <| ${print}`);
  for (const csl of [print, 'T']) {
    for (const path of ['/v1/rest/query', '/v2/rest/query']) {
      const text = await (await post(server, path, { db: 'Samples', csl })).text();
      assert.ok(text.includes(`"Rows":[${EXACT_ROW}]`), `${path} ${csl}:\n${text}`);
    }
  }
});

test('values streamed as JSON come back digit for digit', async (t) => {
  const server = await engine(t);
  await command(server, '.create table T (l: long, m: decimal, t: datetime, p: timespan, d: dynamic)');
  await command(server, '.alter table T policy streamingingestion enable');
  const cells = [
    '9007199254740993',
    '"1234567890123456789012345678901.234"',
    '"2026-02-28T23:59:59.9999999Z"',
    '"-1.23:59:59.9999999"',
    '{"a":9007199254740993,"b":1.50,"c":12345678901234567890.123456789}',
  ];
  const body = `{"l":${cells[0]},"m":${cells[1]},"t":${cells[2]},"p":${cells[3]},"d":${cells[4]}}\n`;
  const encodings: Readonly<Record<string, (text: string) => Uint8Array>> = {
    identity: (text) => Buffer.from(text),
    gzip: gzipSync,
    deflate: deflateSync,
  };
  for (const [encoding, encode] of Object.entries(encodings)) {
    const response = await fetch(`${server.url}/v1/rest/ingest/Samples/T?streamFormat=JSON`, {
      method: 'POST',
      body: encode(body),
      headers: encoding === 'identity' ? {} : { 'content-encoding': encoding },
    });
    assert.equal(response.status, 200, await response.text());
  }
  const text = await (await post(server, '/v2/rest/query', { db: 'Samples', csl: 'T' })).text();
  const row = `[${cells.join(',')}]`;
  assert.ok(text.includes(`"Rows":[${row},${row},${row}]`), text);
});

/** Sends headers as they are spelt here. */
function spelt(server: KustoServer, path: string, headers: Record<string, string>, body: Uint8Array) {
  return new Promise<{ status: number | undefined; text: string; ids: unknown }>((resolve, reject) => {
    const sent = httpRequest(`${server.url}${path}`, { method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode, text, ids: response.headers['x-ms-client-request-id'] });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

test('headers in any case and properties as object or text mean the same', async (t) => {
  const server = await engine(t);
  const csl = 'declare query_parameters(n: long); range x from 1 to n step 1 | summarize total = sum(x)';
  const properties = { Options: { servertimeout: '00:01:00' }, Parameters: { n: '4' } };
  const spellings = [String, (name: string) => name.toUpperCase(), (name: string) => name.toLowerCase()];
  for (const spell of spellings) {
    for (const value of [properties, JSON.stringify(properties)]) {
      for (const encode of [(text: string) => Buffer.from(text), gzipSync, deflateSync]) {
        const encoding = encode === gzipSync ? 'gzip' : 'deflate';
        const headers = {
          [spell('Content-Type')]: 'application/json; charset=utf-8',
          [spell('X-Ms-Client-Request-Id')]: 'raw;1',
          ...((encode === gzipSync || encode === deflateSync) && { [spell('Content-Encoding')]: encoding }),
        };
        const body = encode(JSON.stringify({ db: 'Samples', csl, properties: value }));
        for (const path of ['/v1/rest/query', '/v2/rest/query']) {
          const answer = await spelt(server, path, headers, body);
          assert.equal(answer.status, 200, answer.text);
          assert.ok(answer.text.includes('"Rows":[[10]]'), answer.text);
          assert.equal(answer.ids, 'raw;1');
        }
      }
    }
  }
});

interface Frame {
  readonly FrameType: string;
  readonly TableKind?: string;
  readonly Rows?: readonly unknown[];
}

/** The rows of the answer, however they are cut into frames. */
function primaryRows(frames: readonly Frame[]): readonly unknown[] {
  const holding = ({ FrameType, TableKind }: Frame) =>
    FrameType === 'TableFragment' || TableKind === 'PrimaryResult';
  return frames.filter(holding).flatMap(({ Rows }) => Rows ?? []);
}

test('every mode of frames carries the same rows, each asked for by text or by value', async (t) => {
  const server = await engine(t);
  const csl = 'range x from 1 to 60000 step 1';
  for (const newlines of [false, true]) {
    for (const fragments of [false, true]) {
      for (const progressive of [false, true]) {
        const Options = {
          results_v2_newlines_between_frames: newlines,
          results_v2_fragment_primary_tables: fragments ? 'true' : 'false',
          results_progressive_enabled: progressive,
        };
        const body = { db: 'Samples', csl, properties: JSON.stringify({ Options }) };
        const text = await (await post(server, '/v2/rest/query', body)).text();
        const frames = JSON.parse(text) as Frame[];
        assert.equal(text.split('\n').length > 1, newlines);
        const cut = frames.filter(({ FrameType }) => FrameType === 'TableFragment').length;
        assert.equal(cut, fragments || progressive ? 2 : 0);
        assert.equal(primaryRows(frames).length, 60_000);
        assert.deepEqual(primaryRows(frames).at(-1), [60_000]);
      }
    }
  }
});
