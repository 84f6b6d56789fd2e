import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createGate } from '../../../src/runtime/gate.js';
import { redact } from '../../../src/runtime/redact.js';
import { backoffMs } from '../../../src/runtime/retry.js';

test('every wait lies between half of its step and the step, and never above the maximum', () => {
  const policies = fc.record({
    baseMs: fc.integer({ min: 1, max: 10_000 }),
    maxMs: fc.integer({ min: 1, max: 600_000 }),
  });
  fc.assert(
    fc.property(
      policies,
      fc.integer({ min: 1, max: 1000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (bounds, attempt, random) => {
        const policy = { ...bounds, maxAttempts: 1, maxElapsedMs: 1 };
        const step = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(attempt - 1, 30));
        const wait = backoffMs(policy, attempt, random);
        assert.ok(wait >= Math.floor(step / 2) && wait <= step);
      },
    ),
  );
});

test('a gate never holds more than its limit unless one alone is larger, and everybody gets through', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 15 }), { maxLength: 40 }), async (amounts) => {
      const gate = createGate(10);
      await Promise.all(
        amounts.map(async (amount) => {
          const leave = await gate.enter(amount);
          assert.ok(gate.inUse <= Math.max(10, amount));
          await Promise.resolve();
          leave();
        }),
      );
      assert.equal(gate.inUse, 0);
    }),
  );
});

test('a signature never survives, whatever stands around it', () => {
  const around = fc.string({ maxLength: 30 });
  fc.assert(
    fc.property(around, around, (left, right) => {
      const text = redact(`${left}?sv=1&sig=Zm9vYmFyYmF6&x=${right}`);
      assert.ok(!text.includes('Zm9vYmFyYmF6'));
    }),
  );
});
