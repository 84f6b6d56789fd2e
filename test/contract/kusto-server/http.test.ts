import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { columns, resultTable } from '../../../local/kusto/commands/results.js';
import type { StreamingIngestRequest } from '../../../local/kusto/server/types.js';
import { dynamicFromText } from '../../../local/kusto/values/dynamic.js';
import { cannedQueries, post, startEngine, type V1Table } from './engine.js';
import { notingIngestion } from './ingestion-stub.js';

const ALL_TYPES = columns(
  'b:bool, i:int, l:long, r:real, m:decimal, s:string, t:datetime, p:timespan, g:guid, d:dynamic',
);
const EXACT = resultTable(ALL_TYPES, [
  [
    true,
    -1,
    9_223_372_036_854_775_807n,
    Number.POSITIVE_INFINITY,
    { unscaled: -123_456_789_012_345_678_901n, scale: 3 },
    'a "quote"\n\u2028',
    638_000_000_000_000_001n,
    -864_000_000_000n - 1n,
    '6f7b3c7e-0000-4000-8000-000000000001',
    dynamicFromText('{"a":  1.50,\n"b":9223372036854775807}'),
  ],
  [null, null, null, Number.NaN, null, '', null, null, null, null],
]);
const EXACT_ROWS =
  '[true,-1,9223372036854775807,"Infinity","-123456789012345678.901","a \\"quote\\"\\n\u2028",' +
  '"2022-09-28T22:13:20.0000001Z","-1.00:00:00.0000001","6f7b3c7e-0000-4000-8000-000000000001",' +
  '{"a":  1.50, "b":9223372036854775807}],[null,null,null,"NaN",null,"",null,null,null,null]';

test('values of every type are written exactly in both forms', async (t) => {
  const server = await startEngine(t, { queryEngine: cannedQueries({ q: [EXACT] }) });
  for (const path of ['/v1/rest/query', '/v2/rest/query']) {
    const text = await (await post(server, path, { db: 'Samples', csl: 'q' })).text();
    assert.ok(text.includes(EXACT_ROWS), text);
    JSON.parse(text);
  }
});

test('v2 frames come in order with FrameType first and Rows last', async (t) => {
  const server = await startEngine(t, { queryEngine: cannedQueries({ q: [EXACT, EXACT] }) });
  const response = await post(server, '/v2/rest/query', { db: 'Samples', csl: 'q' });
  const frames = (await response.json()) as Record<string, unknown>[];
  assert.deepEqual(
    frames.map((frame) => [frame['FrameType'], frame['TableKind']]),
    [
      ['DataSetHeader', undefined],
      ['DataTable', 'QueryProperties'],
      ['DataTable', 'PrimaryResult'],
      ['DataTable', 'PrimaryResult'],
      ['DataTable', 'QueryCompletionInformation'],
      ['DataSetCompletion', undefined],
    ],
  );
  for (const frame of frames.slice(1, 5)) {
    assert.deepEqual(Object.keys(frame), [
      'FrameType',
      'TableId',
      'TableKind',
      'TableName',
      'Columns',
      'Rows',
    ]);
  }
});

test('newline and fragment mode puts one frame on each line', async (t) => {
  const server = await startEngine(t, { queryEngine: cannedQueries({ q: [EXACT] }) });
  const Options = {
    results_v2_newlines_between_frames: true,
    results_v2_fragment_primary_tables: true,
    results_error_reporting_placement: 'end_of_table',
  };
  const body = { db: 'Samples', csl: 'q', properties: JSON.stringify({ Options }) };
  const text = await (await post(server, '/v2/rest/query', body)).text();
  const lines = text.split('\n');
  assert.equal(lines[0]?.[0], '[');
  assert.equal(lines.at(-1), ']');
  const frames = lines.slice(0, -1).map((line) => JSON.parse(line.slice(1)) as Record<string, unknown>);
  assert.ok(lines.slice(1, -1).every((line) => line.startsWith(',')));
  assert.deepEqual(
    frames.map((frame) => frame['FrameType']),
    [
      'DataSetHeader',
      'DataTable',
      'TableHeader',
      'TableFragment',
      'TableCompletion',
      'DataTable',
      'DataSetCompletion',
    ],
  );
  assert.equal(frames[0]?.['ErrorReportingPlacement'], 'end_of_table');
  assert.equal(frames[4]?.['RowCount'], 2);
});

test('progressive answers carry progress only when asked for', async (t) => {
  const server = await startEngine(t, { queryEngine: cannedQueries({ q: [EXACT] }) });
  const body = { db: 'Samples', csl: 'q', properties: { Options: { results_progressive_enabled: true } } };
  const frames = (await (await post(server, '/v2/rest/query', body)).json()) as { FrameType: string }[];
  assert.ok(frames.some(({ FrameType }) => FrameType === 'TableProgress'));
});

test('v1 answers have one table for a command and a table of contents for a query, never two tables', async (t) => {
  const server = await startEngine(t, { queryEngine: cannedQueries({ q: [EXACT] }) });
  const tables = async (path: string, csl: string) =>
    ((await (await post(server, path, { db: 'Samples', csl })).json()) as { Tables: V1Table[] }).Tables;
  assert.equal((await tables('/v1/rest/mgmt', '.show tables')).length, 1);
  const query = await tables('/v1/rest/query', 'q');
  assert.equal(query.length, 4);
  assert.deepEqual(
    query[3]?.Rows.map((row) => row[1]),
    ['QueryResult', 'QueryProperties', 'QueryStatus'],
  );
  assert.equal(query[0]?.Columns[0]?.DataType, 'SByte');
});

test('request is understood in every documented variation', async (t) => {
  const server = await startEngine(t, { queryEngine: cannedQueries({ q: [EXACT] }) });
  const body = JSON.stringify({ db: 'Samples', csl: 'q' });
  const url = `${server.url}/v2/rest/query`;
  const answers = [
    fetch(`${url}?db=Samples&csl=q`),
    fetch(url, { method: 'POST', body }),
    fetch(url, { method: 'POST', body: gzipSync(body), headers: { 'Content-Encoding': 'GZIP' } }),
    fetch(url, { method: 'POST', body: deflateSync(body), headers: { 'CONTENT-ENCODING': 'deflate' } }),
    fetch(`${server.url}/v1/REST/Query`, { method: 'POST', body, headers: { accept: 'application/json' } }),
  ];
  for (const response of await Promise.all(answers)) {
    assert.equal(response.status, 200);
    assert.match(await response.text(), /9223372036854775807/);
  }
});

test('long answer is compressed and streamed row by row', async (t) => {
  const rowCount = 300_000;
  const column = { type: 'long' as const, length: rowCount, byteSize: 0, get: (row: number) => BigInt(row) };
  const wide = { schema: columns('n:long'), rowCount, columns: [column] };
  const server = await startEngine(t, { queryEngine: cannedQueries({ q: [wide] }) });
  for (const encoding of ['gzip', 'deflate', 'identity']) {
    const headers = { 'accept-encoding': encoding };
    const response = await post(server, '/v2/rest/query', { db: 'Samples', csl: 'q' }, headers);
    assert.equal(response.headers.get('content-encoding') ?? 'identity', encoding);
    const frames = (await response.json()) as { TableKind?: string; Rows: unknown[][] }[];
    const primary = frames.find(({ TableKind }) => TableKind === 'PrimaryResult');
    assert.equal(primary?.Rows.length, rowCount);
    assert.equal(primary?.Rows.at(-1)?.[0], rowCount - 1);
  }
});

test('every answer carries the request and activity ids', async (t) => {
  const server = await startEngine(t);
  const headers = { 'X-Ms-Client-Request-Id': 'KPC.execute;1' };
  const good = await post(server, '/v1/rest/mgmt', { db: 'Samples', csl: '.show tables' }, headers);
  const bad = await post(server, '/v1/rest/mgmt', { db: 'Samples', csl: '.drop table X' }, headers);
  for (const response of [good, bad]) {
    assert.equal(response.headers.get('x-ms-client-request-id'), 'KPC.execute;1');
    assert.match(response.headers.get('x-ms-activity-id') ?? '', /^[0-9a-f-]{36}$/);
  }
  assert.equal(bad.status, 400);
  const { error } = (await bad.json()) as { error: Record<string, unknown> & { '@context': object } };
  assert.equal(error['code'], 'BadRequest_EntityNotFound');
  assert.equal(error['@permanent'], true);
  assert.deepEqual(Object.keys(error['@context']), [
    'timestamp',
    'serviceAlias',
    'machineName',
    'processName',
    'processId',
    'threadId',
    'clientRequestId',
    'activityId',
    'subActivityId',
    'activityType',
    'parentActivityId',
    'activityStack',
  ]);
});

test('malformed requests get an error of the service, not a dropped connection', async (t) => {
  const server = await startEngine(t);
  const url = `${server.url}/v1/rest/mgmt`;
  const cases: readonly (readonly [RequestInit & { path?: string }, number])[] = [
    [{ method: 'POST', body: 'nope' }, 400],
    [{ method: 'POST', body: '{}' }, 400],
    [{ method: 'POST', body: '{"db":"Samples","csl":".show tables","properties":"nope"}' }, 400],
    [{ method: 'POST', body: 'x', headers: { 'content-encoding': 'gzip' } }, 400],
    [{ method: 'POST', body: 'x', headers: { 'content-encoding': 'br' } }, 400],
    [{ method: 'PUT', body: 'x' }, 405],
  ];
  for (const [init, status] of cases) {
    const response = await fetch(url, init);
    assert.equal(response.status, status, JSON.stringify(init));
    assert.ok(((await response.json()) as { error?: object }).error);
  }
  assert.equal((await fetch(`${server.url}/v1/rest/nothing`)).status, 404);
});

test('cloud metadata has the public values, with a sign-in address of the tester where given', async (t) => {
  const server = await startEngine(t, { loginEndpoint: 'http://127.0.0.1:1' });
  const metadata = (await (await fetch(`${server.url}/v1/rest/auth/metadata`)).json()) as {
    AzureAD: Record<string, unknown>;
  };
  assert.deepEqual(metadata.AzureAD, {
    LoginEndpoint: 'http://127.0.0.1:1',
    LoginMfaRequired: false,
    KustoClientAppId: 'db662dc1-0cfe-4e1c-a843-19a68e65be58',
    KustoClientRedirectUri: 'https://microsoft/kustoclient',
    KustoServiceResourceId: 'https://kusto.kusto.windows.net',
    FirstPartyAuthorityUrl: 'https://login.microsoftonline.com/f8cdef31-a31e-4b4a-93e4-5f571e91255a',
  });
});

test('query that takes longer than its servertimeout is answered with 504', async (t) => {
  const server = await startEngine(t, { queryEngine: { execute: () => new Promise(() => undefined) } });
  const properties = { Options: { servertimeout: '00:00:00.050' } };
  const response = await post(server, '/v2/rest/query', { db: 'Samples', csl: 'q', properties });
  assert.equal(response.status, 504);
});

test('names in a streaming path may be sent unescaped and its query keys in any case', async (t) => {
  const seen: StreamingIngestRequest[] = [];
  const server = await startEngine(t, { ingestion: notingIngestion(seen) });
  await post(server, '/v1/rest/mgmt', { db: 'Samples', csl: ".create table ['a b'] (x: int)" });
  const { port } = new URL(server.url);
  const status = await new Promise((resolve) => {
    const path = '/v1/rest/ingest/Samples/a%20b?StreamFormat=MultiJSON&mappingName=M';
    const sent = httpRequest(
      { port, path, method: 'POST', headers: { 'Content-Encoding': 'gzip' } },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    sent.end(gzipSync('{}'));
  });
  assert.equal(status, 200);
  const [request] = seen;
  assert.equal(request?.table, 'a b');
  assert.equal(request?.format, 'MultiJSON');
  assert.equal(request?.mappingName, 'M');
  assert.equal(Buffer.from(request?.body ?? '').toString(), '{}');
  const tooLarge = await fetch(`${server.url}/v1/rest/ingest/Samples/a%20b?streamFormat=csv`, {
    method: 'POST',
    body: Buffer.alloc(5 * 1024 * 1024, 'a'),
  });
  assert.equal(tooLarge.status, 413);
  assert.match(await tooLarge.text(), /too large/);
  const rest = await post(server, '/v1/rest/ingestion/queued/Samples/T', { blobs: [] });
  assert.deepEqual(await rest.json(), { segments: ['queued', 'Samples', 'T'], body: { blobs: [] } });
});
