import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openWorld, twoTables, type World } from './world.js';

const MOVE = '.move async extents all from table A to table B';
const HOUR_MS = 3_600_000;
const NO_ID = '11111111-1111-1111-1111-111111111111';

async function start(world: World, csl: string): Promise<string> {
  return String((await world.run(csl))[0]?.['OperationId']);
}

const FAILING: readonly (readonly [action: string, state: string, shouldRetry: number, moved: number])[] = [
  ['fail', 'Failed', 0, 0],
  ['permanent', 'Failed', 0, 0],
  ['transient', 'Failed', 1, 0],
  ['throttle', 'Throttled', 1, 0],
  ['loseAnswer', 'Failed', 1, 2],
  ['duplicate', 'Completed', 0, 2],
];

for (const [action, state, shouldRetry, moved] of FAILING) {
  test(`operation under the fault '${action}' ends ${state}, with ${moved} of two extents moved`, async (t) => {
    const world = await openWorld(t);
    await twoTables(world, 2);
    await world.fault({ target: 'operation', match: 'ExtentsMove Samples .move async', action, times: 1 });
    const operation = await world.settled(MOVE);
    assert.equal(operation['State'], state);
    assert.equal(Number(operation['ShouldRetry']), shouldRetry);
    assert.equal((await world.ids('B')).length, moved);
    const details = `.show operation ${operation['OperationId']} details`;
    if (state !== 'Completed') {
      await assert.rejects(world.run(details), /it has no details/);
    }
    assert.equal((await world.settled(MOVE))['State'], 'Completed');
    assert.deepEqual(await world.numbers('B'), [1, 2]);
  });
}

for (const work of ['undone', 'done'] as const) {
  test(`operation that vanishes is never heard of, with its work ${work}`, async (t) => {
    const world = await openWorld(t);
    await twoTables(world, 1);
    await world.fault({ target: 'operation', match: 'ExtentsMove', action: 'vanish', work, times: 1 });
    const id = await start(world, MOVE);
    const [from, to] = work === 'done' ? ['B', 'A'] : ['A', 'B'];
    while ((await world.numbers(from)).length === 0) {
      // The work goes on after the answer.
    }
    assert.deepEqual(await world.run(`.show operations ${id}`), []);
    await assert.rejects(world.run(`.show operation ${id} details`), /of kind 'Operation' was not found/);
    assert.deepEqual(await world.run('.show operations'), []);
    assert.deepEqual([await world.numbers(from), await world.numbers(to)], [[1], []]);
  });
}

const APPEND = '.set-or-append async A <| print n = 9';

test('hanging ingestion from a query stays in progress until it is cancelled', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  await world.fault({ target: 'operation', action: 'hang', times: 1 });
  const id = await start(world, APPEND);
  await world.advance(HOUR_MS);
  assert.equal((await world.run(`.show operations ${id}`))[0]?.['State'], 'InProgress');
  const [cancelled] = await world.run(`.cancel operation ${id} with (reason = 'enough')`);
  assert.deepEqual(
    [cancelled?.['CancellationState'], cancelled?.['ReasonPhrase']],
    ['Cancelled successfully', 'enough'],
  );
  const [after] = await world.run(`.show operations ${id}`);
  assert.deepEqual([after?.['State'], after?.['Status']], ['Canceled', 'enough']);
  assert.equal(
    (await world.run(`.cancel operation ${id}`))[0]?.['CancellationState'],
    'Cancelled successfully',
  );
});

test('ingestion that is cancelled before it has written anything adds no row', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 0);
  await world.fault({ target: 'operation', match: 'TableSetOrAppend', action: 'slow', delayMs: 100 });
  const [started] = await world.run('.set-or-append async B <| print n = 1');
  const id = String(started?.['OperationId']);
  const [cancelled] = await world.run(`.cancel operation ${id}`);
  assert.equal(cancelled?.['CancellationState'], 'Cancelled successfully');
  const [operation] = await world.run(`.show operations ${id}`);
  assert.equal(operation?.['State'], 'Canceled');
  assert.deepEqual(await world.numbers('B'), []);
});

test('nothing but ingestion from a query is cancelled', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  await world.fault({ target: 'operation', action: 'hang', times: 1 });
  const id = await start(world, MOVE);
  const [cancelled] = await world.run(`.cancel operation ${id}`);
  assert.equal(cancelled?.['CancellationState'], 'Cancel failed');
  assert.match(String(cancelled?.['ReasonPhrase']), /ExtentsMove is InProgress/);
  assert.equal((await world.run(`.show operations ${id}`))[0]?.['State'], 'InProgress');
  await assert.rejects(world.run(`.cancel operation ${NO_ID}`), /of kind 'Operation' was not found/);
});

test('slow operation ends when its time has come, and one cancelled before that does nothing', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  await world.fault({ target: 'operation', action: 'slow', delayMs: HOUR_MS, times: 2 });
  const cancelled = await start(world, APPEND);
  await world.run(`.cancel operation ${cancelled}`);
  await world.advance(HOUR_MS);
  assert.deepEqual(await world.numbers('A'), [1]);
  const id = await start(world, MOVE);
  assert.equal((await world.run(`.show operations ${id}`))[0]?.['State'], 'InProgress');
  await world.advance(HOUR_MS);
  while ((await world.run(`.show operations ${id}`))[0]?.['State'] === 'InProgress') {
    // The clock has passed the delay.
  }
  assert.equal((await world.run(`.show operations ${cancelled}`))[0]?.['State'], 'Canceled');
  assert.deepEqual(await world.numbers('B'), [1]);
});

test('six hours count from the last update', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  await world.fault({ target: 'operation', action: 'slow', delayMs: 5 * HOUR_MS, times: 1 });
  const id = await start(world, MOVE);
  const state = async () => (await world.run(`.show operations ${id}`))[0]?.['State'];
  await world.advance(5 * HOUR_MS);
  while ((await state()) === 'InProgress') {
    // The clock has passed the delay.
  }
  await world.advance(3 * HOUR_MS);
  assert.equal(await state(), 'Completed');
  await world.advance(3 * HOUR_MS);
  assert.equal(await state(), undefined);
});

test('operations are found by id for six hours and in the log of all updates for two weeks', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  const { OperationId: id } = await world.settled(MOVE);
  const other = (await world.settled('.clear async table B data'))['OperationId'];
  assert.equal((await world.run(`.show operations (${id}, ${other})`)).length, 2);
  const states = async () =>
    (await world.run(`.show operations | where OperationId == "${id}" | sort by LastUpdatedOn asc`)).map(
      (row) => row['State'],
    );
  assert.deepEqual(await states(), ['InProgress', 'Completed']);
  const newest = `.show operations | where OperationId == guid(${id}) | summarize arg_max(LastUpdatedOn, *) by OperationId`;
  const [last] = await world.run(newest);
  assert.deepEqual([last?.['OperationId'], last?.['State']], [id, 'Completed']);
  await world.advance(6 * HOUR_MS);
  assert.deepEqual(await world.run(`.show operations ${id}`), []);
  await assert.rejects(world.run(`.show operation ${id} details`), /of kind 'Operation' was not found/);
  assert.deepEqual(await states(), ['InProgress', 'Completed']);
  await world.advance(14 * 24 * HOUR_MS);
  assert.deepEqual(await states(), []);
});

test('results of operations outlive a restart, and what ran then is abandoned', async (t) => {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'kusto-extents-'));
  t.after(() => rm(dataDirectory, { recursive: true, force: true }));
  const first = await openWorld(t, { dataDirectory });
  await twoTables(first, 2);
  const moved = String((await first.settled(MOVE))['OperationId']);
  const written = String((await first.settled('.append async A <| print n = 9'))['OperationId']);
  await first.fault({ target: 'operation', action: 'hang', times: 1 });
  const hanging = await start(first, MOVE);
  const details = async (world: World, id: string) => world.run(`.show operation ${id} details`);
  const before = [await details(first, moved), await details(first, written)];
  await first.server.stop();
  const second = await openWorld(t, { dataDirectory });
  assert.deepEqual([await details(second, moved), await details(second, written)], before);
  const [row] = await second.run(`.show operations ${hanging}`);
  assert.equal(row?.['State'], 'Abandoned');
  assert.equal(Number(row?.['ShouldRetry']), 1);
  assert.deepEqual(
    await second.ids('B'),
    before[0]?.map((one) => one['ResultExtentId']),
  );
});
