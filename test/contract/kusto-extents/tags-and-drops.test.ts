import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWorld, twoTables, type World } from './world.js';

async function tags(world: World, table: string): Promise<unknown[]> {
  return (await world.run(`.show table ${table} extents`)).map((row) => row['Tags']).sort();
}

test('tags of the extents that a query gives are set, or added to', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 3);
  const [first] = await world.ids('A');
  const set = await world.run(
    `.alter table A extent tags ('x', 'ingest-by:y') <| .show table A extents (${first})`,
  );
  assert.equal(set[0]?.['OriginalExtentId'], first);
  assert.equal(set[0]?.['ResultExtentTags'], 'x\r\ningest-by:y');
  assert.notEqual(set[0]?.['ResultExtentId'], first);
  assert.ok((await world.ids('A')).includes(String(set[0]?.['ResultExtentId'])));
  const operation = await world.settled(
    ".alter-merge async table A extent tags ('drop-by:2', 'z') <| .show table A extents where tags has 'drop-by:2'",
  );
  assert.equal(operation['Operation'], 'ExtentTagsAlter');
  const details = await world.run(`.show operation ${operation['OperationId']} details`);
  assert.equal(details[0]?.['ResultExtentTags'], 'drop-by:2\r\nz');
  assert.deepEqual(await tags(world, 'A'), ['drop-by:2\r\nz', 'drop-by:3', 'x\r\ningest-by:y']);
  assert.deepEqual(await world.numbers('A'), [1, 2, 3]);
  await assert.rejects(
    world.run(`.alter table B extent tags ('x') <| .show table A extents`),
    /of kind 'Extent' was not found/,
  );
});

test('tags are dropped by name and by query, and extents that lack them stay as they are', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 3);
  const before = await world.ids('A');
  const dropped = await world.run(".drop table A extent tags ('drop-by:1', 'nowhere')");
  assert.deepEqual(
    dropped.map((row) => [row['OriginalExtentId'], row['ResultExtentTags']]),
    [[before[0], '']],
  );
  assert.deepEqual(await tags(world, 'A'), ['', 'drop-by:2', 'drop-by:3']);
  const operation = await world.settled(
    ".drop async table A extent tags <| .show table A extents | where Tags has 'drop-by:2' | project ExtentId, Tags",
  );
  assert.equal(operation['State'], 'Completed', String(operation['Status']));
  assert.deepEqual(await tags(world, 'A'), ['', '', 'drop-by:3']);
  await world.run(
    ".drop table A extent tags <| .show table A extents | project ExtentId, Tags = split(Tags, '\\r\\n')",
  );
  assert.deepEqual(await tags(world, 'A'), ['', '', '']);
  assert.deepEqual(await world.numbers('A'), [1, 2, 3]);
});

test('extents are shown by id, tag, number and place', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 3);
  const [first, second] = await world.ids('A');
  await world.run(`.move extents from table A to table B (${second})`);
  const count = async (csl: string) => (await world.run(csl)).length;
  const shown: readonly (readonly [string, number])[] = [
    [`.show table A extents (${first?.toUpperCase()})`, 1],
    [`.show table A extents (${second})`, 0],
    ['.show tables (A, B) extents hot', 3],
    [".show database Samples extents where tags has 'drop-by:1'", 1],
    [".show database extents where tags has 'drop-by'", 0],
    [".show cluster extents where tags contains 'DROP-by' and tags !has 'drop-by:1'", 2],
    [".show cluster extents hot where tags !contains 'by:1'", 2],
    [`.show table A extents with (extentsShowFilteringRuntimePolicy='{"MaximumResultsCount":1}')`, 1],
  ];
  for (const [csl, expected] of shown) {
    assert.equal(await count(csl), expected, csl);
  }
  for (const [csl, message] of [
    ['.show table A extents (x)', /not an extent id/],
    [".show table A extents with (extentsShowFilteringRuntimePolicy='{')", /not JSON/],
    ['.show table A extents with (other=1)', /'other'/],
  ] as const) {
    await assert.rejects(world.run(csl), message);
  }
});

test('old, surplus and queried extents are dropped, and a pretended drop drops nothing', async (t) => {
  const world = await openWorld(t);
  await world.run(
    '.create table A (n: long)',
    '.create table B (n: long)',
    ".append A with (creationTime = '2020-01-01') <| print n = 1",
    ".append A with (creationTime = '2021-01-01') <| print n = 2",
    '.append A <| print n = 3',
    ".append B with (creationTime = '2020-01-01') <| print n = 4",
  );
  const dropped = async (csl: string) => (await world.run(csl)).length;
  assert.equal(await dropped('.drop-pretend extents older 100 days from A'), 2);
  assert.equal(await dropped('.drop extents whatif <| .show table A extents'), 3);
  assert.equal(await dropped('.drop-pretend extents older 1 hours from all tables limit 1'), 1);
  assert.equal(await dropped('.drop-pretend extents from A trim by datasize 0 bytes'), 3);
  assert.equal(await dropped('.drop-pretend extents from A trim by extentsize 1 GB'), 0);
  const size = Number((await world.run('.show table A extents'))[0]?.['OriginalSize']);
  assert.deepEqual(await world.numbers('A'), [1, 2, 3]);
  assert.equal(await dropped(`.drop extents from A trim by datasize ${size * 2} bytes`), 1);
  assert.deepEqual(await world.numbers('A'), [2, 3]);
  assert.equal(await dropped('.drop extents older 24 hours from all tables'), 2);
  assert.deepEqual([await world.numbers('A'), await world.numbers('B')], [[3], []]);
  const [last] = await world.ids('A');
  assert.equal(await dropped(`.drop extent ${last} from A`), 1);
  await assert.rejects(world.run('.drop extents from A trim by age 1 GB'), /expected extentsize or datasize/);
});

test('tags go to the extents of an id list and of a query over rows, and are counted by tag', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 3);
  const listed = (await world.ids('A')).slice(0, 2).join(', ');
  const merged = await world.settled(
    `.alter-merge async table A extent tags ('load', 'ingest-by:k') <| .show table A extents (${listed})`,
  );
  assert.equal(merged['State'], 'Completed');
  const guids = (await world.ids('A')).map((id) => `guid(${id})`).join(',');
  await world.run(
    `.alter-merge table A extent tags ('all') <| .show table A extents | where ExtentId in (${guids})`,
    ".alter-merge table A extent tags ('three') <| A | where n == 3 | summarize by ExtentId = extent_id()",
  );
  const counts: Record<string, unknown> = {};
  for (const filter of ["has 'load'", "!has 'load'", "contains 'BY:k'", "!contains 'three'", "has 'oad'"]) {
    const csl = `.show table A extents where tags ${filter} | summarize ExtentCount=count(), Rows=sum(RowCount)`;
    const [row] = await world.run(csl);
    counts[filter] = [row?.['ExtentCount'], row?.['Rows']];
  }
  assert.deepEqual(counts, {
    "has 'load'": [2, 2],
    "!has 'load'": [1, 1],
    "contains 'BY:k'": [2, 2],
    "!contains 'three'": [2, 2],
    "has 'oad'": [0, 0],
  });
});

test('extents with a tag are dropped, those of some tables by age, and all tags of queried ones go', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 3);
  const dropped = await world.run(".drop extents <| .show table A extents where tags has 'drop-by:2'");
  assert.deepEqual(
    dropped.map((row) => row['TableName']),
    ['A'],
  );
  assert.deepEqual(await world.numbers('A'), [1, 3]);
  await world.settled(".drop async table A extent tags <| .show table A extents where tags has 'drop-by:1'");
  assert.deepEqual(await tags(world, 'A'), ['', 'drop-by:3']);
  await world.run('.append B <| print n = 9');
  await world.advance(3_600_000);
  await world.run('.append B <| print n = 10');
  assert.equal((await world.run('.drop extents older 1 hours from tables (A, B)')).length, 3);
  assert.deepEqual([await world.numbers('A'), await world.numbers('B')], [[], [10]]);
});
