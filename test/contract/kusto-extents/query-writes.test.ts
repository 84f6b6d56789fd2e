import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWorld, twoTables, type World } from './world.js';

async function guids(world: World, table: string): Promise<string> {
  return (await world.ids(table)).map((id) => `guid(${id})`).join(', ');
}

const PROPERTIES = `with (tags='["a","ingest-by:k"]', ingestIfNotExists='["k"]', creationTime='2024-05-06')`;

test('extents of a query are written once with their tags and time, and a repeat says that it was skipped', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 3);
  await world.run('.create table T (m: long, b: string)');
  const source = `A | where extent_id() in (${await guids(world, 'A')}) | extend b = 'x' | project ['n'], ['b']`;
  const csl = `.set-or-append async T ${PROPERTIES} <| ${source}`;
  const first = await world.settled(csl);
  assert.deepEqual([first['State'], first['Operation']], ['Completed', 'TableSetOrAppend']);
  const [detail] = await world.run(`.show operation ${first['OperationId']} details`);
  const [extent, ...others] = await world.run('.show table T extents');
  assert.equal(others.length, 0);
  assert.deepEqual([detail?.['ExtentId'], detail?.['RowCount']], [extent?.['ExtentId'], 3]);
  assert.equal(extent?.['Tags'], 'a\r\ningest-by:k');
  assert.match(String(extent?.['MaxCreatedOn']), /^2024-05-06T00:00:00/);
  const again = await world.settled(csl);
  assert.equal(again['State'], 'Skipped');
  assert.match(String(again['Status']), /^Skipped_IngestByTagAlreadyExists: /);
  assert.deepEqual(await world.run(`.show operation ${again['OperationId']} details`), []);
  assert.deepEqual(await world.run(csl.replace(' async', '')), []);
  assert.equal((await world.ids('T')).length, 1);
});

test('of several writes with one tag that run at once, one adds rows', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 2);
  const csl = `.set-or-append async B ${PROPERTIES} <| A`;
  const ends = await Promise.all(Array.from({ length: 4 }, () => world.settled(csl)));
  assert.deepEqual(ends.map((end) => end['State']).sort(), ['Completed', 'Skipped', 'Skipped', 'Skipped']);
  assert.deepEqual(await world.numbers('B'), [1, 2]);
});

test('write that fails on the way adds nothing, and one done twice is held by its tag', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 2);
  await world.run('.create table Other (s: string)');
  const mismatch = await world.settled('.set-or-append async Other <| A');
  assert.equal(mismatch['State'], 'Failed');
  assert.match(String(mismatch['Status']), /Query schema does not match table schema/);
  await world.fault({ target: 'operation', match: 'TableSetOrAppend', action: 'duplicate', times: 2 });
  await world.settled(`.set-or-append async B ${PROPERTIES} <| A`);
  assert.deepEqual(await world.numbers('B'), [1, 2]);
  await world.settled('.set-or-append async B <| A');
  assert.deepEqual(await world.numbers('B'), [1, 1, 1, 2, 2, 2]);
});

test('rows beyond what the sharding policy allows one extent become several, all at once', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 0);
  await world.run(`.alter table B policy sharding '{"ShardEngineMaxRowCount": 400}'`);
  const [{ OperationId: id }] = (await world.run('.append async B <| range n from 1 to 1000 step 1')) as [
    Record<string, unknown>,
  ];
  const seen = new Set<number>();
  while ((await world.run(`.show operations ${id}`))[0]?.['State'] === 'InProgress') {
    seen.add((await world.numbers('B')).length);
  }
  const extents = await world.run('.show table B extents');
  assert.deepEqual(
    extents.map((row) => row['RowCount']),
    [400, 400, 200],
  );
  assert.deepEqual(
    [...seen].filter((count) => count !== 0 && count !== 1000),
    [],
  );
  assert.equal((await world.numbers('B')).length, 1000);
});
