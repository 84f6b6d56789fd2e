import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { failed, passed, report } from '../../../src/checks/codes.js';
import { createApi } from '../../../src/cli/api.js';
import type { CliDeps } from '../../../src/cli/command.js';
import { kindOfFile } from '../../../src/cli/ingest-command.js';
import { commands, runCli } from '../../../src/cli/run.js';
import { hostFactsOf } from '../../../src/config/host-facts.js';
import { KfError } from '../../../src/runtime/errors.js';
import { fakeKusto, healthy, table } from '../checks/fakes.js';
import { kustoPart, settings, withRoute } from '../config/fixture.js';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let server: Server;
let url = '';
let seen: Seen[] = [];
let answers: { status?: number; body: unknown }[] = [];
const folder = mkdtempSync(join(tmpdir(), 'kusto-functions-cli-'));

before(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) {
      body += chunk;
    }
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
    const { status = 200, body: answer } = answers.shift() ?? { body: {} };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  seen = [];
  answers = [];
});

async function run(args: readonly string[], more: Partial<CliDeps> = {}, yamlText = kustoPart) {
  const out: string[] = [];
  const err: string[] = [];
  let nowMs = 0;
  const code = await runCli(args, {
    output: { out: (line) => out.push(line), err: (line) => err.push(line) },
    clock: {
      now: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
      },
      newId: () => 'new-id',
    },
    environment: { KUSTO_FUNCTIONS_URL: url },
    openApi: createApi,
    readConfig: () => ({ path: 'pipeline.yaml', yamlText, settings, host: hostFactsOf({}, {}) }),
    openKusto: async () => fakeKusto(healthy),
    runChecks: async () => report([passed('cluster')]),
    onInterrupt: () => () => undefined,
    ...more,
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

test('no command is a usage error with the overview, --help is none', async () => {
  assert.deepEqual([(await run([])).code, (await run(['--help'])).code], [2, 0]);
  assert.match((await run([])).err, /Commands/);
});

test('every command explains itself', async () => {
  for (const { name, usage } of commands) {
    const { code, out } = await run([...name.split(' '), '--help']);
    assert.equal(code, 0);
    assert.ok(out.startsWith(`Usage: kusto-functions ${usage}`));
  }
  assert.deepEqual(seen, []);
});

test('wrong command lines exit with 2 and say what would be right', async () => {
  const cases: [string[], RegExp][] = [
    [['ingst', 'f'], /did you mean ingest\?/],
    [['dead-letters'], /dead-letters list, dead-letters replay/],
    [['shipments', '--jsn'], /did you mean --json\?/],
    [['ingest', 'f'], /--table is required/],
    [['ingest', 'f.csv', '--table', 'T'], /DATABASE\.TABLE/],
    [['ingest', 'f.xyz', '--table', 'D.T'], /--format is needed/],
    [['ingest', '/nowhere.csv', '--table', 'D.T'], /no such file/],
    [['operation', 'show'], /usage: kusto-functions operation show ID/],
    [['doctor', 'now'], /usage: kusto-functions doctor/],
    [['doctor', '--url', 'localhost:7071'], /write http:\/\/HOST:PORT/],
    [['operation', 'show', 'x', '--timeout', 'soon'], /write a duration/],
    [['ingest', 'f.csv', '--table', 'D.T', '--table', 'D.U'], /--table is given twice/],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await run(args);
    assert.deepEqual([args, code], [args, 2]);
    assert.match(err, message);
  }
});

test('check prints every mistake and exits with 2', async () => {
  const text = `${kustoPart}validate: perhaps\nlogLevel: loud\n`;
  const { code, err } = await run(['check'], {}, text);
  assert.equal(code, 2);
  assert.match(
    err,
    /^2 mistakes in pipeline\.yaml:\n {2}pipeline\.yaml:4:1 validate: .*\n {2}pipeline\.yaml:5:1 logLevel: /,
  );
  const parsed = JSON.parse((await run(['check', '--json'], {}, text)).out);
  assert.deepEqual([parsed.ok, parsed.mistakes.length], [false, 2]);
});

test('check of a right file shows its sources and warnings and exits with 0', async () => {
  const { code, out } = await run(
    ['check'],
    {},
    withRoute('      format: csv\n      flushImmediately: true'),
  );
  assert.equal(code, 0);
  assert.match(out, /source {3}s: event hub h → D\.T \(csv, queued\)/);
  assert.match(out, /warning {2}source s: route\.flushImmediately/);
});

test('a file that cannot be read exits with 2', async () => {
  const readConfig = (): never => {
    throw new KfError('CONFIG_INVALID', 'x.yaml cannot be read');
  };
  assert.equal((await run(['check'], { readConfig })).code, 2);
});

test('apply tells what it did and fails when a table fails', async () => {
  const text = `${kustoPart}tables: [{database: D, name: T, columns: {a: long}}, {database: D, name: New, columns: {a: long}}]\n`;
  const client = fakeKusto([[/^\.create-merge/, table({ ok: 1 })], ...healthy]);
  const good = await run(['apply'], { openKusto: async () => client }, text);
  assert.equal(good.code, 0);
  assert.equal(good.out, 'unchanged  D.T  table  as it should be\ncreated    D.New  table  1 columns');
  const bad = await run(['apply', '--json'], { openKusto: async () => fakeKusto(healthy) }, text);
  assert.equal(bad.code, 1);
  assert.deepEqual(
    JSON.parse(bad.out).steps.map(({ outcome }: { outcome: string }) => outcome),
    ['unchanged', 'failed'],
  );
});

test('doctor shows each failure with its fix and exits with 1', async () => {
  const checks = [
    passed('cluster', 'answers'),
    failed('table D.T', 'TABLE_MISSING', { message: 'it does not exist', fix: 'kusto-functions apply' }),
    failed('batching D.T', 'BATCHING_DEFAULT', { message: 'none', warning: true }),
  ];
  answers = [{ body: report(checks) }];
  const { code, out } = await run(['doctor']);
  assert.equal(code, 1);
  assert.match(
    out,
    /^ok {4}cluster: answers\nFAIL {2}table D\.T: it does not exist \(TABLE_MISSING\)\n {8}→ kusto-functions apply\nwarn/,
  );
  assert.equal(seen[0]?.url, '/api/doctor');
});

test('doctor --local asks no app', async () => {
  assert.equal((await run(['doctor', '--local'])).code, 0);
  assert.deepEqual(seen, []);
});

test('an app that is not there exits with 3 and says what to try', async () => {
  const { code, err } = await run(['doctor', '--url', 'http://127.0.0.1:1']);
  assert.equal(code, 3);
  assert.match(err, /cannot be reached.*\n.*doctor --local/);
});

test('a cluster that is not there exits with 3', async () => {
  const openKusto = async (): Promise<never> => {
    throw new KfError('KUSTO_UNREACHABLE', 'connection refused');
  };
  assert.equal((await run(['apply'], { openKusto })).code, 3);
});

test('a file is streamed to the app with its format, compression and key', async () => {
  const file = join(folder, 'rows.csv.gz');
  writeFileSync(file, 'x'.repeat(200_000));
  answers = [{ status: 202, body: { operationId: 'op1', state: 'queued' } }];
  const { code, out } = await run([
    ...['ingest', file, '--table', 'My Db.T', '--ignore-first-record', '--mapping', 'M', '--key', 'secret'],
    ...['--idempotency-key', 'once'],
  ]);
  assert.equal(code, 0);
  assert.match(out, /operation show op1 --wait/);
  const [request] = seen;
  assert.equal(request?.url, '/api/ingest/My%20Db/T?format=csv&mapping=M&ignoreFirstRecord=true');
  assert.equal(request?.body.length, 200_000);
  const { headers } = request as Seen;
  assert.deepEqual(
    [
      headers['content-encoding'],
      headers['content-length'],
      headers['x-functions-key'],
      headers['idempotency-key'],
    ],
    ['gzip', '200000', 'secret', 'once'],
  );
});

test('ingest --wait polls until the end and fails when the service refused it', async () => {
  const file = join(folder, 'rows.json');
  writeFileSync(file, '{}\n');
  for (const [state, expected] of [
    ['succeeded', 0],
    ['failed', 1],
    ['partiallySucceeded', 1],
  ] as const) {
    seen = [];
    answers = [
      { status: 202, body: { operationId: 'op 1' } },
      { body: { state: 'queued' } },
      { body: { state } },
    ];
    assert.equal((await run(['ingest', file, '--table', 'D.T', '--wait', '--json'])).code, expected);
    assert.deepEqual(
      seen.map((one) => one.url),
      ['/api/ingest/D/T?format=json', '/api/operations/op%201', '/api/operations/op%201'],
    );
  }
});

test('waiting ends at the timeout, with 1 and the command to go on', async () => {
  answers = Array.from({ length: 10 }, () => ({ body: { state: 'queued' } }));
  const { code, err } = await run(['operation', 'show', 'x', '--wait', '--timeout', '5s']);
  assert.equal(code, 1);
  assert.match(err, /operation show x --wait/);
  assert.equal(seen.length, 4);
});

test('an error of the app is shown with code, fix and next command', async () => {
  const problem = {
    code: 'ROUTE_NOT_ALLOWED',
    detail: 'D.T is not in http.tables',
    fix: 'Add it',
    nextCommand: 'kusto-functions check',
  };
  answers = [
    { status: 403, body: problem },
    { status: 403, body: problem },
  ];
  const { code, err } = await run(['operation', 'show', 'x']);
  assert.equal(code, 1);
  assert.equal(
    err,
    'ROUTE_NOT_ALLOWED: D.T is not in http.tables\n  fix   Add it\n  next  kusto-functions check',
  );
  assert.equal(JSON.parse((await run(['operation', 'show', 'x', '--json'])).out).code, 'ROUTE_NOT_ALLOWED');
});

test('a missing key is told as such', async () => {
  answers = [{ status: 401, body: {} }];
  assert.match((await run(['shipments'])).err, /--key/);
});

test('shipments are listed, sent again, or kept as dead letters', async () => {
  const shipment = {
    id: 's1',
    state: 'unknown',
    source: 'flights',
    database: 'D',
    table: 'T',
    rows: 5,
    attempts: 1,
  };
  answers = [{ body: { shipments: [shipment] } }, { body: { shipments: [] } }];
  assert.match((await run(['shipments'])).out, /^ID {2}STATE.*\ns1 {2}unknown {2}flights {2}D\.T/);
  assert.match((await run(['shipments', 'list'])).out, /everything that was sent is settled/);
  await run(['shipments', 'retry', 'a/b']);
  await run(['shipments', 'dead-letter', 's1']);
  assert.deepEqual(
    seen.slice(2).map(({ method, url: path }) => `${method} ${path}`),
    ['POST /api/shipments/a%2Fb/retry', 'POST /api/shipments/s1/dead-letter'],
  );
});

test('dead letters are listed and replayed by filter; what fails again exits with 1', async () => {
  const letter = {
    time: 't',
    source: 's',
    kind: 'decode',
    code: 'RECORD_NOT_JSON',
    database: 'D',
    table: 'T',
    partition: '0',
    offset: '7',
    message: 'm',
  };
  answers = [
    { body: { letters: [letter], continuation: 'next' } },
    { body: { replayed: 2, failed: 0, skipped: 0 } },
    { body: { replayed: 1, failed: 1 } },
  ];
  const listed = await run([
    'dead-letters',
    'list',
    '--source',
    's',
    '--code',
    'RECORD_NOT_JSON',
    '--limit',
    '5',
  ]);
  assert.match(listed.out, /decode {2}RECORD_NOT_JSON {2}D\.T {5}0\/7/);
  assert.match(listed.out, /--continuation next/);
  assert.equal(seen[0]?.url, '/api/dead-letters?source=s&errorCode=RECORD_NOT_JSON&limit=5');
  assert.equal((await run(['dead-letters', 'replay', '--kind', 'delivery', '--limit', '9'])).code, 0);
  assert.deepEqual(JSON.parse(seen[1]?.body ?? ''), { kind: 'delivery', limit: 9 });
  assert.equal((await run(['dead-letters', 'replay'])).code, 1);
});

test('options may stand before the command', async () => {
  answers = [{ body: report([passed('a')]) }];
  assert.equal((await run(['--url', url, '--json', 'doctor'])).code, 0);
});

test('the format of a file follows from its name', () => {
  assert.deepEqual(['a.json', 'A.CSV.GZ', 'x.parquet', 'x.jsonl', 'x', 'x.zip'].map(kindOfFile), [
    { format: 'json', gzip: false },
    { format: 'csv', gzip: true },
    { format: 'parquet', gzip: false },
    { format: 'json', gzip: false },
    { format: undefined, gzip: false },
    { format: undefined, gzip: false },
  ]);
});

test('an answer that comes before the whole file is read counts, and the command ends', async () => {
  const busy = createServer((_request, response) => {
    response.writeHead(413, { connection: 'close' }).end('{"code":"BODY_TOO_LARGE","detail":"too large"}');
  });
  busy.listen(0, '127.0.0.1');
  await once(busy, 'listening');
  const file = join(folder, 'large.json');
  writeFileSync(file, Buffer.alloc(20_000_000, 'x'));
  const address = `http://127.0.0.1:${(busy.address() as AddressInfo).port}`;
  const { code, err } = await run(['ingest', file, '--table', 'D.T', '--url', address]);
  assert.deepEqual([code, err.split('\n')[0]], [1, 'BODY_TOO_LARGE: too large']);
  busy.closeAllConnections();
  busy.close();
});

test('a folder given as the file is a usage error', async () => {
  assert.equal((await run(['ingest', folder, '--table', 'D.T', '--format', 'json'])).code, 2);
});
