import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { type LoadWorld, type Seen, startLoadWorld, viewOf } from './load-world.js';

let world: LoadWorld;
before(async () => {
  world = await startLoadWorld();
});
after(() => world.stop());
afterEach(() => {
  world.seen.length = 0;
  world.routes = {};
});

const committed = viewOf({
  state: 'committed',
  step: 'finish',
  counts: { blobs: 2, sent: 2, succeeded: 2 },
  rows: { expected: 5, staged: 5, committed: 5 },
});
const whats = (): string[] => world.seen.map(({ what }) => what);
const posted = (): Seen | undefined => world.seen.find(({ what }) => what === 'POST /api/loads');
const body = (): Record<string, unknown> => JSON.parse(posted()?.body ?? '{}');
const link = (id: string) => ({
  status: 201,
  body: {
    uploadId: id,
    url: `${world.url}/put/${id}?sig=secret`,
    method: 'PUT',
    headers: { 'x-ms-blob-type': 'BlockBlob' },
  },
});

test('files are uploaded in their order, then loaded under one request id, and the end is awaited', async () => {
  world.routes = {
    'POST /api/uploads': [link('u1'), link('u2')],
    'PUT /put/': { status: 201 },
    'POST /api/loads': { status: 202, body: viewOf({ id: 'id-1' }) },
    'GET /api/loads/id-1': [{ body: viewOf({ id: 'id-1' }) }, { body: { ...committed, id: 'id-1' } }],
  };
  const files = [world.file('b.csv', 'x'.repeat(3_000_000)), world.file('a.csv.gz', 'gzipped')];
  const { code, out } = await world.run(['load', ...files, '--table', 'My Db.T', '--ignore-first-record']);
  assert.equal(code, 0);
  assert.match(out, /^state +committed$/m);
  assert.deepEqual(whats(), [
    'POST /api/uploads',
    'PUT /put/u1?sig=secret',
    'POST /api/uploads',
    'PUT /put/u2?sig=secret',
    'POST /api/loads',
    'GET /api/loads/id-1?limit=1',
    'GET /api/loads/id-1?limit=1',
  ]);
  assert.deepEqual(JSON.parse(world.seen[0]?.body ?? ''), { database: 'My Db', table: 'T' });
  const put = world.seen[1] as Seen;
  assert.equal(put.body.length, 3_000_000);
  assert.deepEqual(
    [put.headers['content-length'], put.headers['x-ms-blob-type'], put.headers['x-functions-key']],
    ['3000000', 'BlockBlob', undefined],
  );
  assert.deepEqual(body(), {
    requestId: 'id-1',
    database: 'My Db',
    table: 'T',
    writeMode: 'Transactional',
    format: 'csv',
    ignoreFirstRecord: true,
    tags: { additional: [], ingestBy: [], ingestIfNotExists: [] },
    sources: [{ upload: 'u1' }, { upload: 'u2', gzip: true }],
  });
});

test('every option reaches the request', async () => {
  world.routes = { 'POST /api/loads': { status: 200, body: { ...committed, id: 'mine' } } };
  const { code } = await world.run([
    ...['load', 'https://a.blob.core.windows.net/c/x.json?sig=s', 'https://a.blob.core.windows.net/c/2026/'],
    ...['--prefix', 'https://a.blob.core.windows.net/c/part-', '--table', 'D.T', '--format', 'json'],
    ...['--adjust-schema', 'GenerateDynamicMapping', '--schema', 'a:int, b:string', '--create'],
    ...['--temp-table', 'Mine', '--tags', 'x,y', '--ingest-by', 'day', '--ingest-if-not-exists', 'day,week'],
    ...['--creation-time', '2026-01-31T00:00:00Z', '--expected-rows', '5', '--client-batching-limit-mb', '9'],
    ...['--request-id', 'mine', '--timeout', '2h', '--allow-partial-visibility'],
  ]);
  assert.equal(code, 0);
  assert.deepEqual(body(), {
    requestId: 'mine',
    database: 'D',
    table: 'T',
    writeMode: 'Transactional',
    format: 'json',
    adjustSchema: 'GenerateDynamicMapping',
    schema: { a: 'int', b: 'string' },
    tableCreateOptions: 'CreateIfNotExist',
    tempTableName: 'Mine',
    clientBatchingLimitMb: 9,
    tags: { additional: ['x', 'y'], ingestBy: ['day'], ingestIfNotExists: ['day', 'week'] },
    creationTime: '2026-01-31T00:00:00Z',
    expectedRows: 5,
    timeoutMs: 7_200_000,
    allowPartialVisibility: true,
    sources: [
      { url: 'https://a.blob.core.windows.net/c/x.json?sig=s' },
      { prefix: 'https://a.blob.core.windows.net/c/2026/' },
      { prefix: 'https://a.blob.core.windows.net/c/part-' },
    ],
  });
});

test('what is wrong on the command line is told with 2, before anything is sent', async () => {
  const csv = world.file('w.csv', '1\n');
  const json = world.file('w.json', '{}\n');
  const cases: [string[], RegExp][] = [
    [[], /--table is required/],
    [['--table', 'D.T'], /at least one FILE or URL/],
    [[csv, json, '--table', 'D.T'], /w\.csv is csv and .*w\.json is json: a load has one format/],
    [['https://h/c/x', '--table', 'D.T'], /--format is needed for \/c\/x/],
    [['--prefix', 'https://h/c/', '--table', 'D.T'], /--format is needed for a prefix/],
    [['abfss://c@h/x.csv?sig=secret', '--table', 'D.T'], /^abfss:\/\/c@h\/x\.csv: write https:/],
    [['-', '--table', 'D.T', '--format', 'csv'], /ingest - reads/],
    [['x.zip', '--table', 'D.T', '--format', 'csv'], /unzip it/],
    [[`${csv}x`, '--table', 'D.T', '--format', 'csv'], /no such file/],
    [[world.folder, '--table', 'D.T', '--format', 'csv'], /no such file/],
    [[world.file('none.csv', ''), '--table', 'D.T'], /none\.csv: is empty/],
    [[csv, '--table', 'D.T', '--write-mode', 'Queud'], /--write-mode: .*Queued/],
    [[csv, '--table', 'D.T', '--adjust-schema', 'FailIfNotMatch'], /--schema: is required/],
    [[csv, '--table', 'D.T', '--schema', 'a:strin'], /--schema\.a: .*did you mean string\?/],
    [[csv, '--table', 'D.T', '--schema', 'a'], /write NAME:TYPE/],
    [[csv, '--table', 'D.T', '--schema', 'a:int,a:long'], /the column a is there twice/],
    [[csv, '--table', 'D.T', '--expected-rows', 'many'], /--expected-rows many: write a whole number/],
    [[csv, '--table', 'D.T', '--timeout', 'soon'], /--timeout soon: write a duration/],
    [[csv, '--table', 'D.T', '--timeout', '40d'], /--timeout: /],
    [[csv, '--table', 'D.T', '--write-mode', 'Queued', '--temp-table', 'X'], /--temp-table: has no use/],
    [[json, '--table', 'D.T', '--ignore-first-record'], /--ignore-first-record: is only for delimited/],
    [[csv, '--table', 'D.T', '--request-id', 'a b'], /--request-id: /],
    [[csv, '--table', 'D.T', '--temp-table', 'T'], /--temp-table: is the target itself/],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await world.run(['load', ...args]);
    assert.deepEqual([args, code], [args, 2]);
    assert.match(err, message);
  }
  assert.deepEqual(world.seen, []);
});

test('a request that the app finds wrong exits with 2', async () => {
  const detail = 'sources[0].url: has a query that is no shared access signature';
  world.routes = { 'POST /api/loads': { status: 400, body: { code: 'REQUEST_INVALID', detail } } };
  const { code, err } = await world.run(['load', 'https://h/c/x.csv?x', '--table', 'D.T']);
  assert.deepEqual([code, err], [2, `REQUEST_INVALID: ${detail}`]);
});

test('a load that failed exits with 1 and tells code, source, what to look at, the repair and the next command', async () => {
  const failed = viewOf({
    state: 'failedDirty',
    error: {
      code: 'LOAD_UNDO_FAILED',
      serviceCode: 'Forbidden',
      message: 'the undo failed',
      source: 'https://h/c/x.csv',
      cause: 'The load failed and could not be undone',
      lookAt: ['.show one', '.show two'],
      nextCommand: 'kusto-functions load show l1',
    },
    repair: '.drop extents <| x\n.drop table y ifexists',
  });
  world.routes = { 'POST /api/loads': { status: 200, body: failed } };
  const { code, err } = await world.run(['load', 'https://h/c/x.csv', '--table', 'D.T']);
  assert.equal(code, 1);
  assert.deepEqual(err.split('\n'), [
    'LOAD_UNDO_FAILED (Forbidden): the undo failed',
    '  cause    The load failed and could not be undone',
    '  source   https://h/c/x.csv',
    '  look at  .show one',
    '  look at  .show two',
    '  repair   .drop extents <| x',
    '  repair   .drop table y ifexists',
    '  next     kusto-functions load show l1',
  ]);
});

test('the end decides the exit code', async () => {
  for (const [state, expected] of [
    ['committed', 0],
    ['skipped', 0],
    ['rolledBack', 1],
    ['cancelled', 1],
    ['failedDirty', 1],
  ] as const) {
    world.routes = { 'POST /api/loads': { status: 202, body: viewOf({ state }) } };
    const { code, out } = await world.run(['load', 'https://h/c/x.csv', '--table', 'D.T', '--json']);
    assert.deepEqual([state, code, JSON.parse(out).state], [state, expected, state]);
  }
});

test('a start whose answer is lost is asked for again under the same request id', async () => {
  world.routes = {
    'POST /api/loads': ['lost', { status: 503, body: 'gateway' }, { status: 202, body: committed }],
  };
  const { code } = await world.run(['load', 'https://h/c/x.csv', '--table', 'D.T']);
  assert.equal(code, 0);
  assert.equal(world.seen.length, 3);
  assert.equal(new Set(world.seen.map((one) => one.body)).size, 1);
  assert.equal(body()['requestId'], 'id-1');
});

test('a refusal of the app is told at once, one that passes is tried a few times', async () => {
  world.routes = { 'POST /api/loads': { status: 403, body: { code: 'ROUTE_NOT_ALLOWED', detail: 'no' } } };
  const refused = await world.run(['load', 'https://h/c/x.csv', '--table', 'D.T']);
  assert.deepEqual([refused.code, world.seen.length], [1, 1]);
  world.seen.length = 0;
  world.routes = { 'POST /api/loads': 'lost' };
  const lost = await world.run(['load', 'https://h/c/x.csv', '--table', 'D.T']);
  assert.deepEqual([lost.code, world.seen.length], [3, 5]);
});

test('an app that is not there is told at once, with 3', async () => {
  const args = ['load', 'https://h/c/x.csv', '--table', 'D.T', '--url', 'http://127.0.0.1:1'];
  const { code, waitedMs } = await world.run(args);
  assert.deepEqual([code, waitedMs], [3, 0]);
});

test('an upload that fails for a passing reason is sent again under a new link', async () => {
  world.routes = {
    'POST /api/uploads': [link('u1'), link('u2'), link('u3')],
    'PUT /put/u1': { status: 503, body: '<Error><Code>ServerBusy</Code></Error>' },
    'PUT /put/u2': 'lost',
    'PUT /put/u3': { status: 201 },
    'POST /api/loads': { status: 202, body: committed },
  };
  const { code, err } = await world.run(['load', world.file('r.csv', '1\n'), '--table', 'D.T']);
  assert.equal(code, 0, err);
  assert.match(err, /r\.csv: .*ServerBusy.*it is sent again/);
  assert.doesNotMatch(err, /secret/);
  assert.deepEqual(body()['sources'], [{ upload: 'u3' }]);
});

test('an upload that storage refuses ends the command with 1, and nothing is loaded', async () => {
  world.routes = {
    'POST /api/uploads': link('u1'),
    'PUT /put/': { status: 403, body: '<Error><Code>AuthenticationFailed</Code></Error>' },
  };
  const { code, err } = await world.run(['load', world.file('f.csv', '1\n'), '--table', 'D.T']);
  assert.equal(code, 1);
  assert.match(err, /f\.csv: .*AuthenticationFailed/);
  assert.equal(posted(), undefined);
});

test('of a file that changes while it is read nothing is stored, and nothing is loaded', async () => {
  const file = world.file('growing.csv', 'x'.repeat(4_000_000));
  let stored = false;
  world.routes = {
    'POST /api/uploads': () => link('u1'),
    'PUT /put/': () => {
      stored = true;
      return { status: 201 };
    },
  };
  let grown = false;
  const { code, err } = await world.run(['load', file, '--table', 'D.T'], {
    output: {
      out: () => undefined,
      err: (line) => lines.push(line),
      progress: () => {
        if (!grown) appendFileSync(file, 'more');
        grown = true;
      },
    },
  });
  assert.equal(code, 1, err);
  assert.match(lines.join('\n'), /^LOAD_SOURCE_INVALID: .*growing\.csv: changed while it was read/);
  assert.deepEqual([grown, stored, posted()], [true, false, undefined]);
});
const lines: string[] = [];

test('the same request id again uploads nothing and shows the load that there is', async () => {
  world.routes = { 'GET /api/loads/mine': { body: { ...committed, id: 'mine' } } };
  const args = ['load', world.file('s.csv', '1\n'), '--table', 'D.T', '--request-id', 'mine'];
  const again = await world.run(args);
  assert.deepEqual([again.code, whats()], [0, ['GET /api/loads/mine?limit=1']]);
  assert.match(again.err, /load mine was begun before; nothing is uploaded again/);
  world.routes = { 'GET /api/loads/mine': { body: viewOf({ id: 'mine', table: 'Other' }) } };
  const other = await world.run(args);
  assert.equal(other.code, 1);
  assert.match(other.err, /^REQUEST_ID_REUSED: .*D\.Other has it/);
});

test('a lost connection while waiting is no end', async () => {
  world.routes = {
    'POST /api/loads': { status: 202, body: viewOf() },
    'GET /api/loads/l1': [
      'lost',
      { status: 502, body: 'bad gateway' },
      { status: 503, body: { code: 'STORAGE_TRANSIENT' } },
      { body: committed },
    ],
  };
  assert.equal((await world.run(['load', 'https://h/c/x.csv', '--table', 'D.T'])).code, 0);
});

test('an app that stays silent is given up after ten minutes, with 3 and the way back to the load', async () => {
  world.routes = { 'POST /api/loads': { status: 202, body: viewOf() }, 'GET /api/loads/l1': 'lost' };
  const { code, err, waitedMs } = await world.run(['load', 'https://h/c/x.csv', '--table', 'D.T']);
  assert.equal(code, 3);
  assert.ok(waitedMs > 600_000 && waitedMs < 620_000, String(waitedMs));
  assert.match(err, /load l1 goes on.*\n.*load show l1 --wait\n.*load cancel l1/);
});

test('progress names the step, the blobs, the rows and the time, on one line', async () => {
  world.routes = {
    'POST /api/loads': { status: 202, body: viewOf({ step: 'inspect' }) },
    'GET /api/loads/l1': [
      { body: viewOf({ counts: { blobs: 40, sent: 40, succeeded: 12 }, rows: { expected: 1000 } }) },
      { body: committed },
    ],
  };
  const { progress } = await world.run(['load', 'https://h/c/x.csv', '--table', 'D.T']);
  assert.deepEqual(progress, ['inspect  00:00:00', 'wait: 12 of 40 blobs, 1000 rows  00:00:01', '\n']);
});

test('without a terminal a line is written for each step', async () => {
  world.routes = {
    'POST /api/loads': { status: 202, body: viewOf({ step: 'inspect' }) },
    'GET /api/loads/l1': [
      { body: viewOf() },
      { body: viewOf({ counts: { blobs: 1 } }) },
      { body: committed },
    ],
  };
  const told: string[] = [];
  const output = { out: () => undefined, err: (line: string) => told.push(line) };
  await world.run(['load', 'https://h/c/x.csv', '--table', 'D.T'], { output });
  assert.deepEqual(told, ['inspect', 'wait']);
});

test('--json prints one document and no progress', async () => {
  world.routes = {
    'POST /api/loads': { status: 202, body: viewOf() },
    'GET /api/loads/l1': [{ body: viewOf() }, { body: { ...committed, sources: [1], continuation: '1' } }],
  };
  const { out, err, progress } = await world.run(['load', 'https://h/c/x.csv', '--table', 'D.T', '--json']);
  assert.deepEqual(JSON.parse(out), committed);
  assert.deepEqual([err, progress], ['', []]);
});

test('whoever interrupts the wait is told that the load goes on, and how to look at or cancel it', async () => {
  let interrupt: (() => void) | undefined;
  const told: string[] = [];
  world.routes = {
    'POST /api/loads': { status: 202, body: viewOf() },
    'GET /api/loads/l1': () => {
      interrupt?.();
      return { body: committed };
    },
  };
  await world.run(['load', 'https://h/c/x.csv', '--table', 'D.T'], {
    output: { out: () => undefined, err: (line) => told.push(line) },
    onInterrupt: (tell) => {
      interrupt = tell;
      return () => {
        interrupt = undefined;
      };
    },
  });
  assert.deepEqual(told.slice(1), [
    'load l1 goes on without this command',
    '  look    kusto-functions load show l1 --wait',
    '  cancel  kusto-functions load cancel l1 --wait',
  ]);
  assert.equal(interrupt, undefined);
});

test('--no-wait ends with the accepted load and the command to follow it', async () => {
  world.routes = { 'POST /api/loads': { status: 202, body: viewOf() } };
  const { code, out } = await world.run(['load', 'https://h/c/x.csv', '--table', 'D.T', '--no-wait']);
  assert.equal(code, 0);
  assert.match(out, /Next: kusto-functions load show l1 --wait$/);
  assert.equal(world.seen.length, 1);
});
