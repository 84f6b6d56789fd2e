import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch, Delivery } from '../../src/ingest/types.js';
import { createMessageResources } from '../../src/kusto/resources.js';
import { KfError } from '../../src/runtime/errors.js';
import { createManualClock } from '../helpers/manual-clock.js';
import { good, kustoPart } from '../unit/config/fixture.js';
import { createFakeClock, createTestIngest, envelope, source } from '../unit/ingest/support.js';

/** Options of the Flink and Kafka sinks that show without a service. */
const sizes = (batches: readonly Batch[]): number[] => batches.map(({ records }) => records.length);

test('flink withCacheExpirationSeconds: resources are asked for again when the cache is old', async () => {
  const { kusto } = good(kustoPart.replace('  auth', '  resourceCacheMs: 120s\n  auth'));
  const clock = createManualClock();
  let fetched = 0;
  const client = {
    ingestCommand: async (_database: string, text: string) => ({
      columns: [],
      rows: text.includes('identity')
        ? [['token']]
        : [['SecuredReadyForAggregationQueue', `https://q.invalid/q${++fetched}?sig=s`]],
    }),
  };
  const resources = createMessageResources({ client, clock, cacheMs: kusto.resourceCacheMs });
  const queue = async (): Promise<string> => new URL((await resources.get()).queues[0]!.reveal()).pathname;
  assert.equal(await queue(), '/q1');
  clock.advance(119_999);
  assert.equal(await queue(), '/q1');
  clock.advance(1);
  assert.equal(await queue(), '/q2');
  assert.equal(good(kustoPart).kusto.resourceCacheMs, 7_200_000);
});

test('flink clientBatchSizeLimit: a batch is cut at so many bytes, between records', async () => {
  const bodies = Array.from({ length: 10 }, (_, n) => JSON.stringify({ n, s: 'x'.repeat(20) }));
  const maxBytes = 100;
  const batch = { maxBytes, maxRecords: 1000, lingerMs: 0, maxAgeMs: 1000 };
  const clock = createFakeClock();
  const { ingest, sink } = createTestIngest({ clock, source: source({}, { batch }) });
  await clock.runUntil(ingest.handle(bodies.map((body, n) => envelope(body, n))));
  assert.deepEqual(sink.lines, bodies);
  assert.ok(sink.batches.length > 1);
  for (const { rawBytes, records } of sink.batches) {
    assert.ok(rawBytes <= maxBytes || records.length === 1, `${rawBytes} bytes`);
  }
});

test('flink buildWriteAheadSink: a sink of another kind is given a batch under one id until it has it', async () => {
  const committed = new Map<string, readonly string[]>();
  let lostAnswers = 2;
  const sink = {
    deliver: async ({ id, records }: Batch): Promise<Delivery> => {
      committed.set(
        id,
        records.map(({ envelope: { position } }) => `${position.partition}/${position.sequenceNumber}`),
      );
      if (lostAnswers-- > 0) {
        throw new KfError('KUSTO_TRANSIENT', 'committed, but the answer was lost');
      }
      return { records: records.length, blobs: 0, possibleDuplicates: 0, refused: [] };
    },
  };
  const clock = createFakeClock();
  const { ingest } = createTestIngest({ clock, sink });
  const summary = await clock.runUntil(ingest.handle([envelope('{"a":1}', 7), envelope('{"a":2}', 8)]));
  assert.equal(lostAnswers, -1, 'three deliveries');
  assert.deepEqual([...committed.values()], [['0/7', '0/8']]);
  assert.equal(summary.shipped, 2);
});

test('kafka flush.size.bytes: the first limit reached flushes', async () => {
  const clock = createFakeClock();
  const batch = { maxBytes: 20, maxRecords: 1000, lingerMs: 60_000, maxAgeMs: 60_000 };
  const { ingest, sink } = createTestIngest({ clock, source: source({}, { batch }) });
  const small = ingest.handle([envelope('{"n":0}', 0)]);
  await clock.advance(1_000);
  assert.deepEqual(sizes(sink.batches), [], 'neither full nor old');
  const more = ingest.handle([envelope('{"n":1}', 1), envelope('{"n":2}', 2)]);
  await clock.advance(0);
  assert.deepEqual(sizes(sink.batches), [2], 'full, and not old');
  await clock.runUntil(Promise.all([small, more]));
  assert.deepEqual(sizes(sink.batches), [2, 1]);
});

test('kafka flush.interval.ms: the age flushes when the size does not', async () => {
  const clock = createFakeClock();
  const batch = { maxBytes: 1_000_000, maxRecords: 1000, lingerMs: 60_000, maxAgeMs: 30_000 };
  const { ingest, sink } = createTestIngest({ clock, source: source({}, { batch }) });
  const first = ingest.handle([envelope('{"n":0}', 0)]);
  await clock.advance(20_000);
  const second = ingest.handle([envelope('{"n":1}', 1)]);
  await clock.advance(9_999);
  assert.deepEqual(sizes(sink.batches), []);
  await clock.advance(1);
  assert.deepEqual(sizes(sink.batches), [2], 'the age of the oldest record counts');
  await Promise.all([first, second]);
});
