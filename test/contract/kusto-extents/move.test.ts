import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWorld, twoTables } from './world.js';

test('all extents of a table move under new ids with their tags and times', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 3);
  const before = await world.run('.show table A extents');
  const moved = await world.run('.move extents all from table A to table B');
  assert.deepEqual(
    moved.map((row) => row['OriginalExtentId']),
    before.map((row) => row['ExtentId']),
  );
  assert.deepEqual(
    moved.map((row) => row['ResultExtentId']),
    await world.ids('B'),
  );
  assert.equal(new Set([...moved, ...before].flatMap((row) => Object.values(row))).size > 6, true);
  assert.ok(moved.every((row) => row['Details'] === ''));
  const after = await world.run('.show table B extents');
  for (const key of ['Tags', 'MaxCreatedOn', 'RowCount', 'OriginalSize']) {
    assert.deepEqual(
      after.map((row) => row[key]),
      before.map((row) => row[key]),
    );
  }
  assert.deepEqual(await world.ids('A'), []);
  assert.deepEqual(await world.numbers('B'), [1, 2, 3]);
});

test('extents named by id move, and the others stay', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 3);
  const [first, , third] = await world.ids('A');
  const moved = await world.run(
    `.move extents from table A to table B with (setNewIngestionTime = true) (${first}, ${third?.toUpperCase()})`,
  );
  assert.equal(moved.length, 2);
  assert.deepEqual([await world.numbers('A'), await world.numbers('B')], [[2], [1, 3]]);
});

const SOURCES = [
  '.show table A extents',
  '.show table A extents with (extentsShowFilteringRuntimePolicy=\'{"MaximumResultsCount":2}\')',
  '.show table A extents; $command_results | distinct ExtentId',
  '.show table A extents where tags contains "drop-by"',
  '.show table A extents where tags contains "drop-by" | project ExtentId, TableName',
  '.show tables (A, B) extents | where TableName == "A" | project ExtentId, TableName',
  'A | summarize by ExtentId = extent_id() | extend TableName = "A"',
];

for (const source of SOURCES) {
  test(`extents that \`${source}\` gives move, with clauses split and in any case`, async (t) => {
    const world = await openWorld(t);
    await twoTables(world, 2);
    const head = `.move async extents to table B with(SetNewIngestionTime=true) with(extentCreatedOnFrom='2000-01-01', ExtentCreatedOnTo='9999-01-01')`;
    const operation = await world.settled(`${head} <| ${source}`);
    assert.equal(operation['State'], 'Completed', String(operation['Status']));
    assert.equal(operation['Operation'], 'ExtentsMove');
    const details = await world.run(`.show operation ${operation['OperationId']} details`);
    assert.deepEqual(
      details.map((row) => row['ResultExtentId']),
      await world.ids('B'),
    );
    assert.deepEqual(await world.numbers('B'), [1, 2]);
  });
}

test('extents created outside the given times are left where they are', async (t) => {
  const world = await openWorld(t);
  await world.run(
    '.create table A (n: long)',
    '.create table B (n: long)',
    ".append A with (creationTime = '2020-01-01') <| print n = 1",
    ".append A with (creationTime = '2021-01-01') <| print n = 2",
    ".append A with (creationTime = '2022-01-01') <| print n = 3",
  );
  const moved = await world.run(
    ".move extents all from table A to table B with (extentCreatedOnFrom = datetime(2020-06-01), extentCreatedOnTo = '2021-06-01')",
  );
  assert.equal(moved.length, 1);
  assert.deepEqual(await world.numbers('B'), [2]);
});

test('moved rows keep their ingestion time unless a new one is asked for', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  await world.run('.create table C (n: long)');
  const timeIn = async (table: string) =>
    (await world.query(`${table} | project at = ingestion_time()`))[0]?.['at'];
  const before = await timeIn('A');
  await world.run('.move extents all from table A to table B');
  assert.equal(await timeIn('B'), before);
  await world.advance(60_000);
  await world.run('.move extents all from table B to table C with (setNewIngestionTime = true)');
  assert.ok(String(await timeIn('C')) > String(before));
});

test('move that cannot be done as a whole changes nothing', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 2);
  await world.run(
    '.create table Fewer (m: long)',
    '.create table Other (n: string)',
    '.create table Wider (x: string, n: long)',
  );
  const [first] = await world.ids('A');
  const none = '11111111-1111-1111-1111-111111111111';
  const refused: [string, RegExp][] = [
    [`.move extents from table A to table B (${first}, ${none})`, /of kind 'Extent' was not found/],
    ['.move extents all from table A to table Fewer', /column 'n' of type long is needed, .* no such column/],
    ['.move extents all from table A to table Other', /has it as string/],
    ['.move extents all from table A to table A', /to the table they are in/],
    ['.move extents all from table Missing to table B', /of kind 'Table' was not found/],
    ['.move extents all from table A to table Missing', /of kind 'Table' was not found/],
    [`.move extents to table B <| print Id = "${first}"`, /must give a column 'ExtentId'/],
    [
      `.move extents to table B <| print ExtentId = "${first}", TableName = "B"`,
      /of kind 'Extent' was not found/,
    ],
    [
      `.move extents to table B <| print ExtentId = "${first}", TableName = "A", DatabaseName = "NetDefaultDB"`,
      /Extents of database 'NetDefaultDB'/,
    ],
    ['.move extents all from table A to table B with (surprise = 1)', /'surprise'/],
    [".move extents all from table A to table B with (extentCreatedOnTo = 'soon')", /not a date and time/],
    [`.move extents from table A to table B (x)`, /not an extent id/],
  ];
  for (const [csl, message] of refused) {
    await assert.rejects(world.run(csl), message, csl);
  }
  assert.deepEqual([await world.numbers('A'), await world.numbers('B')], [[1, 2], []]);
  await world.run('.move extents all from table A to table Wider');
  assert.deepEqual(await world.numbers('Wider'), [1, 2]);
});

test('extents of a table are replaced by extents of another in one step', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 3);
  await world.run('.append B <| print n = 100', '.append B <| print n = 200');
  const [old] = (await world.query('B | where n == 100 | project id = extent_id()')).map(({ id }) => id);
  const rows = await world.run(
    `.replace extents in table B with (setNewIngestionTime = true) <| {.show table B extents (${old})}, { .show table A extents }`,
  );
  assert.equal(rows.length, 4);
  assert.deepEqual(rows[0], { OriginalExtentId: old, ResultExtentId: '', Details: '' });
  assert.deepEqual([await world.numbers('A'), await world.numbers('B')], [[], [1, 2, 3, 200]]);
  const stray = `.replace extents in table A <| { .show table B extents }, { .show table B extents }`;
  await assert.rejects(world.run(stray), /it is in table 'B', not in 'A'/);
  const operation = await world.settled(
    '.replace async extents in table B <| { .show table B extents }, { A | summarize by ExtentId = extent_id(), TableName = "A" }',
  );
  assert.equal(operation['State'], 'Completed');
  assert.deepEqual(await world.numbers('B'), []);
});

test('reader never sees part of a move', async (t) => {
  const world = await openWorld(t);
  const count = 60;
  await twoTables(world, count);
  await world.run('.create table C (n: long)');
  const seen = new Set<number>();
  let isOver = false;
  const reader = (async () => {
    while (!isOver) {
      const [row] = await world.query(
        'union (A | summarize a = count()), (B | summarize b = count()) | summarize a = max(a), b = max(b)',
      );
      seen.add(Number(row?.['a']));
      assert.equal(Number(row?.['a']) + Number(row?.['b']), count);
    }
  })();
  for (let round = 0; round < 15; round += 1) {
    const [from, to] = round % 2 === 0 ? ['A', 'B'] : ['B', 'A'];
    const operation = await world.settled(`.move async extents all from table ${from} to table ${to}`);
    assert.equal(operation['State'], 'Completed');
  }
  isOver = true;
  await reader;
  assert.deepEqual(
    [...seen].sort((a, b) => a - b),
    [0, count],
  );
});

test('without the right to both tables nothing moves', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  const body = { token: 't', roles: { Samples: ['viewer'], 'Samples.A': ['admin'] } };
  await fetch(`${world.server.admin}/principals`, { method: 'POST', body: JSON.stringify(body) });
  const response = await fetch(`${world.server.url}/v1/rest/mgmt`, {
    method: 'POST',
    headers: { authorization: 'Bearer t' },
    body: JSON.stringify({ db: 'Samples', csl: '.move extents all from table A to table B' }),
  });
  assert.equal(response.status, 403);
  assert.match(await response.text(), /role 'admin' on table 'B'/);
  await fetch(`${world.server.admin}/principals`, { method: 'DELETE' });
  assert.deepEqual(await world.numbers('A'), [1]);
});
