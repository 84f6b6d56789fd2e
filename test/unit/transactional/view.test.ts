import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLoadStore } from '../../../src/transactional/store.js';
import type { CallSource, Load } from '../../../src/transactional/types.js';
import { sourcesPage, viewOf } from '../../../src/transactional/view.js';
import { createManualClock } from '../../helpers/manual-clock.js';
import { createMemoryTableStore } from '../../helpers/memory-stores.js';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const load = (more: Partial<Load> = {}): Load => ({
  ...{ id: 'l', digest: 'd', state: 'running', step: 'wait', createdAtMs: T0, updatedAtMs: T0 + 1_000 },
  options: { database: 'Db', table: 'T', writeMode: 'Transactional' } as Load['options'],
  ...{ deadlineMs: T0 + 60_000, cancelRequested: false, generation: 0, possibleDuplicates: 0 },
  ...{ times: {}, cleaned: false },
  ...more,
});

test('a load that has just begun shows what is known of it, and nothing else', () => {
  assert.deepEqual(viewOf(load()), {
    ...{ id: 'l', requestId: 'l', state: 'running', step: 'wait', writeMode: 'Transactional' },
    ...{ database: 'Db', table: 'T', createdAt: '2026-01-01T00:00:00.000Z' },
    ...{ updatedAt: '2026-01-01T00:00:01.000Z', deadline: '2026-01-01T00:01:00.000Z' },
    ...{ cancelRequested: false, counts: {}, rows: {}, bytes: {}, extents: {} },
  });
});

test('counts, rows, bytes, the commit and the warnings are shown where they are known', () => {
  const view = viewOf(
    load({
      sources: { blobs: 4, calls: 2, sizeBytes: 100, rawBytes: 300, rows: 9 },
      progress: { sent: 4, succeeded: 3, failed: 1 },
      ...{
        verified: { extents: 2, rows: 9, generation: 1 },
        committed: { extents: 2, rows: 9 },
        generation: 1,
      },
      commit: { form: 'move', operationId: 'o', moveBatches: 0, clientRequestId: 'secret' } as never,
      plan: { warnings: ['careful'] } as never,
      possibleDuplicates: 3,
    }),
  );
  assert.deepEqual(view.counts, { blobs: 4, sent: 4, succeeded: 3, failed: 1 });
  assert.deepEqual(view.rows, { expected: 9, staged: 9, committed: 9 });
  assert.deepEqual(view.bytes, { stored: 100, raw: 300 });
  assert.deepEqual(view.extents, { staged: 2, committed: 2 });
  assert.deepEqual(view.commit, { form: 'move', operationId: 'o', moveBatches: 0 });
  assert.deepEqual([view.stagedAnew, view.possibleDuplicates, view.warnings], [1, 3, ['careful']]);
});

test('the rows that the caller expects go before those that were counted', () => {
  const options = { ...load().options, expectedRows: 10 };
  assert.equal(viewOf(load({ options, sources: { rows: 9 } as never })).rows.expected, 10);
});

test('a failure comes with its cause, what to look at and what to do next', () => {
  const error = { code: 'LOAD_SOURCE_REFUSED', message: 'a: failed', source: 'a' } as const;
  const view = viewOf(load({ state: 'rolledBack', error }));
  assert.equal(view.error?.message, 'a: failed');
  assert.ok((view.error?.cause ?? '').length > 0);
  assert.match(
    view.error?.lookAt.join('\n') ?? '',
    /\.show ingestion failures \| where Table contains "[0-9a-f]{16}"/,
  );
  assert.equal(view.error?.nextCommand, 'kusto-functions diagnose l');
  const dirty = viewOf(load({ state: 'failedDirty', error, repair: '.drop table X ifexists' }));
  assert.deepEqual(
    [dirty.repair, dirty.error?.nextCommand],
    ['.drop table X ifexists', 'kusto-functions load show l'],
  );
});

test('the tag for which a load was skipped is shown of skipped loads only', () => {
  const skippedBy = 'ingest-by:day';
  assert.equal(viewOf(load({ state: 'skipped', skippedBy })).skippedBy, skippedBy);
  assert.equal(viewOf(load({ state: 'committed', skippedBy })).skippedBy, undefined);
});

test('the time of a load is divided into its own and that of the service', () => {
  const ended = load({
    ...{ state: 'committed', endedAtMs: T0 + 10_000 },
    times: { lastSentMs: T0 + 2_000, lastStatusMs: T0 + 7_000 },
    commit: { form: 'move', serviceMs: 1_000, moveBatches: 0 } as never,
  });
  assert.deepEqual(viewOf(ended).timing, {
    ...{ totalMs: 10_000, handOverMs: 2_000, ingestionMs: 5_000, commitMs: 1_000, ownMs: 4_000 },
  });
  assert.equal(viewOf(load({ times: { lastSentMs: T0 } })).timing, undefined);
});

test('blobs are shown page by page in their order, without what only the app needs', async () => {
  const clock = createManualClock();
  const store = createLoadStore({ table: createMemoryTableStore(), clock });
  const source = (index: number): CallSource => ({
    ...{ index, address: `https://a/${index}`, sas: 'k0', state: 'succeeded', sizeBytes: 1, rows: index },
  });
  const call = { load: 'l', generation: 0, attempt: 1, state: 'done' } as const;
  await store.addCall({ ...call, key: '000000', sources: [source(0), source(1)] });
  await store.addCall({ ...call, key: '000001', sources: [source(2)] });
  const first = await sourcesPage(store, load(), { limit: 2 });
  assert.deepEqual(first.sources, [
    { index: 0, address: 'https://a/0', state: 'succeeded', rows: 0 },
    { index: 1, address: 'https://a/1', state: 'succeeded', rows: 1 },
  ]);
  const last = await sourcesPage(store, load(), { limit: 2, continuation: first.continuation as string });
  assert.deepEqual(last, { sources: [{ index: 2, address: 'https://a/2', state: 'succeeded', rows: 2 }] });
});
