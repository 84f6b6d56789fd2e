import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWorld, twoTables, type World } from './world.js';

const HOUR_MS = 3_600_000;

const inHours = (hours: number) => new Date(Date.now() + hours * HOUR_MS).toISOString();

async function exists(world: World, table: string): Promise<boolean> {
  const csl = `.show tables with (IncludeHiddenTables=true) | where TableName == "${table}"`;
  return (await world.run(csl)).length === 1;
}

test('expired table goes with its rows only where its policy says so, and no policy begins expired', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  const autoDelete = (table: string, rest: string) =>
    `.alter table ${table} policy auto_delete '{"ExpiryDate": "${inHours(1)}"${rest}}'`;
  const [kept] = await world.run('.create table C (n: long)', autoDelete('C', ''), autoDelete('A', ''));
  assert.equal(JSON.parse(String(kept?.['Policy'])).DeleteIfNotEmpty, false);
  await world.run('.append B <| print n = 1', autoDelete('B', ', "DeleteIfNotEmpty": true'));
  await world.advance(2 * HOUR_MS);
  assert.deepEqual(await Promise.all(['A', 'B', 'C'].map((table) => exists(world, table))), [
    true,
    false,
    false,
  ]);
  await world.run('.clear table A data');
  assert.equal(await exists(world, 'A'), false);
  await world.run('.create table D (n: long)');
  await assert.rejects(world.run(autoDelete('D', '')), /ExpiryDate .* has passed/);
});

test("tags are forgotten by the database's rules where the table has none, and a prefix ends in a colon", async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  const rules = (place: string, prefix: string) =>
    `.alter ${place} policy extent_tags_retention '[{"TagPrefix": "${prefix}", "RetentionPeriod": "01:00:00"}]'`;
  await world.run(
    rules('database Samples', 'drop-by:'),
    rules('table B', 'other:'),
    `.append B with (tags = '["drop-by:1"]') <| print n = 1`,
  );
  for (const prefix of ['drop-by', 'a:b:', ':']) {
    await assert.rejects(world.run(rules('table A', prefix)), /TagPrefix/);
  }
  const tags = async (table: string) => (await world.run(`.show table ${table} extents`))[0]?.['Tags'];
  await world.advance(HOUR_MS);
  await world.advance(HOUR_MS / 30);
  while ((await tags('A')) !== '') {
    // A pass of the background work is under way.
  }
  assert.equal(await tags('B'), 'drop-by:1');
});

test('merged extent is as old as its newest part, and remembers its oldest', async (t) => {
  const world = await openWorld(t);
  await world.run('.create table A (n: long)', '.append A <| print n = 1');
  await world.advance(HOUR_MS);
  await world.run('.append A <| print n = 2');
  await world.advance(HOUR_MS / 30);
  while ((await world.ids('A')).length > 1) {
    // A pass of the background work is under way.
  }
  const span =
    '.show table A extents | project Span = MaxCreatedOn - MinCreatedOn | where Span between (59m .. 61m)';
  assert.equal((await world.run(span)).length, 1);
  await world.run('.alter-merge table A policy retention softdelete = 90m');
  await world.advance(HOUR_MS);
  assert.deepEqual(await world.numbers('A'), [1, 2]);
  await world.advance(HOUR_MS);
  assert.deepEqual(await world.numbers('A'), []);
});

test('rows that retention would take at once are refused with the codes of the service', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  await world.run(
    '.alter-merge database Samples policy retention softdelete = 1d',
    '.alter-merge table B policy retention softdelete = 0d',
  );
  const refused = async (csl: string) => {
    const response = await fetch(`${world.server.url}/v1/rest/mgmt`, {
      method: 'POST',
      body: JSON.stringify({ db: 'Samples', csl }),
    });
    return ((await response.json()) as { error: { code: string } }).error.code;
  };
  const early = 'BadRequest_CreationTimeEarlierThanSoftDeletePeriod';
  assert.equal(await refused(".append A with (creationTime = '2020-01-01') <| print n = 2"), early);
  assert.equal(await refused(".ingest inline into table A with (creationTime = '2020-01-01') <| 2"), early);
  assert.equal(await refused('.append B <| print n = 2'), 'BadRequest_ZeroRetentionPolicyWithNoUpdatePolicy');
  await world.run(`.append A with (creationTime = '${inHours(-12)}') <| print n = 2`);
  assert.deepEqual(await world.numbers('A'), [1, 2]);
});

test('policies are shown where they can be: of a table, of all tables, of the database', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 0);
  await world.run(
    '.create table Hidden (n: long) with (hidden = true)',
    '.alter-merge database Samples policy retention softdelete = 30d',
    `.alter table B policy update '[{"Source": "A", "Query": "A"}]'`,
  );
  const policies = async (csl: string) => (await world.run(csl)).map((row) => row['Policy']);
  const feeding = '.show table * policy update | where Policy has "Source"';
  assert.deepEqual(
    (await world.run(feeding)).map((row) => row['EntityName']),
    ['[Samples].[B]'],
  );
  for (const name of [
    ...['update', 'row_level_security', 'extent_tags_retention', 'retention', 'restricted_view_access'],
    ...['merge', 'ingestionbatching', 'streamingingestion', 'auto_delete'],
  ]) {
    assert.equal((await policies(`.show table * policy ${name}`)).length, 3, name);
    assert.deepEqual(await policies(`.show table A policy ${name}`), ['null'], name);
  }
  const [retention] = await policies('.show database Samples policy retention');
  assert.equal(JSON.parse(String(retention)).SoftDeletePeriod, '30.00:00:00');
  for (const name of ['update', 'row_level_security', 'restricted_view_access', 'auto_delete']) {
    await assert.rejects(world.run(`.show database Samples policy ${name}`), /one of tables only/, name);
  }
});

test('continuous exports are listed as none, and cannot be made', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 0);
  assert.deepEqual(await world.run('.show continuous-exports'), []);
  assert.deepEqual(await world.run('.show continuous-exports | where CursorScopedTables has "A" | count'), [
    { Count: 0 },
  ]);
  const schema = await world.run('.show continuous-exports | getschema | project ColumnName, ColumnType');
  assert.equal(
    schema.map((row) => `${row['ColumnName']}:${row['ColumnType']}`).join(' '),
    'Name:string ExternalTableName:string Query:string ForcedLatency:timespan IntervalBetweenRuns:timespan ' +
      'CursorScopedTables:string ExportProperties:string LastRunTime:datetime StartCursor:string IsDisabled:bool ' +
      'LastRunResult:string ExportedTo:datetime IsRunning:bool',
  );
  await assert.rejects(world.run('.show continuous-export E'), /of kind 'ContinuousExport' was not found/);
  const create =
    '.create-or-alter continuous-export E over (A) to table X with (intervalBetweenRuns=1h) <| A';
  await assert.rejects(world.run(create), /'\.create-or-alter continuous-export E over' is not supported/);
});
