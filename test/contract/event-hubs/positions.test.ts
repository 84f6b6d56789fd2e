import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EventPosition, latestEventPosition } from '@azure/event-hubs';
import { bodies, receive, sendTo, withServer } from './helpers.js';

const SENT = ['a', 'b', 'c', 'd', 'e'];

test('a reader starts exactly where its position says', () => {
  let clock = 1_700_000_000_000;
  return withServer(
    async (bench) => {
      const producer = bench.producer();
      for (const body of SENT) {
        clock += 1_000;
        await sendTo(producer, '0', [body]);
      }
      const all = await receive(bench.consumer(), { partition: '0', count: SENT.length });
      const third = all[2]!;
      const cases: [EventPosition, number][] = [
        [{ offset: '-1' }, 0],
        [{ offset: '0' }, 1],
        [{ offset: '0', isInclusive: true }, 0],
        [{ offset: third.offset }, 3],
        [{ offset: third.offset, isInclusive: true }, 2],
        [{ sequenceNumber: -1 }, 0],
        [{ sequenceNumber: 0 }, 1],
        [{ sequenceNumber: 0, isInclusive: true }, 0],
        [{ sequenceNumber: 3, isInclusive: true }, 3],
        [{ enqueuedOn: third.enqueuedTimeUtc }, 3],
        [{ enqueuedOn: third.enqueuedTimeUtc.getTime() - 1 }, 2],
      ];
      for (const [from, start] of cases) {
        const events = await receive(bench.consumer(), { partition: '0', count: SENT.length - start, from });
        assert.deepEqual(bodies(events), SENT.slice(start), JSON.stringify(from));
      }
    },
    { now: () => clock },
  );
});

test('a reader at the end gets only what comes after it', () =>
  withServer(async (bench) => {
    const producer = bench.producer();
    await sendTo(producer, '0', SENT);
    const seen: unknown[] = [];
    await new Promise<void>((resolve, reject) => {
      let sentMore = false;
      bench.consumer().subscribe(
        '0',
        {
          processEvents: async (events) => {
            seen.push(...bodies(events));
            if (seen.length > 0) resolve();
            // The first, empty call shows that the link is there.
            if (!sentMore) {
              sentMore = true;
              await sendTo(producer, '0', ['new']);
            }
          },
          processError: async (error) => reject(error),
        },
        { startPosition: latestEventPosition, maxWaitTimeInSeconds: 1 },
      );
    });
    assert.deepEqual(seen, ['new']);
  }));

test('a position beyond the end of the partition is refused', () =>
  withServer(async (bench) => {
    await sendTo(bench.producer(), '0', SENT);
    for (const from of [{ offset: '999999' }, { sequenceNumber: 99 }]) {
      await assert.rejects(receive(bench.consumer(), { partition: '0', count: 1, from }), {
        code: 'ArgumentError',
      });
    }
  }));

test('retention drops the oldest events and readers go on with what is left', () =>
  withServer(
    async (bench) => {
      const producer = bench.producer();
      for (const body of SENT) await sendTo(producer, '0', [body]);
      const properties = await producer.getPartitionProperties('0');
      assert.equal(properties.beginningSequenceNumber, 2);
      assert.equal(properties.lastEnqueuedSequenceNumber, 4);
      const events = await receive(bench.consumer(), { partition: '0', count: 3 });
      assert.deepEqual(bodies(events), ['c', 'd', 'e']);
    },
    { retention: { maxEvents: 3 } },
  ));

test('events older than the retention time are gone', () => {
  let clock = 1_700_000_000_000;
  return withServer(
    async (bench) => {
      const producer = bench.producer();
      await sendTo(producer, '0', ['old']);
      clock += 60_001;
      await sendTo(producer, '0', ['new']);
      assert.deepEqual(bodies(await receive(bench.consumer(), { partition: '0', count: 1 })), ['new']);
    },
    { retention: { maxAgeMs: 60_000 }, now: () => clock },
  );
});

test('the reader learns how far the partition has got', () =>
  withServer(async (bench) => {
    await sendTo(bench.producer(), '0', SENT);
    let last: number | undefined;
    await new Promise<void>((resolve, reject) => {
      bench.consumer().subscribe(
        '0',
        {
          processEvents: async (events, context) => {
            if (events.length === 0) return;
            last = context.lastEnqueuedEventProperties?.sequenceNumber;
            resolve();
          },
          processError: async (error) => reject(error),
        },
        { startPosition: { offset: '-1' }, trackLastEnqueuedEventProperties: true },
      );
    });
    assert.equal(last, 4);
  }));

test('an empty partition says so', () =>
  withServer(async (bench) => {
    const properties = await bench.producer().getPartitionProperties('3');
    assert.equal(properties.isEmpty, true);
    assert.equal(properties.lastEnqueuedSequenceNumber, -1);
    assert.equal(properties.lastEnqueuedOffset, '-1');
  }));
