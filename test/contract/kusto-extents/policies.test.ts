import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openWorld, twoTables, type World } from './world.js';

const MINUTE_MS = 60_000;
const NO_MERGE = `'{"AllowMerge":"false","AllowRebuild":"false"}'`;

/** Lets the engine's clock do a round of background work, and waits until `isDone`. */
async function maintained(world: World, isDone: () => Promise<boolean>): Promise<void> {
  await world.advance(2 * MINUTE_MS);
  while (!(await isDone())) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('extents are merged in the background, with their tags, unless policy or drop-by tags forbid it', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 3);
  await world.run(
    '.create table Kept (n: long)',
    '.create table Rebuilt (n: long)',
    `.alter table Kept policy merge ${NO_MERGE}`,
    `.alter table Rebuilt policy merge '{"AllowMerge": false}'`,
    ...[1, 2].flatMap((n) => [
      `.append Kept <| print n = ${n}`,
      `.append Rebuilt <| print n = ${n}`,
      `.append B with (tags = '["ingest-by:${n}", "drop-by:same"]') <| print n = ${n}`,
    ]),
  );
  await maintained(world, async () => (await world.ids('B')).length === 1);
  const [merged] = await world.run('.show table B extents');
  assert.deepEqual(String(merged?.['Tags']).split('\r\n').sort(), [
    'drop-by:same',
    'ingest-by:1',
    'ingest-by:2',
  ]);
  assert.deepEqual(await world.numbers('B'), [1, 2]);
  assert.equal((await world.ids('Rebuilt')).length, 1);
  assert.equal((await world.ids('Kept')).length, 2);
  assert.equal((await world.ids('A')).length, 3);
  await world.run(
    '.drop table A extent tags <| .show table A extents | project ExtentId, Tags',
    '.alter table Kept policy merge \'{"AllowMerge": true, "MaxExtentsToMerge": 2}\'',
  );
  await maintained(world, async () => (await world.ids('Kept')).length === 1);
  assert.equal((await world.ids('A')).length, 1);
});

test('merged rows keep their ingestion times until a move gives them a new one', async (t) => {
  const world = await openWorld(t);
  await world.run('.create table A (n: long)', '.create table B (n: long)');
  await world.run('.append A <| print n = 1');
  await world.advance(1000);
  await world.run('.append A <| print n = 2');
  const times = async (table: string) =>
    (await world.query(`${table} | sort by n asc | project at = ingestion_time()`)).map(({ at }) => at);
  const before = await times('A');
  assert.notEqual(before[0], before[1]);
  await maintained(world, async () => (await world.ids('A')).length === 1);
  assert.deepEqual(await times('A'), before);
  await world.run('.move extents all from table A to table B with (setNewIngestionTime = true)');
  const [first, second] = await times('B');
  assert.equal(first, second);
  assert.ok(String(first) > String(before[1]));
});

test('old extents, expired tables and old tags go by the clock', async (t) => {
  const world = await openWorld(t);
  const inTwoDays = new Date(Date.now() + 2 * 24 * 60 * MINUTE_MS).toISOString();
  await world.run(
    '.create table A (n: long)',
    '.create table Temp (n: long) with (hidden = true)',
    '.create table Tagged (n: long)',
    '.alter-merge table A policy retention softdelete = 1h',
    `.alter table Temp policy auto_delete '{"ExpiryDate": "${inTwoDays}", "DeleteIfNotEmpty": true}'`,
    `.alter table Tagged policy extent_tags_retention '[{"TagPrefix": "drop-by:", "RetentionPeriod": "01:00:00"}]'`,
    '.append A <| print n = 1',
    `.append Tagged with (tags = '["drop-by:x", "ingest-by:y"]') <| print n = 1`,
  );
  assert.equal((await world.run('.show tables | where TableName == "Temp"')).length, 0);
  assert.equal(
    (await world.run('.show tables with (IncludeHiddenTables=true) | where TableName == "Temp"')).length,
    1,
  );
  const tags = async () => (await world.run('.show table Tagged extents'))[0]?.['Tags'];
  assert.equal(await tags(), 'drop-by:x\r\ningest-by:y');
  await world.advance(61 * MINUTE_MS);
  await maintained(world, async () => (await tags()) === 'ingest-by:y');
  assert.deepEqual(await world.ids('A'), []);
  await world.advance(2 * 24 * 60 * MINUTE_MS);
  assert.equal(
    (await world.run('.show tables with (IncludeHiddenTables=true) | where TableName == "Temp"')).length,
    0,
  );
});

test('a table based on another has its columns, and not its policies, tags or rows', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  await world.run(`.alter table A policy merge ${NO_MERGE}`);
  const [made] = await world.run('.create table S based-on A with (hidden = true)');
  assert.match(String(made?.['Schema']), /"Name":"n"/);
  assert.deepEqual(await world.ids('S'), []);
  assert.equal((await world.run('.show table S policy merge'))[0]?.['Policy'], 'null');
  await assert.rejects(world.run('.create table S based-on A'), /already exists/);
  await world.run('.create table S based-on A ifnotexists');
  assert.equal(
    (await world.run('.show tables')).some((row) => row['TableName'] === 'S'),
    false,
  );
});

test('views over a table are listed, are refused when read, and let moves in only with a new time', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  await world.run(
    ".create materialized-view with (folder = 'f', lookback = 1h) V on table B { B | summarize count() by n }",
    '.create ifnotexists materialized-view V on table B { B | summarize max(n) }',
  );
  const [view] = await world.run(".show materialized-views | where SourceTable == 'B'");
  assert.deepEqual(
    [view?.['Name'], view?.['Folder'], view?.['Lookback'], view?.['Query']],
    ['V', 'f', '01:00:00', 'B | summarize count() by n'],
  );
  assert.equal(
    (await world.run(".show materialized-views | where SourceTable == 'B' | count"))[0]?.['Count'],
    1,
  );
  const move = '.move extents all from table A to table B';
  await assert.rejects(world.run(move), /materialized view 'V'.*setNewIngestionTime/);
  await world.run(`${move} with (setNewIngestionTime = true)`);
  assert.deepEqual(await world.numbers('B'), [1]);
  await assert.rejects(world.query('V | count'), /Reading the materialized view 'V' is not supported/);
  await world.run('.disable materialized-view V', '.move extents all from table B to table A', move);
  const operation = await world.settled(
    '.create async materialized-view with (backfill = true) W on table A { A | summarize max(n) }',
  );
  assert.equal(operation['State'], 'Completed');
  assert.equal((await world.run('.show materialized-view W'))[0]?.['SourceTable'], 'A');
  await world.run('.alter materialized-view W on table A { A | summarize min(n) }');
  assert.deepEqual(await world.run('.drop materialized-view W', '.drop materialized-view V'), []);
  for (const [csl, message] of [
    ['.create materialized-view X on table A { A | take 1 }', /must end in a summarize/],
    [
      '.create materialized-view B on table A { A | summarize count() }',
      /'B' of kind 'Table' already exists/,
    ],
    ['.create materialized-view X on table Nowhere { A | summarize count() }', /was not found/],
    ['.show materialized-view V', /of kind 'MaterializedView' was not found/],
    ['.create materialized-view with (x = 1) X on table A { A | summarize count() }', /'x'/],
  ] as const) {
    await assert.rejects(world.run(csl), message);
  }
});

test('update policy is shown, and ingestion that would have to run it is refused by name', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  const rule = (enabled: boolean) =>
    `.alter table B policy update '[{"IsEnabled": ${enabled}, "Source": "A", "Query": "A | take 1"}]'`;
  const [row] = await world.run(rule(true), '.show table B policy update');
  assert.equal(row?.['PolicyName'], 'UpdatePolicy');
  assert.deepEqual(JSON.parse(String(row?.['Policy'])), [
    {
      ...{ IsEnabled: true, IsTransactional: false, PropagateIngestionProperties: false },
      ...{ Source: 'A', Query: 'A | take 1' },
    },
  ]);
  const refusal = /update policy of table 'B', which ingestion into table 'A' asks for/;
  await assert.rejects(world.run('.append A <| print n = 2'), refusal);
  await assert.rejects(world.run('.ingest inline into table A <| 2'), refusal);
  await world.run('.append B <| print n = 3', rule(false), '.append A <| print n = 2');
  assert.deepEqual(await world.numbers('A'), [1, 2]);
  await assert.rejects(world.run(`.alter table B policy update '[{"Source": "A"}]'`), /Source and Query/);
});

test('row level security is shown, and reading under it is refused by name', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  const [row] = await world.run(
    '.alter table A policy row_level_security enable "A | where n > 5"',
    '.show table A policy row_level_security',
  );
  assert.deepEqual(JSON.parse(String(row?.['Policy'])), { IsEnabled: true, Query: 'A | where n > 5' });
  await assert.rejects(world.numbers('A'), /row level security policy/);
  await world.run('.alter table A policy row_level_security disable "A"');
  assert.deepEqual(await world.numbers('A'), [1]);
});

test('restricted view access lets only unrestricted viewers read', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  await world.run('.alter table A policy restricted_view_access true');
  assert.deepEqual(await world.numbers('A'), [1]);
  const status = async (token: string, csl: string) => {
    const response = await fetch(`${world.server.url}/v2/rest/query`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ db: 'Samples', csl }),
    });
    await response.text();
    return response.status;
  };
  for (const [token, roles] of [
    ['admin', ['admin']],
    ['special', ['admin', 'unrestrictedviewer']],
  ] as const) {
    const body = JSON.stringify({ token, roles: { Samples: roles } });
    await fetch(`${world.server.admin}/principals`, { method: 'POST', body });
  }
  assert.equal(await status('admin', 'A | count'), 403);
  assert.equal(await status('admin', 'union A, B | count'), 403);
  assert.equal(await status('admin', 'B | count'), 200);
  assert.equal(await status('special', 'A | count'), 200);
});

test('cluster without moves refuses them for good, and does the rest', async (t: TestContext) => {
  const world = await openWorld(t, { refusesMoves: true });
  await twoTables(world, 1);
  for (const csl of [
    '.move async extents all from table A to table B',
    '.replace extents in table A <| { print 1 }, { print 2 }',
  ]) {
    const response = await fetch(`${world.server.url}/v1/rest/mgmt`, {
      method: 'POST',
      body: JSON.stringify({ db: 'Samples', csl }),
    });
    assert.equal(response.status, 400);
    const { error } = (await response.json()) as {
      error: { code: string; '@message': string; '@permanent': boolean };
    };
    assert.equal(error.code, 'BadRequest_CommandNotSupported');
    assert.match(
      error['@message'],
      /The command '\.(move|replace) extents' is not available on this cluster/,
    );
    assert.equal(error['@permanent'], true);
  }
  assert.equal((await world.run('.drop extents <| .show table A extents')).length, 1);
  const operation = await world.settled(
    '.set-or-append async B with (tags = \'["ingest-by:x"]\') <| print n = 4',
  );
  assert.equal(operation['State'], 'Completed');
});
