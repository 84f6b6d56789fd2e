import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planCuts } from '../../../src/ingest/batch-plan.js';

const sizes = fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 60 });
const limits = fc.record({
  maxBytes: fc.integer({ min: 1, max: 300 }),
  maxRecords: fc.integer({ min: 1, max: 20 }),
});

test('every item is in exactly one batch, in order, and no batch of several is over a limit', () => {
  fc.assert(
    fc.property(sizes, limits, fc.nat(150), fc.nat(10), (items, limit, bytes, records) => {
      const fill = { bytes: records === 0 ? 0 : bytes, records };
      const cuts = planCuts(items, limit, fill);
      let next = 0;
      for (const [at, cut] of cuts.entries()) {
        assert.equal(cut.from, next);
        next = cut.to;
        const own = items.slice(cut.from, cut.to);
        const before = at === 0 ? fill : { bytes: 0, records: 0 };
        assert.equal(cut.bytes, before.bytes + own.reduce((sum, size) => sum + size, 0));
        assert.equal(cut.records, before.records + own.length);
        if (own.length > 0 && cut.records > 1) {
          assert.ok(cut.bytes <= limit.maxBytes && cut.records <= limit.maxRecords);
        }
        assert.ok(cut.full || at === cuts.length - 1);
      }
      assert.equal(next, items.length);
    }),
    { numRuns: 2000 },
  );
});

test('a batch ends only where the next item would not fit', () => {
  fc.assert(
    fc.property(sizes, limits, (items, limit) => {
      const cuts = planCuts(items, limit, { bytes: 0, records: 0 });
      for (const cut of cuts.slice(0, -1)) {
        const nextSize = items[cut.to] as number;
        assert.ok(cut.bytes + nextSize > limit.maxBytes || cut.records + 1 > limit.maxRecords);
      }
    }),
  );
});
