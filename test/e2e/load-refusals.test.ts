import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { clearPrincipals, setPrincipal } from '../helpers/kusto-admin.js';
import {
  type Answer,
  api,
  csvRows,
  endOf,
  leftovers,
  load,
  makeTable,
  putBlobs,
  startLoadStack,
} from '../helpers/load-stack.js';
import { kustoCommand, type Stack } from '../helpers/stack.js';

/** Longest time for any refusal. */
const LIMIT_MS = 5_000;

describe('loads that cannot be', () => {
  let stack: Stack;
  let url = '';
  before(async () => {
    stack = await startLoadStack();
    await makeTable(stack, 'T');
    url = (await putBlobs(stack, { 'ok/a.csv': csvRows(0, 10) }))[0] ?? '';
  });
  after(() => stack.stop());

  /** What a request comes to, a 4xx or a load that failed, and how long that took. */
  async function refusal(body: Record<string, unknown>) {
    const startedMs = performance.now();
    const started: Answer = await load(stack, { table: 'T', sources: [{ url }], ...body });
    const view = started.status === 202 ? await endOf(stack, started.json.id) : undefined;
    // From its acceptance to its end, by the load's own times: the machine of the test may be busy with other things.
    const tookMs =
      view === undefined
        ? performance.now() - startedMs
        : Date.parse(String(view['endedAt'])) - Date.parse(String(view['createdAt']));
    const error =
      view?.error ?? (started.json as unknown as { code: string; detail: string; nextCommand: string });
    assert.ok(tookMs < LIMIT_MS, `${tookMs} ms`);
    assert.deepEqual(await leftovers(stack), []);
    assert.ok(error?.nextCommand, JSON.stringify(started.json));
    const message = 'detail' in error ? error.detail : error.message;
    return { status: started.status, state: view?.state, code: error.code, message };
  }

  test('a missing table, mapping, source or right ends with its code, and says which', async () => {
    const cases: [Record<string, unknown>, string, RegExp][] = [
      [{ table: 'Nope' }, 'LOAD_TABLE_MISSING', /Samples\.Nope/],
      [{ table: 'Nope', tableCreateOptions: 'CreateIfNotExist' }, 'REQUEST_INVALID', /schema/],
      [{ mapping: 'NoMap' }, 'LOAD_MAPPING_MISSING', /NoMap/],
      [{ sources: [{ url: url.replace('a.csv', 'none.csv') }] }, 'LOAD_SOURCE_MISSING', /none\.csv/],
      [{ sources: [{ prefix: url.replace('ok/a.csv', 'nothing/') }] }, 'LOAD_SOURCE_MISSING', /nothing/],
      [{ sources: [{ upload: '00000000-0000-4000-8000-000000000000' }] }, 'LOAD_SOURCE_MISSING', /upload/],
      [
        { schema: { n: 'string', name: 'string' }, adjustSchema: 'FailIfNotMatch' },
        'LOAD_SCHEMA_MISMATCH',
        /n:string/,
      ],
      [
        { schema: { n: 'long', other: 'string' }, adjustSchema: 'GenerateDynamicMapping' },
        'LOAD_SCHEMA_MISMATCH',
        /other/,
      ],
      [{ tempTableName: 'NoTemp' }, 'LOAD_TEMP_TABLE_INVALID', /NoTemp/],
      [{ sources: [{ url }, { url }] }, 'REQUEST_INVALID', /twice/],
      [{ expectedRows: 11 }, 'LOAD_ROWS_MISMATCH', /11/],
      [{ sources: [{ url, rows: 9 }] }, 'LOAD_ROWS_MISMATCH', /9 rows/],
    ];
    for (const [body, code, message] of cases.slice(0, -2)) {
      const got = await refusal(body);
      assert.equal(got.code, code, JSON.stringify([body, got]));
      assert.match(got.message, message);
    }
    assert.equal((await kustoCommand(stack, 'Samples', '.show table T extents')).length, 0);
  });

  test('a wrong request is answered at once with every mistake', async () => {
    const cases: [Record<string, unknown>, number, string, RegExp][] = [
      [{ writeMod: 'Queued' }, 400, 'REQUEST_INVALID', /writeMode/],
      [{ writeMode: 'Fast', format: 'xml' }, 400, 'REQUEST_INVALID', /writeMode.*format/s],
      [{ sources: [] }, 400, 'REQUEST_INVALID', /sources/],
      [{ sources: [{}] }, 400, 'REQUEST_INVALID', /url, prefix and upload/],
      [{ sources: [{ url, rawSizeBytes: 7_000_000_000 }] }, 413, 'LOAD_SOURCE_TOO_LARGE', /6442450944/],
      [{ requestId: 'a b' }, 400, 'REQUEST_INVALID', /requestId/],
      [{ requestId: 'orphans' }, 400, 'REQUEST_INVALID', /reserved/],
      [{ timeoutMs: 1 }, 400, 'REQUEST_INVALID', /timeoutMs/],
      [{ tags: { ingestBy: ['ingest-by:x'] } }, 400, 'REQUEST_INVALID', /without/],
      [{ creationTime: '2100-01-01T00:00:00Z' }, 400, 'REQUEST_INVALID', /future/],
      [{ database: 'Other' }, 403, 'ROUTE_NOT_ALLOWED', /http\.tables/],
      [
        { sources: [{ url: `${url}?sv=2023-11-03&sr=b&sp=r&sig=canary` }] },
        403,
        'LOAD_SOURCE_FORBIDDEN',
        /SAS/,
      ],
    ];
    for (const [body, status, code, message] of cases) {
      const got = await refusal(body);
      assert.deepEqual([got.status, got.code], [status, code], JSON.stringify([body, got]));
      assert.match(got.message, message);
      assert.ok(!got.message.includes('canary'));
    }
  });

  test('an address outside the listed storage is refused in every spelling', async () => {
    const { host, pathname } = new URL(url);
    const path = pathname.slice(1);
    const [account, container] = path.split('/');
    const hostile = [
      `http://${host}.evil.example/${path}`,
      `http://${host}@evil.example/${path}`,
      `http://evil.example/${path}#http://${host}`,
      `http://evil.example\\@${host}/${path}`,
      `https://${host}/${path}`,
      `http://${host.replace('127.0.0.1', 'localhost')}/${path}`,
      `http://${host.replace('127.0.0.1', '127.1')}/${path}`,
      `http://${host.replace('127.0.0.1', '2130706433')}/${path}`,
      `http://${host.replace('127.0.0.1', '0x7f.1')}/${path}`,
      `http://${host.replace('127.0.0.1', '017700000001')}/${path}`,
      `http://${host.replace('127.0.0.1', '[::ffff:127.0.0.1]')}/${path}`,
      `http://${host.replace('127.0.0.1', '[::1]')}/${path}`,
      `http://127.0.0.1/${path}`,
      `http://127.0.0.1:1/${path}`,
      `http://user:pw@${host}/${path}`,
      `http://${host}/${account}/other/a.csv`,
      `http://${host}/${account}/kusto-staging/a.csv`,
      `http://${host}/${account}/dead-letters/a.csv`,
      `http://${host}/${account}/${container}/../kusto-staging/a.csv`,
      `http://${host}/${account}/${container}/%2e%2e/kusto-staging/a.csv`,
      `http://${host}/${account}/${container}/%2E./x`,
      `http://${host}/${account}/${container}%2f..%2fkusto-staging/a.csv`,
      `http://${host}/${account}//${container}/a.csv`,
      `http://${host}/otheraccount/${container}/a.csv`,
      `http://${host}//${account}/${container}/a.csv`,
      `http://${host}/${account}/${container}`,
      `http://${host}/${account}/$root/a.csv`,
      `http://${host}/${account}/$logs/a.csv`,
      `${url}?comp=metadata`,
      `${url}?snapshot=2026-01-01T00:00:00Z`,
      `${url};impersonate`,
      `${url};managed_identity=system`,
      `${url};key=AAAA`,
      ` ${url}`,
      `${url}\n`,
      `${url}\u0000`,
      `ht\ttp://${host}/${path}`,
      url.replace('http:', 'http:\\\\'),
      url.replace('http://', '//'),
      url.replace('http://', 'http:/'),
      `file:///etc/passwd`,
      'ftp://evil.example/a.csv',
      'data:text/csv,1,a',
      'javascript:alert(1)',
      'abfss://c@acct.dfs.core.windows.net/a.csv',
      'wasbs://c@acct.blob.core.windows.net/a.csv',
      'http://169.254.169.254/latest/meta-data',
      'https://acct.blob.core.windows.net/c/a.csv',
      '',
      'a.csv',
    ];
    for (const address of hostile) {
      const { status, json } = await load(stack, { table: 'T', sources: [{ url: address }] });
      assert.ok(status === 403 || status === 400, `${address}: ${status} ${JSON.stringify(json)}`);
      assert.ok(['LOAD_SOURCE_FORBIDDEN', 'REQUEST_INVALID'].includes(String(json['code'])), address);
    }
    assert.ok(hostile.length >= 40);
    assert.deepEqual(await leftovers(stack), []);
  });

  test('a number of rows that is not there rolls the load back after it was staged anew', async () => {
    for (const body of [{ expectedRows: 11 }, { sources: [{ url, rows: 9 }] }]) {
      const { json } = await load(stack, { table: 'T', sources: [{ url }], ...body });
      const view = await endOf(stack, json.id);
      assert.deepEqual(
        [view.state, view.error?.code, view['stagedAnew']],
        ['rolledBack', 'LOAD_ROWS_MISMATCH', 1],
      );
    }
    assert.deepEqual(await leftovers(stack), []);
  });
});

describe('loads without rights', () => {
  let stack: Stack;
  before(async () => {
    stack = await startLoadStack({ pipeline: rightsPipeline, settings: { KUSTO_TOKEN: 'loader' } });
    await makeTable(stack, 'T');
  });
  after(async () => {
    await clearPrincipals(stack);
    await stack.stop();
  });

  test('a missing role ends the load before anything is ingested, and names what is needed', async () => {
    const [url] = await putBlobs(stack, { 'ok/a.csv': csvRows(0, 10) });
    await setPrincipal(stack, { token: 'root', roles: { '*': ['admin'] } });
    const roles = { Samples: ['viewer', 'user', 'ingestor'] };
    await setPrincipal(stack, { token: 'loader', roles });
    const started = await load(stack, { table: 'T', sources: [{ url }] });
    assert.equal(started.status, 202, JSON.stringify(started.json));
    const view = await endOf(stack, started.json.id, LIMIT_MS);
    assert.deepEqual([view.state, view.error?.code], ['rolledBack', 'KUSTO_FORBIDDEN'], JSON.stringify(view));
    assert.match(view.error?.message ?? '', /Table Admin/);
    await setPrincipal(stack, { token: 'loader', roles: { ...roles, 'Samples.T': ['admin'] } });
    const again = await load(stack, { table: 'T', sources: [{ url }] });
    const done = await endOf(stack, again.json.id);
    assert.equal(done.state, 'committed', JSON.stringify(done, null, 1));
    assert.equal((await api(stack, 'GET /health')).status, 200);
  });
});

const rightsPipeline = [
  'kusto: { cluster: "%KUSTO_CLUSTER%", auth: { kind: accessToken, token: "%KUSTO_TOKEN%" } }',
  'http: { tables: ["Samples.*"] }',
  'load: { storage: [{ container: loads }] }',
].join('\n');
