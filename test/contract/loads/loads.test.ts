import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { openWorld, type World } from './world.js';

/** Loads over the wire: the app's own clients, a local Kusto that batches and ingests blobs from Azurite. */
let world: World;
let tables = 0;

before(async () => {
  world = await openWorld();
});
after(() => world.stop());
beforeEach(() => world.clearFaults());

async function newTable(more: readonly string[] = []): Promise<string> {
  const table = `T${++tables}`;
  for (const text of [
    `.create table ${table} (n: long, s: string)`,
    ...more.map((one) => one.replaceAll('$T', table)),
  ])
    await world.run(text);
  return table;
}

const count = async (table: string, of: World = world): Promise<number> =>
  Number((await of.query(`${table} | count`))[0]?.['count']);
const distinct = async (table: string): Promise<number> =>
  Number((await world.query(`${table} | summarize n = dcount(n)`))[0]?.['n']);

test('a load of many blobs comes in whole, and leaves neither staging table nor marker', async () => {
  const table = await newTable();
  const prefix = await world.put(
    table,
    Array.from({ length: 25 }, () => 4),
  );
  const load = await world.load({
    table,
    sources: [{ prefix }],
    expectedRows: 100,
    tags: { ingestBy: ['x'] },
  });
  assert.equal(load.state, 'committed', JSON.stringify(load.error));
  assert.deepEqual([await count(table), await distinct(table)], [100, 100]);
  const tags = (await world.run(`.show table ${table} extents | project Tags`)).map(({ tags: text }) => text);
  assert.deepEqual([...new Set(tags)], ['ingest-by:x']);
  assert.deepEqual(await world.staging(), []);
});

test('rows of a table with row-level security lie in a staging table that few may read', async () => {
  const table = await newTable(['.alter table $T policy row_level_security enable "$T | where n > 1"']);
  const prefix = await world.put(table, [3, 2]);
  const seen: unknown[] = [];
  const load = await world.load(
    { table, sources: [{ prefix }], expectedRows: 5 },
    {
      before: async (step) => {
        if (step !== 'verify') return;
        const [staging] = await world.staging();
        const [row] = await world.run(`.show table ['${staging}'] policy restricted_view_access`);
        seen.push(row?.['policy']);
      },
    },
  );
  assert.equal(load.state, 'committed', JSON.stringify(load.error));
  assert.equal(load.rows.committed, 5);
  assert.match(JSON.stringify(seen), /true/);
});

test('a load into a table that a materialized view reads is committed in one move', async () => {
  const table = await newTable([
    '.create materialized-view V$T on table $T { $T | summarize n = count() by s }',
  ]);
  const prefix = await world.put(table, [3, 2]);
  const load = await world.load({ table, sources: [{ prefix }], expectedRows: 5 });
  assert.equal(load.state, 'committed', JSON.stringify(load.error));
  assert.equal(await count(table), 5);
  const moves = await world.run(
    `.show commands | where Text startswith '.move async' and Text has '${table}' | project Text`,
  );
  assert.equal(moves.length, 1);
});

test('several moves into a table that something derives from are refused before anything is ingested', async () => {
  const table = await newTable([
    '.create materialized-view V$T on table $T { $T | summarize n = count() by s }',
  ]);
  const prefix = await world.put(table, [1, 1]);
  const steps: string[] = [];
  const load = await world.load(
    { table, sources: [{ prefix }], allowPartialVisibility: true },
    { maxExtentsPerMove: 1, before: async (step) => void steps.push(step) },
  );
  assert.deepEqual([load.state, load.error?.code], ['rolledBack', 'LOAD_NOT_ATOMIC']);
  assert.match(load.error?.message ?? '', new RegExp(`materialized view V${table}`));
  assert.ok(!steps.includes('ingest'));
});

test('a load says that the update policies which read from its table do not run for it', async () => {
  const table = await newTable(['.create table D$T (n: long)']);
  const policy = [{ IsEnabled: true, Source: table, Query: `${table} | project n`, IsTransactional: false }];
  await world.run(`.alter table D${table} policy update '${JSON.stringify(policy)}'`);
  const prefix = await world.put(table, [3]);
  const load = await world.load({ table, sources: [{ prefix }], expectedRows: 3 });
  assert.equal(load.state, 'committed', JSON.stringify(load.error));
  assert.deepEqual(load.warnings, [
    `the update policy of D${table} reads from ${table}; it does not run for extents that are moved in`,
  ]);
  assert.deepEqual([await count(table), await count(`D${table}`)], [3, 0]);
});

test('a service that ingests one blob twice is found out, and the load is staged anew', async () => {
  const table = await newTable();
  const prefix = await world.put(table, [3, 2]);
  await world.fault({ target: 'operation', action: 'duplicate', match: `${table}/0.csv`, times: 1 });
  const load = await world.load({ table, sources: [{ prefix }], expectedRows: 5 });
  assert.deepEqual([load.state, load.stagedAnew], ['committed', 1], JSON.stringify(load.error));
  assert.equal(await count(table), 5);
  assert.equal(await world.hits(), 1);
  assert.deepEqual(await world.staging(), []);
});

test('a service that ingests one blob twice again and again leads to an error, and to no row', async () => {
  const table = await newTable();
  const prefix = await world.put(table, [3, 2]);
  await world.fault({ target: 'operation', action: 'duplicate', match: `${table}/0.csv` });
  const load = await world.load({ table, sources: [{ prefix }], expectedRows: 5 });
  assert.deepEqual([load.state, load.error?.code], ['rolledBack', 'LOAD_ROWS_MISMATCH']);
  assert.equal(await count(table), 0);
});

test('one bad blob among many ends the load, and nothing of it can be seen at any step', async () => {
  const table = await newTable();
  const prefix = await world.put(
    table,
    Array.from({ length: 10 }, () => 1),
  );
  const code = 'Stream_WrongNumberOfFields';
  await world.fault({ target: 'operation', action: 'fail', match: `${table}/7.csv`, code });
  const seen: number[] = [];
  const load = await world.load(
    { table, sources: [{ prefix }] },
    { before: async () => void seen.push(await count(table)) },
  );
  assert.deepEqual([load.state, load.error?.code], ['rolledBack', 'LOAD_SOURCE_REFUSED']);
  assert.match(load.error?.message ?? '', /7\.csv: failed with Stream_WrongNumberOfFields/);
  assert.deepEqual([...new Set(seen)], [0]);
  assert.equal(await count(table), 0);
  assert.deepEqual(await world.staging(), []);
});

test('answers to questions for the status that are lost or refused for a while delay a load, and no more', async () => {
  const table = await newTable();
  const prefix = await world.put(table, [3]);
  const match = '/GET .*\\/v1\\/rest\\/ingestion\\/queued/';
  await world.fault({ target: 'dm', action: 'loseAnswer', match, times: 2 });
  await world.fault({ target: 'dm', action: 'transient', match, times: 2 });
  await world.fault({ target: 'dm', action: 'throttle', match, times: 2 });
  const load = await world.load({ table, sources: [{ prefix }], expectedRows: 3 });
  assert.equal(load.state, 'committed', JSON.stringify(load.error));
  assert.equal(await world.hits(), 6);
  assert.equal(await count(table), 3);
});

test('a move of which nothing is ever heard is made again', async () => {
  const table = await newTable();
  const prefix = await world.put(table, [3, 2]);
  await world.fault({ target: 'operation', action: 'vanish', match: `/^ExtentsMove.*${table}/`, times: 1 });
  const load = await world.load({ table, sources: [{ prefix }], expectedRows: 5 });
  assert.equal(load.state, 'committed', JSON.stringify(load.error));
  assert.deepEqual([await count(table), await world.hits()], [5, 1]);
});

test('moves of which nothing is ever heard lead to an error, and to no row', async () => {
  const table = await newTable();
  const prefix = await world.put(table, [3]);
  await world.fault({ target: 'operation', action: 'vanish', match: `/^ExtentsMove.*${table}/` });
  const load = await world.load({ table, sources: [{ prefix }], expectedRows: 3 });
  assert.deepEqual([load.state, load.error?.code], ['rolledBack', 'LOAD_COMMIT_FAILED']);
  assert.equal(await count(table), 0);
  assert.deepEqual(await world.staging(), []);
});

test('a move that is done and whose operation says that it failed is not made again', async () => {
  const table = await newTable();
  const prefix = await world.put(table, [3]);
  await world.fault({
    target: 'operation',
    action: 'loseAnswer',
    match: `/^ExtentsMove.*${table}/`,
    times: 1,
  });
  const load = await world.load({ table, sources: [{ prefix }], expectedRows: 3 });
  assert.equal(load.state, 'committed', JSON.stringify(load.error));
  assert.equal(await count(table), 3);
});

test('the lost answer to the command that moves is settled by looking', async () => {
  const table = await newTable();
  const prefix = await world.put(table, [3]);
  await world.fault({ target: 'engine', action: 'loseAnswer', match: `/\\.move async.*${table}/`, times: 1 });
  const load = await world.load({ table, sources: [{ prefix }], expectedRows: 3 });
  assert.equal(load.state, 'committed', JSON.stringify(load.error));
  assert.deepEqual([await count(table), await world.hits()], [3, 1]);
});

test('two loads into one table at once bring both their rows', async () => {
  const table = await newTable();
  const [one, two] = [await world.put(`${table}a`, [3, 2]), await world.put(`${table}b`, [4])];
  const loads = await Promise.all([
    world.load({ table, sources: [{ prefix: one }], expectedRows: 5 }),
    world.load({ table, sources: [{ prefix: two }], expectedRows: 4 }),
  ]);
  assert.deepEqual(
    loads.map(({ state }) => state),
    ['committed', 'committed'],
    JSON.stringify(loads),
  );
  assert.equal(await count(table), 9);
});

test('of two loads at once under one value, one is committed and the other skipped', async () => {
  const table = await newTable();
  const tags = { ingestBy: ['day'], ingestIfNotExists: ['day'] };
  const prefix = await world.put(table, [3, 2]);
  const request = { table, sources: [{ prefix }], expectedRows: 5, tags };
  const loads = await Promise.all([world.load(request), world.load(request), world.load(request)]);
  assert.deepEqual(loads.map(({ state }) => state).sort(), ['committed', 'skipped', 'skipped']);
  assert.equal(await count(table), 5);
  assert.deepEqual(await world.staging(), []);
});

test('a cluster without the REST API of queued ingestion takes loads the older way', async () => {
  const table = await newTable();
  const prefix = await world.put(table, [3, 2]);
  const load = await world.load({ table, sources: [{ prefix }], expectedRows: 5 }, { isOlder: true });
  assert.equal(load.state, 'committed', JSON.stringify(load.error));
  assert.deepEqual([await count(table), await distinct(table)], [5, 5]);
});

test('a bad blob that is told of the older way ends the load too', async () => {
  const table = await newTable();
  const prefix = await world.put(table, [1, 1]);
  const code = 'Stream_WrongNumberOfFields';
  await world.fault({ target: 'operation', action: 'fail', match: `${table}/1.csv`, code });
  const load = await world.load({ table, sources: [{ prefix }] }, { isOlder: true });
  assert.deepEqual([load.state, load.error?.code], ['rolledBack', 'LOAD_SOURCE_REFUSED']);
  assert.equal(await count(table), 0);
});

test('a cluster that cannot move extents gets the rows by one append, once', async () => {
  const other = await openWorld({ refusesMoves: true });
  try {
    await other.run('.create table T (n: long, s: string)');
    const prefix = await other.put('T', [3, 2]);
    await other.fault({ target: 'engine', action: 'loseAnswer', match: '.set-or-append', times: 1 });
    const load = await other.load({ table: 'T', sources: [{ prefix }], expectedRows: 5 });
    assert.deepEqual([load.state, load.commit?.form], ['committed', 'append'], JSON.stringify(load.error));
    assert.equal(await count('T', other), 5);
    assert.equal(await other.hits(), 1);
    const tags = (await other.run('.show table T extents | project Tags')).map(({ tags: text }) => text);
    assert.deepEqual(tags, ['']);
    assert.deepEqual(await other.staging(), []);
  } finally {
    await other.stop();
  }
});
