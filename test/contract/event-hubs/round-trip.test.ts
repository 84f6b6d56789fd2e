import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodies, receive, sendTo, withServer } from './helpers.js';

test('bodies of every kind come back as they were sent', () =>
  withServer(async (bench) => {
    const sent = [Buffer.from([0, 255, 128, 10]), 'text with ümlaut', { a: [1, null, true] }, 42, ''];
    await sendTo(bench.producer(), '0', sent);
    const received = await receive(bench.consumer(), { partition: '0', count: sent.length });
    assert.deepEqual(bodies(received), sent);
  }));

test('properties, identifiers and annotations survive, and the service adds its own', () =>
  withServer(async (bench) => {
    const before = Date.now();
    const plain = {
      body: 'x',
      properties: { text: 'é', number: 7, flag: false },
      messageId: 'id-1',
      correlationId: 'c-1',
      contentType: 'application/json',
    };
    const annotated = {
      body: { nested: true },
      bodyType: 'value' as const,
      messageAnnotations: { 'x-mine': 'kept' },
    };
    const batch = await bench.producer().createBatch({ partitionId: '1' });
    assert.ok(batch.tryAdd(plain) && batch.tryAdd(annotated));
    await bench.producer().sendBatch(batch);
    const [first, second] = await receive(bench.consumer(), { partition: '1', count: 2 });
    assert.deepEqual(first?.properties, { text: 'é', number: 7, flag: false });
    assert.equal(first?.messageId, 'id-1');
    assert.equal(first?.correlationId, 'c-1');
    assert.equal(first?.contentType, 'application/json');
    assert.deepEqual([first?.sequenceNumber, second?.sequenceNumber], [0, 1]);
    assert.equal(first?.offset, '0');
    assert.ok(Number(second?.offset) > 0);
    assert.ok(first!.enqueuedTimeUtc.getTime() >= before);
    assert.equal(second?.systemProperties?.['x-mine'], 'kept');
  }));

test('events with the same key land in the same partition and carry the key', () =>
  withServer(async (bench) => {
    const producer = bench.producer();
    const keys = Array.from({ length: 20 }, (_value, index) => `key-${index}`);
    for (const round of [0, 1]) {
      for (const partitionKey of keys) await producer.sendBatch([{ body: round }], { partitionKey });
    }
    const seen = new Map<string, Set<string>>();
    for (const partition of ['0', '1', '2', '3']) {
      const { lastEnqueuedSequenceNumber } = await producer.getPartitionProperties(partition);
      if (lastEnqueuedSequenceNumber < 0) continue;
      const events = await receive(bench.consumer(), { partition, count: lastEnqueuedSequenceNumber + 1 });
      for (const event of events) {
        const partitions = seen.get(event.partitionKey!) ?? new Set();
        seen.set(event.partitionKey!, partitions.add(partition));
      }
    }
    assert.deepEqual([...seen.keys()].sort(), [...keys].sort());
    assert.ok([...seen.values()].every((partitions) => partitions.size === 1));
    assert.ok(new Set([...seen.values()].flatMap((partitions) => [...partitions])).size > 1);
  }));

test('batches without key or partition are spread over the partitions in turn', () =>
  withServer(async (bench) => {
    const producer = bench.producer();
    for (let count = 0; count < 8; count++) await producer.sendBatch([{ body: count }]);
    for (const partition of await producer.getPartitionIds()) {
      const properties = await producer.getPartitionProperties(partition);
      assert.equal(properties.lastEnqueuedSequenceNumber, 1);
    }
  }));

test('every consumer group reads all events of all partitions', () =>
  withServer(async (bench) => {
    const producer = bench.producer();
    for (const partition of ['0', '1', '2', '3']) {
      await sendTo(producer, partition, [`${partition}-a`, `${partition}-b`]);
    }
    for (const group of ['$Default', 'other']) {
      const events = await receive(bench.consumer('events', group), { count: 8 });
      assert.equal(new Set(bodies(events)).size, 8);
    }
  }));

test('an event of nearly 1 MB passes in several frames', () =>
  withServer(async (bench) => {
    const body = Buffer.alloc(1_000_000, 7);
    await sendTo(bench.producer(), '2', [body]);
    const [event] = await receive(bench.consumer(), { partition: '2', count: 1 });
    assert.ok(body.equals(event?.body as Buffer));
  }));

test('a slow reader with a small prefetch gets 20,000 events in order', () =>
  withServer(async (bench) => {
    const producer = bench.producer();
    const total = 20_000;
    for (let sent = 0; sent < total; ) {
      const batch = await producer.createBatch({ partitionId: '0' });
      while (sent < total && batch.tryAdd({ body: sent })) sent++;
      await producer.sendBatch(batch);
    }
    const events = await receive(bench.consumer(), {
      partition: '0',
      count: total,
      subscribe: { maxBatchSize: 500, prefetchCount: 700 },
    });
    assert.equal(events.length, total);
    assert.ok(events.every((event, index) => event.sequenceNumber === index && event.body === index));
  }));

test('one client reads all 32 partitions over one connection without a warning', () =>
  withServer(
    async (bench) => {
      const warnings: string[] = [];
      const note = (warning: Error) => void warnings.push(warning.message);
      process.on('warning', note);
      const producer = bench.producer();
      for (let index = 0; index < 32; index++) await producer.sendBatch([{ body: index }]);
      const events = await receive(bench.consumer(), { count: 32 });
      assert.equal(new Set(bodies(events)).size, 32);
      process.off('warning', note);
      assert.deepEqual(warnings, []);
    },
    { hubs: 'events:32' },
  ));
