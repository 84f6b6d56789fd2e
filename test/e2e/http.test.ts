import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Shipment } from '../../src/ledger/ports.js';
import { createTableLedger } from '../../src/ledger/table-ledger.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { createTableStore } from '../../src/storage/table.azure.js';
import { runCli } from '../helpers/cli.js';
import { addFault, passBatchingTime, removeFaults } from '../helpers/kusto-admin.js';
import { kustoCommand, kustoQuery, type Stack, startStack, until } from '../helpers/stack.js';

const MAX_BODY_BYTES = 65_536;
const TABLES = ['Rows', 'Lost', 'Refused'];
const PIPELINE = `
kusto:
  cluster: "%KUSTO_CLUSTER%"
  auth: { kind: none }
tables:
${TABLES.map(
  (name) => `
  - database: Web
    name: ${name}
    columns: { id: string, n: long, mark: string }
    mappings:
      - name: ByKey
        kind: json
        columns: [{ column: id, path: $.key }, { column: n, path: $.n }, { column: mark, path: $.mark }]
    policies: { ingestionBatching: { MaximumBatchingTimeSpan: "00:00:10" } }`,
).join('')}
sources:
  - name: rows
    eventHub: { connection: EVENTHUB, name: rows }
    route: { database: Web, table: Rows, format: json, tableCreateOptions: CreateIfNotExist }
http:
  tables: [${TABLES.map((name) => `Web.${name}`)}]
  maxBodyBytes: ${MAX_BODY_BYTES}
settle: { everyMs: 1000, settleTimeoutMs: 60000 }
`;

let stack: Stack;
let base: string;
let batching: NodeJS.Timeout;

before(async () => {
  stack = await startStack({ pipeline: PIPELINE, hubs: 'rows:2', hosts: 0 });
  await kustoCommand(stack, 'NetDefaultDB', '.create database Web volatile');
  const applied = await runCli(['apply', '--file', join(stack.appDir, 'pipeline.yaml')], stack.settings);
  assert.equal(applied.code, 0, applied.out + applied.err);
  const host = await stack.startHost();
  base = `${host.ready.url.replace(/\/$/, '')}/api`;
  batching = setInterval(() => void passBatchingTime(stack).catch(() => undefined), 1_000);
});
after(async () => {
  clearInterval(batching);
  await stack.stop();
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Record<string, unknown>;
}

async function call(method: string, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${base}${path}`, { method, ...init });
  const text = await response.text();
  const json = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  return { status: response.status, headers: response.headers, json };
}

const post = (path: string, body: RequestInit['body'], headers: Record<string, string> = {}) =>
  call('POST', path, { body: body as NonNullable<RequestInit['body']>, headers });

const lines = (mark: string, count: number): string =>
  Array.from({ length: count }, (_, n) => `${JSON.stringify({ id: `${mark}-${n}`, n, mark })}\n`).join('');

async function countOf(mark: string, table = 'Rows'): Promise<number> {
  const [row] = await kustoQuery(stack, 'Web', `${table} | where mark == "${mark}" | count`);
  return Number(row?.[0]);
}

/** The operation when nothing more happens to it. */
function ended(answer: Answer): Promise<Answer> {
  assert.equal(answer.status, 202, JSON.stringify(answer.json));
  const path = (answer.headers.get('location') ?? '').replace(/^\/api/, '');
  return until(
    () => call('GET', path),
    ({ json }) => !['pending', 'queued'].includes(String(json['state'])),
  );
}

/** Checks the shape every error has. */
function assertProblem(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, JSON.stringify(answer.json));
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
  assert.equal(answer.json['code'], code);
  assert.equal(answer.json['status'], status);
  for (const field of ['type', 'title', 'detail', 'instance', 'requestId', 'nextCommand']) {
    assert.equal(typeof answer.json[field], 'string', field);
    assert.notEqual(answer.json[field], '', field);
  }
  assert.match(String(answer.json['instance']), /^\/api\//);
}

const BODIES = [
  { name: 'json', query: 'format=json', body: (mark: string) => lines(mark, 5), type: 'text/plain' },
  {
    name: 'JSON array by content type',
    query: '',
    body: (mark: string) => `[${lines(mark, 5).trim().split('\n').join(',')}]`,
    type: 'application/json; charset=utf-8',
  },
  {
    name: 'json through a mapping',
    query: 'mapping=ByKey',
    body: (mark: string) => lines(mark, 5).replaceAll('"id"', '"key"'),
    type: 'application/x-ndjson',
  },
  {
    name: 'csv with a header',
    query: 'format=csv&ignoreFirstRecord=true',
    body: (mark: string) => `id,n,mark\n${[0, 1, 2, 3, 4].map((n) => `"a, ""b""",${n},${mark}\n`).join('')}`,
    type: 'text/csv',
  },
  {
    name: 'gzip',
    query: 'format=json&tags=one,two',
    body: (mark: string) => gzipSync(lines(mark, 5)),
    type: 'application/json',
    encoding: 'gzip',
  },
];

describe('HTTP interface', { concurrency: true }, () => {
  test('every row of a json, csv and gzip body is queryable when its operation has ended', async () => {
    await Promise.all(
      BODIES.map(async ({ name, query, body, type, encoding }) => {
        const mark = randomUUID();
        const headers = {
          'content-type': type,
          ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
        };
        const accepted = await post(`/ingest/Web/Rows?${query}`, body(mark) as string, headers);
        assert.equal(accepted.status, 202, `${name}: ${JSON.stringify(accepted.json)}`);
        const { operationId } = accepted.json;
        assert.equal(accepted.headers.get('location'), `/api/operations/${operationId}`);
        assert.ok(Number(accepted.headers.get('retry-after')) > 0);
        const { json } = await ended(accepted);
        assert.equal(json['state'], 'succeeded', `${name}: ${JSON.stringify(json)}`);
        assert.deepEqual([json['records'], json['succeeded'], json['deadLettered']], [5, 5, 0], name);
        assert.equal(await countOf(mark), 5, name);
      }),
    );
  });

  test('a repeat under an Idempotency-Key adds no row, during and after the first', async () => {
    const mark = randomUUID();
    const headers = { 'idempotency-key': `key ${mark}` };
    const send = () => post('/ingest/Web/Rows?format=json', lines(mark, 7), headers);
    const answers = await Promise.all([send(), send(), send(), send()]);
    const accepted = answers.filter(({ status }) => status === 202);
    assert.ok(accepted.length >= 1);
    for (const refused of answers.filter(({ status }) => status !== 202)) {
      assertProblem(refused, 409, 'IDEMPOTENCY_IN_PROGRESS');
      assert.ok(Number(refused.headers.get('retry-after')) > 0);
    }
    const first = accepted[0] as Answer;
    assert.equal((await ended(first)).json['state'], 'succeeded');
    const repeat = await send();
    assert.equal(repeat.status, 202);
    assert.equal(repeat.headers.get('idempotent-replayed'), 'true');
    for (const one of [...accepted, repeat]) {
      assert.equal(one.json['operationId'], first.json['operationId']);
    }
    assert.equal(await countOf(mark), 7);
    assertProblem(
      await post('/ingest/Web/Lost?format=json', lines(mark, 7), headers),
      409,
      'IDEMPOTENCY_MISMATCH',
    );
    assertProblem(
      await post('/ingest/Web/Rows?format=csv', lines(mark, 7), headers),
      409,
      'IDEMPOTENCY_MISMATCH',
    );
  });

  test('a body over an upload link arrives once, and the link does nothing else', async () => {
    const mark = randomUUID();
    const made = await post('/uploads', JSON.stringify({ database: 'Web', table: 'Rows' }));
    assert.equal(made.status, 201);
    const { uploadId, url, method, headers } = made.json as {
      uploadId: string;
      url: string;
      method: string;
      headers: Record<string, string>;
    };
    assert.ok(Date.parse(String(made.json['expiresAt'])) > Date.now());
    const early = await post(`/ingest/Web/Rows?format=json&upload=${uploadId}`, '');
    assertProblem(early, 404, 'NOT_FOUND');
    const body = lines(mark, 600);
    assert.equal((await fetch(url, { method, headers, body })).status, 201);
    assert.equal((await fetch(url)).status, 403, 'the link does not read');
    assert.equal((await fetch(url, { method: 'DELETE' })).status, 403, 'the link does not delete');
    const accepted = await post(`/ingest/Web/Rows?format=json&upload=${uploadId}`, '');
    assert.equal((await ended(accepted)).json['state'], 'succeeded');
    assert.equal(await countOf(mark), 600);
    assertProblem(await post(`/ingest/Web/Rows?format=json&upload=${uploadId}`, ''), 404, 'NOT_FOUND');
  });

  test('what the allow-list, the options and the limits forbid is refused with its code', async () => {
    const mark = randomUUID();
    const good = lines(mark, 1);
    assertProblem(await post('/ingest/Other/Rows?format=json', good), 403, 'ROUTE_NOT_ALLOWED');
    assertProblem(await post('/ingest/Web/rows?format=json', good), 403, 'ROUTE_NOT_ALLOWED');
    assertProblem(await post('/uploads', '{"database":"Web","table":"X"}'), 403, 'ROUTE_NOT_ALLOWED');
    for (const path of ['?format=json&colour=red', '?format=json&ignoreFirstRecord=maybe']) {
      const answer = await post(`/ingest/Web/Rows${path}`, good);
      assertProblem(answer, 400, 'REQUEST_INVALID');
      assert.match(String(answer.json['detail']), /colour|ignoreFirstRecord/);
    }
    assertProblem(await post('/ingest/Web/Rows?format=xml', good), 400, 'FORMAT_UNKNOWN');
    assertProblem(
      await post('/ingest/Web/Rows', good, { 'content-type': 'image/png' }),
      400,
      'FORMAT_UNKNOWN',
    );
    assertProblem(await post('/ingest/Web/Rows?format=json', ''), 400, 'BODY_EMPTY');
    assertProblem(await post('/uploads', '{"database":'), 400, 'REQUEST_INVALID');
    assertProblem(await post('/ingest/Web/Rows?format=json', lines(mark, 2_000)), 413, 'BODY_TOO_LARGE');
    assertProblem(await call('GET', `/operations/${randomUUID()}`), 404, 'NOT_FOUND');
    assertProblem(await call('GET', '/dead-letters?kind=odd'), 400, 'REQUEST_INVALID');
    assertProblem(await post('/dead-letters/replay', '{"limit":0}'), 400, 'REQUEST_INVALID');
    assertProblem(await call('POST', `/shipments/${randomUUID()}/retry`), 404, 'NOT_FOUND');
    assertProblem(await call('POST', `/shipments/${randomUUID()}/dead-letter`), 404, 'NOT_FOUND');
    assert.equal(await countOf(mark), 0, 'nothing of a refused body is kept');
  });

  test('bad records of a body are dead letters that hold their bytes; the others arrive', async () => {
    const mark = randomUUID();
    const bad = `{"mark":"${mark}", broken`;
    const accepted = await post('/ingest/Web/Rows?format=json', `${lines(mark, 3)}${bad}\n`);
    const { json } = await ended(accepted);
    assert.equal(json['state'], 'partiallySucceeded', JSON.stringify(json));
    assert.deepEqual([json['succeeded'], json['deadLettered']], [3, 1]);
    assert.equal(await countOf(mark), 3);
    const page = await call('GET', '/dead-letters?kind=decode&source=http');
    const letters = page.json['letters'] as Record<string, string>[];
    const own = letters.filter(({ bodyBase64 = '' }) => Buffer.from(bodyBase64, 'base64').includes(mark));
    assert.equal(own.length, 1);
    assert.equal(Buffer.from(own[0]?.['bodyBase64'] ?? '', 'base64').toString(), bad);
    assert.equal(own[0]?.['code'], 'RECORD_NOT_JSON');
    assert.ok(Date.parse(own[0]?.['time'] ?? '') > 0);
  });

  test('what the service refused arrives by a replay after the fix, and a second replay adds no row', async () => {
    const mark = randomUUID();
    const rule = { target: 'operation', match: 'Web.Refused', action: 'permanent', code: 'BadRequest_X' };
    const fault = await addFault(stack, rule);
    const { json } = await ended(await post('/ingest/Web/Refused?format=json', lines(mark, 1)));
    assert.equal(json['state'], 'failed', JSON.stringify(json));
    assert.equal(json['deadLettered'], 1);
    const page = await call('GET', '/dead-letters?kind=delivery&code=INGESTION_REFUSED');
    const [letter] = page.json['letters'] as Record<string, unknown>[];
    assert.equal(letter?.['serviceCode'], 'BadRequest_X', JSON.stringify(page.json));
    await removeFaults(stack, fault);
    const replay = () => post('/dead-letters/replay', '{"kind":"delivery","code":"INGESTION_REFUSED"}');
    const first = await replay();
    assert.deepEqual([first.status, first.json['replayed'], first.json['failed']], [200, 1, 0]);
    await until(
      () => countOf(mark, 'Refused'),
      (count) => count >= 1,
    );
    assert.equal((await replay()).json['replayed'], 0);
    assert.equal(await countOf(mark, 'Refused'), 1);
  });

  test('a shipment without news becomes unknown; an operator sends it again or gives it up', async () => {
    const marks = [randomUUID(), randomUUID()] as const;
    await addFault(stack, { target: 'operation', match: 'Web.Lost', action: 'vanish', times: 2 });
    for (const mark of marks) {
      const accepted = await post('/ingest/Web/Lost?format=json', lines(mark, 4));
      assert.equal(accepted.status, 202);
    }
    const lost = async () =>
      ((await call('GET', '/shipments')).json['shipments'] as Shipment[]).filter(
        ({ table }) => table === 'Lost',
      );
    assert.equal((await lost()).length, 2);
    await letTimePass(await lost());
    const unknown = await until(lost, (found) => found.every(({ state }) => state === 'unknown'));
    const [again, given] = unknown as [Shipment, Shipment];
    assert.equal((await call('POST', `/shipments/${again.id}/retry`)).json['action'], 'retry');
    const cli = await runCli(['shipments', 'dead-letter', given.id, '--url', base.replace('/api', '')]);
    assert.equal(cli.code, 0, cli.err);
    await until(lost, (found) => found.length === 0);
    const counts = await Promise.all(marks.map((mark) => countOf(mark, 'Lost')));
    assert.deepEqual(counts.sort(), [0, 4]);
    const { json } = await call('GET', '/dead-letters?code=INGESTION_UNKNOWN');
    assert.equal((json['letters'] as unknown[]).length, 4);
  });

  test('GET /api/openapi.json describes every HTTP function, and nothing else', async () => {
    const listed = (await (await fetch(`${stack.hosts[0]?.ready.admin}/functions`)).json()) as {
      config: { bindings: { type: string; route?: string; methods?: string[] }[] };
    }[];
    const registered = listed
      .flatMap(({ config }) => config.bindings)
      .filter(({ type }) => type === 'httpTrigger')
      .flatMap(({ route, methods }) => (methods ?? []).map((verb) => `${verb.toLowerCase()} /${route}`));
    const { json } = await call('GET', '/openapi.json');
    const paths = json['paths'] as Record<string, Record<string, unknown>>;
    const described = Object.entries(paths).flatMap(([path, verbs]) =>
      Object.keys(verbs).map((verb) => `${verb} ${path}`),
    );
    assert.deepEqual(described.sort(), registered.sort());
    assert.equal(json['openapi'], '3.1.0');
  });

  test('pipelines, health and doctor tell what runs', async () => {
    const { pipelines } = (await call('GET', '/pipelines')).json as { pipelines: Record<string, unknown>[] };
    assert.deepEqual(
      pipelines.map(({ name, database, table, delivery }) => [name, database, table, delivery]),
      [['rows', 'Web', 'Rows', 'queued']],
    );
    assert.deepEqual((await call('GET', '/health')).json, { status: 'ok' });
    const doctor = await call('GET', '/doctor');
    assert.equal(doctor.json['ok'], true, JSON.stringify(doctor.json));
  });

  test('the command line ends with 0 done, 1 failed, 2 usage or configuration, 3 not reachable', async () => {
    const mark = randomUUID();
    const file = join(stack.appDir, 'rows.jsonl');
    const wrong = join(stack.appDir, 'wrong.yaml');
    await writeFile(file, lines(mark, 6));
    await writeFile(wrong, 'kusto: { cluster: 1 }\nsorces: []\n');
    const yaml = join(stack.appDir, 'pipeline.yaml');
    const cases: readonly (readonly [number, readonly string[]])[] = [
      [0, ['--help']],
      [0, ['check', '--file', yaml]],
      [0, ['doctor', '--json']],
      [0, ['ingest', file, '--table', 'Web.Rows', '--wait']],
      [0, ['shipments', 'list']],
      [0, ['dead-letters', 'list', '--limit', '5', '--json']],
      [1, ['ingest', file, '--table', 'Other.Rows']],
      [1, ['operation', 'show', randomUUID()]],
      [2, []],
      [2, ['ingets']],
      [2, ['ingest', file]],
      [2, ['ingest', `${file}.none`, '--table', 'Web.Rows']],
      [2, ['check', '--file', wrong]],
      [2, ['check', '--file', `${wrong}.none`]],
    ];
    const url = base.replace('/api', '');
    const outcomes = await Promise.all(
      cases.map(async ([code, args]) => {
        const outcome = await runCli([...args, '--url', url], stack.settings);
        assert.equal(outcome.code, code, `${args.join(' ')}\n${outcome.out}\n${outcome.err}`);
        return outcome;
      }),
    );
    assert.match(outcomes[7]?.err ?? '', /^NOT_FOUND: .+\n {2}fix {3}.+\n {2}next {2}/);
    const nobody = await runCli(['doctor', '--url', 'http://127.0.0.1:9']);
    assert.equal(nobody.code, 3);
    assert.equal(await countOf(mark), 6);
  });
});

/** Makes the ledger believe that shipments were handed over long ago. */
async function letTimePass(shipments: readonly Shipment[]): Promise<void> {
  const storage = {
    connectionString: stack.azurite.connectionString,
    stagingContainer: 'kusto-staging',
    ledgerTable: 'KustoLedger',
  };
  const table = createTableStore({ storage, table: storage.ledgerTable, clock: systemClock });
  const ledger = createTableLedger({ table, clock: systemClock });
  for (const { id } of shipments) {
    const found = await until(
      () => ledger.get(id),
      (one) => one?.state === 'queued',
    );
    await ledger.update(found as Shipment, { updatedAtMs: 0 });
  }
}
