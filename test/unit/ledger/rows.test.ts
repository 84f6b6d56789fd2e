import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createIdempotency } from '../../../src/ledger/idempotency.js';
import { isLegalMove } from '../../../src/ledger/moves.js';
import { createOperations, summarize } from '../../../src/ledger/operations.js';
import type { Shipment, ShipmentState } from '../../../src/ledger/ports.js';
import { reap } from '../../../src/ledger/reaper.js';
import { actionFor } from '../../../src/ledger/service-codes.js';
import { createTableLedger } from '../../../src/ledger/table-ledger.js';
import { KfError } from '../../../src/runtime/errors.js';
import { createWorld, jsonBatch, STAGING } from '../../helpers/ingest-world.js';
import { createManualClock } from '../../helpers/manual-clock.js';
import { createMemoryTableStore } from '../../helpers/memory-stores.js';

const HOUR = 3_600_000;
const signal = new AbortController().signal;

const shipment = (id: string, more: Partial<Shipment> = {}): Shipment => ({
  id,
  state: 'staged',
  source: 's',
  database: 'D',
  table: 'T',
  format: 'json',
  tags: [],
  container: 'c',
  blob: 'b',
  sha256: 'x',
  sizeBytes: 1,
  rawSizeBytes: 2,
  rows: 3,
  ranges: [],
  depth: 0,
  attempts: 0,
  createdAtMs: 1,
  updatedAtMs: 1,
  ...more,
});

test('a settled shipment never moves again, and a failed one is not queued as it is', () => {
  const states: ShipmentState[] = ['staged', 'queued', 'failed', 'unknown', 'settled'];
  assert.ok(states.every((state) => !isLegalMove('settled', state)));
  assert.ok(!isLegalMove('failed', 'queued'));
});

test('a row keeps large fields, changes only under its ETag, and lists oldest first', async () => {
  const ledger = createTableLedger({ table: createMemoryTableStore(), clock: createManualClock() });
  const mapping = Array.from({ length: 2_000 }, (_, n) => ({ column: `column${n}`, path: `$.path${n}` }));
  const first = await ledger.insert(shipment('a1', { mapping, createdAtMs: 20 }));
  await ledger.insert(shipment('02', { createdAtMs: 10 }));
  assert.deepEqual((await ledger.get('a1'))?.mapping, mapping);
  const queued = await ledger.update(first, { state: 'queued' });
  await assert.rejects(ledger.update(first, { state: 'failed' }), { code: 'STORAGE_CONFLICT' });
  const settled = await ledger.update(queued, { state: 'settled' });
  await assert.rejects(ledger.update(settled, { state: 'queued' }), { code: 'ILLEGAL_STATE' });
  const open: string[] = [];
  for await (const { id } of ledger.open()) open.push(id);
  assert.deepEqual(open, ['02']);
  const all: string[] = [];
  for await (const { id } of ledger.open({ includeSettled: true })) all.push(id);
  assert.deepEqual(all, ['02', 'a1']);
});

test('a conditional write whose answer is lost is known to be ours', async () => {
  const table = createMemoryTableStore();
  let lose = true;
  const flaky = {
    ...table,
    insert: async (entity: Parameters<typeof table.insert>[0]) => {
      const done = await table.insert(entity);
      if (lose) throw new KfError('STORAGE_TRANSIENT', 'answer lost');
      return done;
    },
    replace: async (entity: Parameters<typeof table.insert>[0]) => {
      const done = await table.replace(entity);
      if (lose) {
        lose = false;
        throw new KfError('STORAGE_TRANSIENT', 'answer lost');
      }
      return done;
    },
  };
  const ledger = createTableLedger({ table: flaky, clock: createManualClock() });
  const inserted = await ledger.insert(shipment('a1'));
  const queued = await ledger.update(inserted, { state: 'queued' });
  assert.equal((await ledger.update(queued, { state: 'unknown' })).state, 'unknown');
  await assert.rejects(ledger.insert(shipment('a1')), { code: 'STORAGE_CONFLICT' });
});

test('the cuts of one blob are bounded over all writers', async () => {
  const ledger = createTableLedger({ table: createMemoryTableStore(), clock: createManualClock() });
  const taken = await Promise.all(Array.from({ length: 8 }, () => ledger.takeCut('root', 5)));
  assert.equal(taken.filter(Boolean).length, 5);
});

test('what the service says decides what is done', () => {
  const failed = (errorCode: string, failure: 'permanent' | 'transient' | 'exhausted' | 'unknown') =>
    actionFor({ sourceId: 'x', state: 'failed', errorCode, failure });
  assert.equal(failed('Stream_WrongNumberOfFields', 'permanent'), 'cut');
  assert.equal(failed('BadRequest_NoRecordsOrWrongFormat', 'permanent'), 'cut');
  assert.equal(failed('BadRequest_MappingReferenceWasNotFound', 'permanent'), 'deadLetter');
  assert.equal(failed('BadRequest_TableAccessDenied', 'permanent'), 'deadLetter');
  assert.equal(failed('Download_Forbidden', 'permanent'), 'resend');
  assert.equal(failed('General_RetryAttemptsExceeded', 'exhausted'), 'resend');
  assert.equal(failed('Stream_WrongNumberOfFields', 'unknown'), 'wait');
});

test('an operation is pending until all its blobs have ended, and then says how', async () => {
  const operations = createOperations({ table: createMemoryTableStore(), clock: createManualClock() });
  const source = { state: 'queued' as const, rows: 5, deadLettered: 0 };
  await operations.create({ id: 'op', database: 'D', table: 'T', sources: { a: source, b: source } });
  await operations.markAccepted('op');
  await Promise.all([
    operations.record('op', { a: { ...source, state: 'succeeded' } }),
    operations.record('op', { b: undefined, b1: source, b2: source }),
  ]);
  const state = async () => summarize((await operations.get('op'))!).state;
  assert.equal(await state(), 'queued');
  await operations.record('op', { b1: { state: 'succeeded', rows: 4, deadLettered: 0 } });
  await operations.record('op', { b2: { state: 'failed', rows: 1, deadLettered: 1 } });
  assert.deepEqual(summarize((await operations.get('op'))!), {
    state: 'partiallySucceeded',
    records: 10,
    succeeded: 9,
    deadLettered: 1,
  });
  await operations.record('unknown', { a: source });
});

test('an operation is accepted or given up, never both', async () => {
  const operations = createOperations({ table: createMemoryTableStore(), clock: createManualClock() });
  const create = (id: string) => operations.create({ id, database: 'D', table: 'T', sources: {} });
  await create('a');
  assert.equal(await operations.abandon('a'), true);
  await assert.rejects(operations.markAccepted('a'), { code: 'STORAGE_CONFLICT' });
  assert.equal((await create('a')).phase, 'accepting');
  await operations.markAccepted('a');
  assert.equal(await operations.abandon('a'), false);
  assert.equal((await create('a')).phase, 'accepted');
});

test('a repeated key answers with the first operation; another body is refused; a dead request is taken over', async () => {
  const clock = createManualClock();
  const keys = createIdempotency({ table: createMemoryTableStore(), clock, keepMs: 30 * 24 * HOUR });
  const claim = (operationId: string, digest = 'd') => keys.claim({ key: 'k/ü', digest, operationId });
  assert.deepEqual(await claim('op1'), { kind: 'new', operationId: 'op1' });
  await assert.rejects(
    claim('op2'),
    (error: unknown) =>
      error instanceof KfError && error.code === 'IDEMPOTENCY_IN_PROGRESS' && (error.retryAfterMs ?? 0) > 0,
  );
  clock.advance(HOUR);
  assert.deepEqual(await claim('op2'), { kind: 'new', operationId: 'op1' });
  await keys.release('k/ü');
  assert.deepEqual(await claim('op3'), { kind: 'new', operationId: 'op1' });
  await keys.complete('k/ü');
  assert.deepEqual(await claim('op4'), { kind: 'done', operationId: 'op1' });
  await assert.rejects(claim('op4', 'other'), { code: 'IDEMPOTENCY_MISMATCH' });
  clock.advance(31 * 24 * HOUR);
  assert.equal(await keys.purge(10), 1);
});

test('of requests that claim a key at once one goes on', async () => {
  const keys = createIdempotency({
    table: createMemoryTableStore(),
    clock: createManualClock(),
    keepMs: HOUR,
  });
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, (_, n) => keys.claim({ key: 'k', digest: 'd', operationId: `op${n}` })),
  );
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('the reaper removes old blobs that no shipment knows, and nothing else', async () => {
  const world = createWorld();
  const { sink, ledger, operations } = world.start();
  await sink.deliver(jsonBatch('b1', 3), signal);
  const known = [...world.blobs.blobs.keys()];
  await world.blobs.put(STAGING, 'data/D/T/00000000-0000-8000-8000-000000000001.json.gz', Buffer.from('x'));
  world.clock.advance(25 * HOUR);
  await world.blobs.put(STAGING, 'data/D/T/00000000-0000-8000-8000-000000000002.json.gz', Buffer.from('x'));
  await world.blobs.put(STAGING, 'somebody-elses.txt', Buffer.from('x'));
  const idempotency = createIdempotency({ table: world.table, clock: world.clock, keepMs: HOUR });
  const logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  };
  const deps = {
    clock: world.clock,
    blobs: world.blobs,
    table: world.table,
    ledger,
    operations,
    idempotency,
    logger,
    container: STAGING,
  };
  assert.deepEqual(await reap({ ...deps, orphanAgeMs: 24 * HOUR }, signal), {
    blobsDeleted: 1,
    rowsDeleted: 0,
  });
  const left = [...world.blobs.blobs.keys()];
  assert.ok(known.every((key) => left.includes(key)));
  assert.equal(left.length, known.length + 2);
});
