import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { readBlobRecords } from '../../../src/ledger/blob-records.js';
import type { Shipment } from '../../../src/ledger/ports.js';
import { KfError } from '../../../src/runtime/errors.js';
import { createWorld, jsonBatch, jsonTarget, numbersOf, STAGING } from '../../helpers/ingest-world.js';
import { CANARY_SIGNATURE } from '../../helpers/memory-stores.js';

const signal = new AbortController().signal;

/** Cause, rows and ranges of each possible duplicate in the log. */
function possibleDuplicates(logs: readonly string[]): string {
  return logs
    .filter((line) => line.startsWith('shipment.possibleDuplicate '))
    .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>)
    .map(({ cause, rows, ranges }) => `${cause} ${rows} ${ranges}`)
    .join();
}

test('a batch becomes one gzipped blob, one row and one call, and is gone when the service has it', async () => {
  const world = createWorld();
  const delivery = await world.start().sink.deliver(jsonBatch('b1', 3), signal);
  assert.deepEqual(delivery, { records: 3, blobs: 1, possibleDuplicates: 0, refused: [] });
  const [shipment] = await world.shipments();
  assert.equal(shipment?.state, 'queued');
  assert.deepEqual(shipment?.ranges, [{ partition: '0', firstSequenceNumber: 0, lastSequenceNumber: 2 }]);
  const blob = world.blobs.blobs.get(`${STAGING}/${shipment?.blob}`);
  assert.equal(gunzipSync(blob?.body ?? '').toString(), '{"n":0}\n{"n":1}\n{"n":2}\n');
  await world.drain();
  assert.deepEqual(numbersOf(world.service.rows), [0, 1, 2]);
  assert.equal(world.blobs.blobs.size, 0);
  assert.deepEqual(await world.shipments(), []);
});

test('a call whose answer is lost is repeated once and counted', async () => {
  const world = createWorld();
  let calls = 0;
  world.service.onSubmit = () =>
    calls++ === 0 ? new KfError('KUSTO_TRANSIENT', 'lost', { fields: { answerLost: true } }) : undefined;
  const delivery = await world.start().sink.deliver(jsonBatch('b1', 3), signal);
  assert.equal(delivery.possibleDuplicates, 3);
  assert.equal(calls, 2);
  assert.equal(possibleDuplicates(world.logs), 'answerLost 3 0:0-2');
});

test('a batch that the service did not take leaves neither blob nor row', async () => {
  for (const code of ['KUSTO_THROTTLED', 'KUSTO_PERMANENT'] as const) {
    const world = createWorld();
    world.service.onSubmit = () => new KfError(code, 'no');
    await assert.rejects(world.start().sink.deliver(jsonBatch('b1', 3), signal), { code });
    assert.equal(world.blobs.blobs.size, 0);
    assert.equal(world.table.rows.size, 0);
  }
});

test('the same batch tried again after a lost answer counts its records as possible duplicates', async () => {
  const world = createWorld();
  let calls = 0;
  world.service.onSubmit = () =>
    calls++ < 2 ? new KfError('KUSTO_TRANSIENT', 'lost', { fields: { answerLost: true } }) : undefined;
  const { sink } = world.start();
  const batch = jsonBatch('b1', 3);
  await assert.rejects(sink.deliver(batch, signal), { code: 'KUSTO_TRANSIENT' });
  assert.equal(possibleDuplicates(world.logs), 'answerLost 3 0:0-2');
  assert.equal((await sink.deliver(batch, signal)).possibleDuplicates, 3);
});

test('one body, one blob: twenty share a call, and a call refused for good gives back its records only', async () => {
  const world = createWorld();
  let calls = 0;
  world.service.onSubmit = () => (calls++ === 1 ? new KfError('KUSTO_PERMANENT', 'no') : undefined);
  const batch = {
    ...jsonBatch('b1', 25, { target: { ...jsonTarget, format: 'raw' as const } }),
    blobPerRecord: true,
  };
  const delivery = await world.start().sink.deliver(batch, signal);
  assert.equal(delivery.records, 20);
  assert.equal(delivery.refused.length, 5);
  assert.deepEqual(
    world.service.submits.map(({ blobs }) => blobs.length),
    [20],
  );
  assert.equal((await world.shipments()).length, 20);
});

test('what part of a batch could not be sent for a passing reason is sent by settling', async () => {
  const world = createWorld();
  let calls = 0;
  world.service.onSubmit = () => (calls++ === 1 ? new KfError('KUSTO_THROTTLED', 'later') : undefined);
  const batch = {
    ...jsonBatch('b1', 25, { target: { ...jsonTarget, format: 'raw' as const } }),
    blobPerRecord: true,
  };
  const delivery = await world.start().sink.deliver(batch, signal);
  assert.deepEqual([delivery.records, delivery.refused.length], [25, 0]);
  await world.drain();
  assert.equal(world.service.rows.length, 25);
  assert.equal(world.counters.get('kusto_functions.records.possible_duplicates'), undefined);
});

test('batches of one target that meet share a call; neither waits for the other', async () => {
  const world = createWorld();
  const { sink } = world.start();
  await Promise.all(
    Array.from({ length: 12 }, (_, index) => sink.deliver(jsonBatch(`b${index}`, 1), signal)),
  );
  const sizes = world.service.submits.map(({ blobs }) => blobs.length);
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    12,
  );
  await world.drain();
  assert.equal(world.service.rows.length, 12);
});

test('a cancelled delivery leaves nothing that could be sent later', async () => {
  const world = createWorld();
  const controller = new AbortController();
  world.service.onSubmit = () => {
    controller.abort();
    return new KfError('KUSTO_TRANSIENT', 'slow');
  };
  await assert.rejects(world.start().sink.deliver(jsonBatch('b1', 3), controller.signal));
  assert.equal(world.table.rows.size, 0);
});

test('no signature is in rows, logs or errors', async () => {
  const world = createWorld();
  world.service.onSubmit = (request) => new KfError('KUSTO_PERMANENT', `refused ${request.blobs[0]?.url}`);
  const error = await world
    .start()
    .sink.deliver(jsonBatch('b1', 3), signal)
    .catch((thrown: unknown) => thrown);
  delete world.service.onSubmit;
  await world.start().sink.deliver(jsonBatch('b2', 3), signal);
  const shown = JSON.stringify([[...world.table.rows.values()], world.logs, String(error), error]);
  assert.ok(!shown.includes(CANARY_SIGNATURE));
});

test('few origins travel in the ledger row, many lie beside the blob, and both lead back to the source', async () => {
  for (const [count, blobs] of [
    [20, 1],
    [20_000, 2],
  ] as const) {
    const world = createWorld();
    await world.start().sink.deliver(jsonBatch('b1', count), signal);
    const [shipment] = await world.shipments();
    assert.equal(world.blobs.blobs.size, blobs, `${count} records`);
    assert.equal(shipment?.origins !== undefined, blobs === 1);
    const { records } = await readBlobRecords(world.blobs, shipment as Shipment);
    const places: number[] = [];
    for await (const { origin } of records) {
      places.push(origin.sequenceNumber);
    }
    assert.deepEqual(
      places,
      Array.from({ length: count }, (_, n) => n),
    );
    await world.drain();
    assert.equal(world.blobs.blobs.size, 0);
  }
});
