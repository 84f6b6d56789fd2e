import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KfError } from '../../../src/runtime/errors.js';
import { createWorld, jsonBatch, jsonTarget, numbersOf } from '../../helpers/ingest-world.js';

const signal = new AbortController().signal;
const refuse = (bad: readonly number[]) => (lines: readonly string[]) =>
  lines.some((line) => bad.includes((JSON.parse(line) as { n: number }).n))
    ? ({
        state: 'failed',
        failure: 'permanent',
        errorCode: 'Stream_WrongNumberOfFields',
        details: 'bad row',
      } as const)
    : undefined;

test('refused records are found by cutting and become dead letters with original body, place and reason', async () => {
  const world = createWorld({ judge: refuse([7, 333]) });
  await world.start().sink.deliver(jsonBatch('b1', 500, { changed: [333] }), signal);
  await world.drain();
  const letters = (await world.letters()).sort((a, b) => a.sequenceNumber - b.sequenceNumber);
  assert.deepEqual(numbersOf(letters.map(({ body }) => body)), [7, 333]);
  assert.deepEqual(
    numbersOf(world.service.rows),
    Array.from({ length: 500 }, (_, n) => n).filter((n) => n !== 7 && n !== 333),
  );
  const [, changed] = letters;
  assert.equal(Buffer.from(changed?.body ?? '').toString(), '{"n":333}');
  assert.deepEqual(
    [
      changed?.source,
      changed?.partition,
      changed?.offset,
      changed?.sequenceNumber,
      changed?.key,
      changed?.properties,
    ],
    ['sensors', '0', '333', 333, 'key-333', { number: 333 }],
  );
  assert.deepEqual(
    [changed?.code, changed?.serviceCode, changed?.message, changed?.bodyForm, changed?.kind],
    ['INGESTION_REFUSED', 'Stream_WrongNumberOfFields', 'bad row', 'original', 'delivery'],
  );
  assert.deepEqual(await world.shipments(), []);
  assert.equal([...world.blobs.blobs.keys()].filter((key) => key.startsWith('staging/')).length, 0);
  assert.ok(world.service.submits.slice(1).every(({ properties }) => properties.skipBatching === true));
});

test('a piece of a refused blob names the places of its own records', async () => {
  const world = createWorld({ judge: refuse([7]) });
  const { sink, settler } = world.start();
  await sink.deliver(jsonBatch('b1', 100), signal);
  world.service.work();
  await settler.run(signal);
  const places = (await world.shipments()).map(({ ranges }) => ranges[0]?.firstSequenceNumber);
  assert.deepEqual(
    places.sort((a = 0, b = 0) => a - b),
    Array.from({ length: 20 }, (_, piece) => piece * 5),
  );
});

test('a transient failure is sent again, with a wait, a bounded number of times', async () => {
  let left = 2;
  const world = createWorld({
    judge: () =>
      left-- > 0
        ? { state: 'failed', failure: 'transient', errorCode: 'General_InternalServerError' }
        : undefined,
  });
  await world.start().sink.deliver(jsonBatch('b1', 3), signal);
  await world.drain();
  assert.deepEqual(numbersOf(world.service.rows), [0, 1, 2]);
  assert.equal(world.service.submits.length, 3);
  const hopeless = createWorld({
    judge: () => ({ state: 'failed', failure: 'transient', errorCode: 'Timeout' }),
  });
  await hopeless.start().sink.deliver(jsonBatch('b1', 3), signal);
  await hopeless.drain();
  assert.equal(hopeless.service.submits.length, 5);
  assert.deepEqual(numbersOf((await hopeless.letters()).map(({ body }) => body)), [0, 1, 2]);
});

test('a failure of the target makes every record a dead letter at once', async () => {
  const world = createWorld({
    judge: () => ({
      state: 'failed',
      failure: 'permanent',
      errorCode: 'BadRequest_MappingReferenceWasNotFound',
    }),
  });
  await world.start().sink.deliver(jsonBatch('b1', 30), signal);
  await world.drain();
  assert.equal(world.service.submits.length, 1);
  assert.equal((await world.letters()).length, 30);
});

test('a skipped blob counts as succeeded; a partly ingested one becomes dead letters and possible duplicates', async () => {
  const skipped = createWorld({ judge: () => ({ state: 'skipped' }) });
  await skipped.start().sink.deliver(jsonBatch('b1', 3), signal);
  await skipped.drain();
  assert.deepEqual([await skipped.letters(), await skipped.shipments()], [[], []]);
  const partly = createWorld({ judge: () => ({ state: 'partiallySucceeded' }) });
  await partly.start().sink.deliver(jsonBatch('b1', 3), signal);
  await partly.drain();
  assert.equal((await partly.letters()).length, 3);
  assert.equal(partly.counters.get('kusto_functions.records.possible_duplicates'), 3);
});

test('a blob of which every record is refused costs a bounded number of calls', async () => {
  const world = createWorld({
    judge: () => ({ state: 'failed', failure: 'permanent', errorCode: 'Stream_NoDataToIngest' }),
    limits: { maxCutsPerBlob: 10 },
  });
  await world.start().sink.deliver(jsonBatch('b1', 2_000), signal);
  await world.drain();
  assert.ok(world.service.submits.length <= 12, String(world.service.submits.length));
  assert.equal(world.counters.get('kusto_functions.records.dead_lettered'), 2_000);
  assert.deepEqual(await world.shipments(), []);
});

test('a service that stays silent leads to an alert, and the operator decides', async () => {
  for (const verb of ['retryShipment', 'deadLetterShipment'] as const) {
    const world = createWorld({ limits: { settleTimeoutMs: 3_600_000 } });
    await world.start().sink.deliver(jsonBatch('b1', 3), signal);
    const { settler } = world.start();
    world.clock.advance(3_600_001);
    assert.equal((await settler.run(signal)).unknown, 1);
    const [shipment] = await world.shipments();
    assert.equal(shipment?.state, 'unknown');
    assert.ok(world.logs.some((line) => line.startsWith('shipment.unknown')));
    await settler[verb](shipment?.id ?? '');
    await world.drain();
    assert.deepEqual(await world.shipments(), []);
    if (verb === 'deadLetterShipment') assert.equal((await world.letters()).length, 3);
    else {
      assert.ok((world.counters.get('kusto_functions.records.possible_duplicates') ?? 0) >= 3);
      const line = world.logs.find((one) => one.startsWith('shipment.possibleDuplicate')) ?? '';
      assert.match(line, new RegExp(`"cause":"silent","id":"${shipment?.id}".*"rows":3,"ranges":"0:0-2"`));
    }
    await assert.rejects(settler[verb]('00000000-0000-8000-8000-000000000000'), { code: 'NOT_FOUND' });
  }
});

test('a late status settles a shipment that was given up as unknown', async () => {
  const world = createWorld({ limits: { settleTimeoutMs: 3_600_000 } });
  await world.start().sink.deliver(jsonBatch('b1', 3), signal);
  world.clock.advance(3_600_001);
  await world.start().settler.run(signal);
  await world.drain();
  assert.deepEqual(numbersOf(world.service.rows), [0, 1, 2]);
  assert.deepEqual(await world.shipments(), []);
});

test('an unknown failure kind is asked again, not taken for a failure', async () => {
  let asked = 0;
  const world = createWorld();
  await world.start().sink.deliver(jsonBatch('b1', 3), signal);
  world.service.work();
  const { status } = world.service;
  (world.service as { status: typeof status }).status = async (operation, ids) =>
    asked++ < 2
      ? ids.map((sourceId) => ({ sourceId, state: 'failed', failure: 'unknown' }))
      : status(operation, ids);
  await world.drain();
  assert.deepEqual(await world.letters(), []);
  assert.deepEqual(numbersOf(world.service.rows), [0, 1, 2]);
});

test('two instances settling at once do everything once', async () => {
  const world = createWorld({ judge: refuse([11]) });
  await world.start().sink.deliver(jsonBatch('b1', 100), signal);
  const instances = [world.start(), world.start()];
  for (let round = 0; round < 30 && (await world.shipments()).length > 0; round++) {
    world.service.work();
    await Promise.all(instances.map(({ settler }) => settler.run(signal)));
    world.clock.advance(700_000);
  }
  assert.deepEqual(
    numbersOf(world.service.rows),
    Array.from({ length: 100 }, (_, n) => n).filter((n) => n !== 11),
  );
  assert.equal((await world.letters()).length, 1);
  assert.equal(world.counters.get('kusto_functions.records.possible_duplicates'), undefined);
  assert.equal(world.counters.get('kusto_functions.records.settled'), 99);
});

test('a call refused for good while settling makes dead letters; a wrong identity only waits', async () => {
  const world = createWorld({ judge: refuse([1]) });
  await world.start().sink.deliver(jsonBatch('b1', 3), signal);
  world.service.onSubmit = () => new KfError('KUSTO_FORBIDDEN', 'no role');
  await world.drain(5);
  assert.ok((await world.shipments()).every(({ state }) => state === 'staged'));
  world.service.onSubmit = () => new KfError('KUSTO_PERMANENT', 'no such table');
  await world.drain(5);
  assert.deepEqual(numbersOf((await world.letters()).map(({ body }) => body)), [0, 1, 2]);
});

test('bodies of callers are cut at their line ends, quotes respected, and their operation tells the outcome', async () => {
  const rows = ['a,1', '"x\ny",2', 'bad,3', 'c,4'];
  const world = createWorld({
    judge: (lines) =>
      lines.some((line) => line.startsWith('bad'))
        ? { state: 'failed', failure: 'permanent', errorCode: 'Stream_X' }
        : undefined,
  });
  const { bodies, operations } = world.start();
  const target = { ...jsonTarget, format: 'csv' as const };
  const writer = bodies.open({ operationId: 'op1', index: 0, target, gzipped: false });
  const body = Buffer.from(`${rows.join('\n')}\n`);
  await writer.write(body);
  const blob = await writer.commit({ rows: 4, rawBytes: body.length, sizeBytes: body.length, sha256: 'x' });
  await bodies.submit({ operationId: 'op1', target, blobs: [blob] });
  await world.drain();
  const [letter] = await world.letters();
  assert.equal(Buffer.from(letter?.body ?? '').toString(), 'bad,3');
  assert.deepEqual([letter?.source, letter?.partition, letter?.sequenceNumber], ['http', 'op1/0', 2]);
  const sources = Object.values((await operations.get('op1'))?.sources ?? {});
  assert.equal(
    sources.reduce((sum, source) => sum + source.deadLettered, 0),
    1,
  );
  assert.equal(sources.filter((source) => source.state === 'succeeded').length, 3);
});
