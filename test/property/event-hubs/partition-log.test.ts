import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PartitionLog } from '../../../local/event-hubs/partition-log.js';

interface Kept {
  readonly sequence: number;
  readonly offset: number;
  readonly time: number;
  readonly bytes: Buffer;
}

const step = fc.record({
  size: fc.oneof(fc.nat(300), fc.integer({ min: 200_000, max: 300_000 })),
  wait: fc.nat(20),
});

test('the log keeps what a plain list under the same retention keeps', () => {
  const retention = fc.record({
    maxEvents: fc.integer({ min: 1, max: 20 }),
    maxAgeMs: fc.integer({ min: 1, max: 100 }),
    maxBytes: fc.constant(1e9),
  });
  fc.assert(
    fc.property(retention, fc.array(step, { maxLength: 40 }), (limits, steps) => {
      const log = new PartitionLog(limits);
      let model: Kept[] = [];
      let now = 1_000;
      let offset = 0;
      for (const [sequence, { size, wait }] of steps.entries()) {
        now += wait;
        const bytes = Buffer.alloc(size, sequence);
        const place = log.append(now, () => [bytes.subarray(0, size / 2), bytes.subarray(size / 2)]);
        assert.deepEqual(place, { sequenceNumber: sequence, offset, enqueuedMs: now });
        model.push({ sequence, offset, time: now, bytes });
        offset += size;
        log.applyRetention(now);
        model = model.filter((event) => event.time >= now - limits.maxAgeMs).slice(-limits.maxEvents);
        compare(log, model);
      }
    }),
    { numRuns: 60 },
  );
});

function compare(log: PartitionLog, model: readonly Kept[]): void {
  assert.equal(log.firstSequence, model[0]?.sequence ?? log.nextSequence);
  assert.equal(log.isEmpty, model.length === 0);
  for (const event of model) {
    assert.ok(log.read(event.sequence)?.equals(event.bytes));
    assert.equal(
      log.firstWhere('enqueuedMs', event.time, true),
      model.find(({ time }) => time >= event.time)!.sequence,
    );
  }
  assert.equal(log.read(log.firstSequence - 1), undefined);
  assert.equal(log.read(log.nextSequence), undefined);
}
