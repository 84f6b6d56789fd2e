import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KfError } from '../../../src/runtime/errors.js';
import { createLoadStore, type LoadStore } from '../../../src/transactional/store.js';
import type { Load, LoadCall, LoadState } from '../../../src/transactional/types.js';
import { createManualClock } from '../../helpers/manual-clock.js';
import { createMemoryTableStore } from '../../helpers/memory-stores.js';

const loadOf = (id: string, more: Partial<Load> = {}): Load => ({
  ...{ id, digest: 'd', state: 'running', step: 'inspect', createdAtMs: 1_000, updatedAtMs: 1_000 },
  options: { database: 'Db', table: 'T' } as Load['options'],
  ...{
    deadlineMs: 9_000,
    cancelRequested: false,
    generation: 0,
    possibleDuplicates: 0,
    times: {},
    cleaned: false,
  },
  ...more,
});
const callOf = (key: string, more: Partial<LoadCall> = {}): LoadCall => ({
  ...{ load: 'l', generation: 0, key, attempt: 0, state: 'pending', sources: [] },
  ...more,
});
const open = () => {
  const clock = createManualClock(5_000);
  const table = createMemoryTableStore();
  return { clock, table, store: createLoadStore({ table, clock }) };
};
const code = (wanted: string) => (error: unknown) => (error as KfError).code === wanted;
const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
};

test('a load is read as it was written, and a second one of its id is refused', async () => {
  const { store } = open();
  await store.insert(loadOf('a'));
  const { etag, ...found } = (await store.get('a')) as Load;
  assert.deepEqual(found, loadOf('a'));
  assert.ok(etag !== undefined);
  await assert.rejects(store.insert(loadOf('a')), code('STORAGE_CONFLICT'));
  assert.equal(await store.get('b'), undefined);
});

test('a change is made to the newest form, and its time is kept', async () => {
  const { store } = open();
  await store.insert(loadOf('a'));
  await store.change('a', ({ possibleDuplicates }) => ({ possibleDuplicates: possibleDuplicates + 1 }));
  const changed = await store.change('a', ({ possibleDuplicates }) => ({
    possibleDuplicates: possibleDuplicates + 1,
  }));
  assert.deepEqual([changed.possibleDuplicates, changed.updatedAtMs], [2, 5_000]);
  await assert.rejects(
    store.change('b', () => ({})),
    code('NOT_FOUND'),
  );
});

test('writers of one load at the same time lose nothing of each other', async () => {
  const { store } = open();
  await store.insert(loadOf('a'));
  const more = (): Promise<Load> =>
    store.change('a', ({ possibleDuplicates }) => ({ possibleDuplicates: possibleDuplicates + 1 }));
  await Promise.all(Array.from({ length: 10 }, more));
  assert.equal((await store.get('a'))?.possibleDuplicates, 10);
});

test('what has ended stays as it ended', async () => {
  const ends: readonly LoadState[] = ['committed', 'skipped', 'rolledBack', 'cancelled', 'failedDirty'];
  for (const end of ends) {
    const { store } = open();
    await store.insert(loadOf('a'));
    await store.change('a', () => ({ state: end }));
    for (const other of ['running', ...ends] as const) {
      if (other === end) await store.change('a', () => ({ state: other }));
      else
        await assert.rejects(
          store.change('a', () => ({ state: other })),
          code('ILLEGAL_STATE'),
        );
    }
    assert.equal((await store.get('a'))?.state, end);
  }
});

async function listed(store: LoadStore, query: { state?: LoadState; limit: number }): Promise<string[][]> {
  const pages: string[][] = [];
  let continuation: string | undefined;
  do {
    const page = await store.list({ ...query, ...(continuation === undefined ? {} : { continuation }) });
    pages.push(page.loads.map(({ id }) => id));
    continuation = page.continuation;
  } while (continuation !== undefined);
  return pages;
}

test('loads are listed newest first, page by page, those of one moment too', async () => {
  const { store } = open();
  for (const [id, createdAtMs] of [
    ['c', 10],
    ['a', 2_000],
    ['b', 10],
    ['d', 900],
    ['e', 10],
  ] as const)
    await store.insert(loadOf(id, { createdAtMs }));
  assert.deepEqual(await listed(store, { limit: 2 }), [['a', 'd'], ['e', 'c'], ['b']]);
  assert.deepEqual(await listed(store, { limit: 5 }), [['a', 'd', 'e', 'c', 'b']]);
  assert.deepEqual(await listed(open().store, { limit: 5 }), [[]]);
});

test('a listing goes on where it was, though loads come and go meanwhile', async () => {
  const { store } = open();
  for (const [id, createdAtMs] of [
    ['a', 1],
    ['b', 2],
    ['c', 3],
    ['d', 4],
  ] as const)
    await store.insert(loadOf(id, { createdAtMs }));
  const first = await store.list({ limit: 2 });
  await store.insert(loadOf('new', { createdAtMs: 5 }));
  await store.remove('c');
  const next = await store.list({ limit: 2, continuation: first.continuation as string });
  assert.deepEqual(
    [first, next].map(({ loads }) => loads.map(({ id }) => id)),
    [
      ['d', 'c'],
      ['b', 'a'],
    ],
  );
});

test('loads are found by their state', async () => {
  const { store } = open();
  for (const id of ['a', 'b', 'c']) await store.insert(loadOf(id));
  await store.change('b', () => ({ state: 'committed' }));
  assert.deepEqual(
    (await all(store.inState('running'))).map(({ id }) => id),
    ['a', 'c'],
  );
  assert.deepEqual(await listed(store, { state: 'committed', limit: 5 }), [['b']]);
});

test('calls are found by generation and state, in their order; one that is there stays as it is', async () => {
  const { store } = open();
  for (const key of ['000001', '000000', '000000r']) await store.addCall(callOf(key));
  await store.addCall(callOf('000000', { generation: 1 }));
  await store.addCall(callOf('000000', { attempt: 7 }));
  const calls = await all(store.calls('l', 0));
  assert.deepEqual(
    calls.map(({ key, attempt }) => [key, attempt]),
    [
      ['000000', 0],
      ['000000r', 0],
      ['000001', 0],
    ],
  );
  await store.replaceCall({ ...(calls[0] as LoadCall), state: 'sending' });
  await store.replaceCall({ ...(calls[2] as LoadCall), state: 'sent' });
  const due = await all(store.calls('l', 0, ['pending', 'sending']));
  assert.deepEqual(
    due.map(({ key }) => key),
    ['000000', '000000r'],
  );
  assert.equal((await all(store.calls('l', 1))).length, 1);
  assert.equal((await all(store.calls('other', 0))).length, 0);
});

test('a call is replaced only in its newest form', async () => {
  const { store } = open();
  await store.addCall(callOf('000000'));
  const [call] = await all(store.calls('l', 0));
  await store.replaceCall({ ...(call as LoadCall), attempt: 1 });
  await assert.rejects(store.replaceCall({ ...(call as LoadCall), attempt: 2 }), code('STORAGE_CONFLICT'));
});

test('a load goes with all its calls, and leaves those of others', async () => {
  const { store, table } = open();
  await store.insert(loadOf('l'));
  await store.addCall(callOf('000000'));
  await store.addCall(callOf('000000', { load: 'l2' }));
  await store.remove('l');
  assert.deepEqual(
    [...table.rows.values()].map(({ partitionKey }) => partitionKey),
    ['load-call-l2'],
  );
});

test('a value belongs to one load until that load gives it back', async () => {
  const { store } = open();
  assert.equal(await store.claim('k', 'a'), 'a');
  assert.equal(await store.claim('k', 'a'), 'a');
  assert.equal(await store.claim('k', 'b'), 'a');
  await store.unclaim('k', 'b');
  assert.equal(await store.claim('k', 'b'), 'a');
  await store.unclaim('k', 'a');
  assert.equal(await store.claim('k', 'b'), 'b');
});

test('a load with a long plan is kept whole', async () => {
  const { store } = open();
  const warnings = Array.from({ length: 2_000 }, (_, n) => `${n} ${'ü'.repeat(60)}`);
  await store.insert(loadOf('a', { plan: { warnings } as never }));
  assert.deepEqual((await store.get('a'))?.plan?.warnings, warnings);
});
