import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, KustoConnectionStringBuilder } from 'azure-kusto-data';
import type { KustoServer } from '../../../local/kusto/server/server.js';
import { command, post, startEngine } from './engine.js';
import { notingIngestion } from './ingestion-stub.js';

async function admin(server: KustoServer, method: string, path: string, body?: unknown): Promise<unknown> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(`${server.admin}${path}`, init);
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
}

async function statusAs(server: KustoServer, token: string | undefined, csl: string): Promise<number> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await post(server, '/v1/rest/mgmt', { db: 'Samples', csl }, headers);
  return response.status;
}

test('without principals everything is allowed; with them tokens may do what their roles say', async (t) => {
  const server = await startEngine(t);
  await command(server, '.create tables A (x: int), B (x: int)');
  await admin(server, 'POST', '/principals', { token: 'reader', roles: { Samples: ['viewer'] } });
  await admin(server, 'POST', '/principals', { token: 'loader', roles: { 'Samples.A': ['ingestor'] } });
  await admin(server, 'POST', '/principals', {
    token: 'boss',
    roles: { '*': ['admin'] },
    name: 'aadapp=boss',
  });
  const cases: readonly (readonly [string | undefined, string, number])[] = [
    [undefined, '.show tables', 401],
    ['unknown', '.show tables', 401],
    ['reader', '.show tables', 200],
    ['reader', '.create table C (x: int)', 403],
    ['reader', '.drop table A', 403],
    ['loader', '.show tables', 403],
    ['loader', '.clear table A cache streamingingestion schema', 200],
    ['loader', '.clear table B cache streamingingestion schema', 403],
    ['loader', '.show version', 200],
    ['boss', '.create table C (x: int)', 200],
    ['boss', '.drop table C', 200],
  ];
  for (const [token, csl, status] of cases) {
    assert.equal(await statusAs(server, token, csl), status, `${token} ${csl}`);
  }
  assert.equal((await fetch(`${server.url}/v1/rest/auth/metadata`)).status, 200);
  await admin(server, 'DELETE', '/principals');
  assert.equal(await statusAs(server, undefined, '.show tables'), 200);
});

test('who creates a table is its admin, and of no other', async (t) => {
  const server = await startEngine(t);
  await command(server, '.create table Old (x: int)');
  await admin(server, 'POST', '/principals', { token: 'maker', roles: { Samples: ['user'] } });
  const cases: readonly (readonly [string, number])[] = [
    ['.create table New (x: int)', 200],
    ['.alter table New policy streamingingestion enable', 200],
    ['.create table New ingestion json mapping "M" \'[{"column":"x","path":"$.x"}]\'', 200],
    ['.alter table Old policy streamingingestion enable', 403],
    ['.create table Old (y: int)', 200],
    ['.create-merge table Old (y: int)', 403],
    ['.drop table Old', 403],
    ['.drop table New', 200],
  ];
  for (const [csl, status] of cases) {
    assert.equal(await statusAs(server, 'maker', csl), status, csl);
  }
});

test('refusals have the shape of the service and never name the token', async (t) => {
  const server = await startEngine(t);
  await admin(server, 'POST', '/principals', { token: 's3cret', roles: { Samples: ['viewer'] } });
  const headers = { authorization: 'Bearer s3cret' };
  const response = await post(server, '/v1/rest/mgmt', { db: 'Samples', csl: '.drop table A' }, headers);
  const text = await response.text();
  assert.equal(response.status, 403);
  assert.equal(JSON.parse(text).error.code, 'Forbidden');
  assert.match(text, /role 'admin' on table 'A' of database 'Samples'/);
  assert.ok(!text.includes('s3cret'));
  assert.ok(!JSON.stringify(await admin(server, 'GET', '/principals')).includes('s3cret'));
});

test('official client signs in with its token', async (t) => {
  const server = await startEngine(t);
  await admin(server, 'POST', '/principals', { token: 'reader', roles: { Samples: ['viewer'] } });
  const client = new Client(KustoConnectionStringBuilder.withAccessToken(server.url, 'reader'));
  t.after(() => client.close());
  const result = await client.executeMgmt('Samples', '.show tables');
  assert.equal([...(result.primaryResults[0]?.rows() ?? [])].length, 0);
  await assert.rejects(client.executeMgmt('Samples', '.create table X (a: int)'), /403/);
});

test('faults of engine and dm strike the requests they match and no others', async (t) => {
  const server = await startEngine(t, { ingestion: notingIngestion() });
  const mgmt = (csl: string) => post(server, '/v1/rest/mgmt', { db: 'Samples', csl });
  const add = (rule: object) => admin(server, 'POST', '/faults', { target: 'engine', times: 1, ...rule });
  await add({ match: '.show tables', action: 'throttle' });
  const throttled = await mgmt('.show tables');
  assert.equal(throttled.status, 429);
  assert.equal(throttled.headers.get('retry-after'), '1');
  const { error } = (await throttled.json()) as { error: Record<string, unknown> };
  assert.equal(error['@permanent'], false);
  assert.equal((await mgmt('.show tables')).status, 200);
  await add({ action: 'transient' });
  assert.equal((await mgmt('.show tables')).status, 503);
  await add({ action: 'permanent', code: 'BadRequest_Made', message: 'made up' });
  assert.match(await (await mgmt('.show tables')).text(), /BadRequest_Made.*made up/);
  await add({ action: 'forbid' });
  assert.equal((await mgmt('.show tables')).status, 403);
  await admin(server, 'POST', '/faults', { target: 'dm', action: 'throttle', times: 1 });
  assert.equal((await mgmt('.show tables')).status, 200);
  assert.equal((await mgmt('.get ingestion resources')).status, 429);
  const listed = (await admin(server, 'GET', '/faults')) as { id: string; hits: number }[];
  assert.deepEqual(
    listed.map(({ hits }) => hits),
    [1, 1, 1, 1, 1],
  );
  await admin(server, 'DELETE', `/faults/${listed[0]?.id}`);
  await admin(server, 'DELETE', '/faults');
  assert.deepEqual(await admin(server, 'GET', '/faults'), []);
});

test('lost answer means the work was done, a hang means it was not', async (t) => {
  const server = await startEngine(t);
  await admin(server, 'POST', '/faults', { target: 'engine', action: 'loseAnswer', times: 1 });
  await assert.rejects(command(server, '.create table Lost (x: int)'));
  await admin(server, 'POST', '/faults', { target: 'engine', action: 'hang', times: 1 });
  const signal = AbortSignal.timeout(300);
  const body = JSON.stringify({ db: 'Samples', csl: '.create table Hung (x: int)' });
  await assert.rejects(fetch(`${server.url}/v1/rest/mgmt`, { method: 'POST', body, signal }));
  const names = (await command(server, '.show tables')).map((row) => row['TableName']);
  assert.deepEqual(names, ['Lost']);
});

test('slow answer waits on the engine clock, which a fault can advance', async (t) => {
  const server = await startEngine(t);
  await admin(server, 'POST', '/faults', {
    target: 'engine',
    action: 'slow',
    delayMs: 3_600_000,
    match: '.show tables',
  });
  const slow = command(server, '.show tables');
  const advance = async () => {
    const [rule] = (await admin(server, 'GET', '/faults')) as { hits: number }[];
    return rule?.hits === 1;
  };
  while (!(await advance())) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  await admin(server, 'POST', '/faults', { target: 'clock', action: 'advance', delayMs: 3_600_001 });
  assert.deepEqual(await slow, []);
});

test('retention and auto-delete act when the clock has moved on', async (t) => {
  const { cannedQueries } = await import('./engine.js');
  const { columns, resultTable } = await import('../../../local/kusto/commands/results.js');
  const queryEngine = cannedQueries({ q: [resultTable(columns('x:int'), [[1]])] });
  const server = await startEngine(t, { queryEngine });
  await command(server, '.set Kept <| q');
  await command(server, '.set Gone <| q');
  await command(server, '.alter-merge table Kept policy retention softdelete = 1d');
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  await command(
    server,
    `.alter table Gone policy auto_delete '{"ExpiryDate":"${soon}","DeleteIfNotEmpty":true}'`,
  );
  await admin(server, 'POST', '/faults', { target: 'clock', action: 'advance', delayMs: 2 * 86_400_000 });
  const details = await command(server, '.show tables details');
  assert.deepEqual(
    details.map((row) => [row['TableName'], row['TotalRowCount']]),
    [['Kept', 0]],
  );
});

test('operation faults make asynchronous commands fail, vanish and hang', async (t) => {
  const server = await startEngine(t);
  await command(server, '.create table T (x: int)');
  const start = async (action: string, rest: object = {}) => {
    await admin(server, 'POST', '/faults', { target: 'operation', action, times: 1, ...rest });
    const [row] = await command(server, '.clear async table T data');
    return String(row?.['OperationId']);
  };
  const state = async (id: string) => {
    for (;;) {
      const [row] = await command(server, `.show operations ${id}`);
      if (row?.['State'] !== 'InProgress') {
        return row;
      }
    }
  };
  const failed = await state(await start('fail', { message: 'no luck' }));
  assert.deepEqual(
    [failed?.['State'], failed?.['Status'], failed?.['ShouldRetry']],
    ['Failed', 'no luck', false],
  );
  assert.equal((await state(await start('transient')))?.['ShouldRetry'], true);
  assert.equal(await state(await start('vanish')), undefined);
  const hung = await start('hang');
  assert.equal((await command(server, `.show operations ${hung}`))[0]?.['State'], 'InProgress');
  await admin(server, 'POST', '/faults', { target: 'clock', action: 'advance', delayMs: 7 * 3_600_000 });
  assert.deepEqual(await command(server, `.show operations ${hung}`), []);
  assert.ok((await command(server, '.show operations')).length > 0);
});
