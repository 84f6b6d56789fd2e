import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BatchingPolicy } from '../../../local/kusto/catalog/types.js';
import { type Batch, Batcher } from '../../../local/kusto/dm/batcher.js';
import type { IngestionSource } from '../../../local/kusto/dm/source.js';
import { createClock } from '../../../local/kusto/faults/clock.js';

const POLICY: BatchingPolicy = { maxTimeMs: 300_000, maxItems: 3, maxRawBytes: 1000 };

let next = 0;

interface Wish extends Partial<Omit<IngestionSource, 'properties'>> {
  readonly tags?: readonly string[];
  readonly ingestIfNotExists?: readonly string[];
  readonly unknownSize?: boolean;
}

function source({
  tags = [],
  ingestIfNotExists = [],
  unknownSize = false,
  ...more
}: Wish = {}): IngestionSource {
  const id = String(++next);
  return {
    workId: id,
    sourceId: id,
    database: 'D',
    table: 'T',
    blob: `http://x/c/${id}?sig=s`,
    ...(!unknownSize && { rawSizeBytes: 10 }),
    flushImmediately: false,
    deleteOnSuccess: false,
    properties: { format: 'csv', tags, ingestIfNotExists, ignoreFirstRecord: false },
    propertiesText: '',
    attempts: 0,
    ...more,
  };
}

function setUp(policy: BatchingPolicy = POLICY) {
  const clock = createClock(() => 0);
  const batches: Batch[] = [];
  const duplicates: IngestionSource[] = [];
  const batcher = new Batcher({
    clock,
    policy: () => policy,
    closed: (batch) => batches.push(batch),
    duplicate: (twice) => duplicates.push(twice),
  });
  const closings = () => batches.map(({ reason, sources }) => `${reason} ${sources.length}`);
  return { clock, batcher, closings, duplicates };
}

test('a batch closes by count, by size, by time and when told to', () => {
  const { clock, batcher, closings } = setUp();
  for (let i = 0; i < 4; i++) batcher.add(source());
  assert.deepEqual(closings(), ['Count 3']);
  batcher.add(source({ rawSizeBytes: 990 }));
  assert.deepEqual(closings(), ['Count 3', 'Size 2']);
  batcher.add(source());
  batcher.add(source({ flushImmediately: true }));
  assert.equal(closings()[2], 'FlushImmediately 2');
  batcher.add(source());
  clock.advance(299_999);
  assert.equal(closings().length, 3);
  clock.advance(1);
  assert.equal(closings()[3], 'Time 1');
  batcher.add(source());
  batcher.flush();
  assert.equal(closings()[4], 'SystemFlush 1');
  clock.stop();
});

test('what a tag or an unknown size singles out does not wait', () => {
  const { clock, batcher, closings } = setUp();
  batcher.add(source());
  batcher.add(source({ tags: ['ingest-by:a'] }));
  batcher.add(source({ ingestIfNotExists: ['a'] }));
  batcher.add(source({ unknownSize: true }));
  batcher.add(source({ attempts: 1 }));
  assert.deepEqual(closings(), [
    'SingleBlob_IngestByTag 1',
    'SingleBlob_IngestIfNotExists 1',
    'SingleBlob_SizeUnknown 1',
    'Retry 1',
  ]);
  assert.equal(batcher.waiting, 1);
  clock.stop();
});

test('sources with other tables, tags or formats do not share a batch', () => {
  const { clock, batcher, closings } = setUp({ ...POLICY, maxItems: 2 });
  const json = { ...source().properties, format: 'json' };
  batcher.add(source());
  batcher.add(source({ table: 'U' }));
  batcher.add(source({ tags: ['x'] }));
  batcher.add({ ...source(), properties: json });
  assert.deepEqual(closings(), []);
  batcher.add(source({ tags: ['x'] }));
  assert.deepEqual(closings(), ['Count 2']);
  clock.stop();
});

test('a blob that is in the batch already is a duplicate whatever its SAS', () => {
  const { clock, batcher, closings, duplicates } = setUp();
  batcher.add(source({ blob: 'http://x/c/same?sig=1' }));
  batcher.add(source({ blob: 'http://x/c/same?sig=2' }));
  assert.equal(duplicates.length, 1);
  batcher.flush();
  assert.deepEqual(closings(), ['SystemFlush 1']);
  batcher.add(source({ blob: 'http://x/c/same?sig=1' }));
  assert.equal(duplicates.length, 1);
  clock.stop();
});
