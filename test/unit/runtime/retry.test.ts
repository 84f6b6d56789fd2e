import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KfError } from '../../../src/runtime/errors.js';
import { type RetryPolicy, retry } from '../../../src/runtime/retry.js';
import { fakeClock } from './fake-clock.js';

const policy: RetryPolicy = { maxAttempts: 5, baseMs: 1000, maxMs: 60_000, maxElapsedMs: 240_000 };
const transient = new KfError('KUSTO_TRANSIENT', 'passing');

function failing(error: unknown, times = Number.POSITIVE_INFINITY) {
  let calls = 0;
  return {
    calls: () => calls,
    action: async (attempt: number): Promise<string> => {
      calls++;
      if (calls <= times) {
        throw error;
      }
      return `attempt ${attempt}`;
    },
  };
}

test('what succeeds at once is called once and waits for nothing', async () => {
  const clock = fakeClock();
  assert.equal(await retry(failing(transient, 0).action, { clock, policy }), 'attempt 1');
  assert.deepEqual(clock.waits, []);
});

test('a passing failure is tried again, and the waits double', async () => {
  const clock = fakeClock(() => 1);
  assert.equal(await retry(failing(transient, 3).action, { clock, policy }), 'attempt 4');
  assert.deepEqual(clock.waits, [1000, 2000, 4000]);
});

test('a failure for good is not tried again and comes out unchanged', async () => {
  const error = new KfError('KUSTO_FORBIDDEN', 'no');
  const { action, calls } = failing(error);
  await assert.rejects(retry(action, { clock: fakeClock(), policy }), (thrown) => thrown === error);
  assert.equal(calls(), 1);
});

test('something without a code counts as a defect and is not tried again', async () => {
  const { action, calls } = failing(new TypeError('oops'));
  await assert.rejects(
    retry(action, { clock: fakeClock(), policy }),
    (thrown) => thrown instanceof KfError && thrown.code === 'INTERNAL' && thrown.cause instanceof TypeError,
  );
  assert.equal(calls(), 1);
});

test('flink withMaxAttempts: a failing call ends after so many attempts', async () => {
  const { action, calls } = failing(transient);
  await assert.rejects(retry(action, { clock: fakeClock(), policy: { ...policy, maxAttempts: 3 } }));
  assert.equal(calls(), 3);
});

test('flink withBaseIntervalMillis: the first wait is at most the base', async () => {
  for (const chance of [0, 0.3, 0.999]) {
    const clock = fakeClock(() => chance);
    await retry(failing(transient, 1).action, { clock, policy });
    assert.ok((clock.waits[0] ?? 0) >= 500 && (clock.waits[0] ?? 0) <= 1000);
  }
});

test('flink withMaxIntervalMillis: no wait is longer than the maximum', async () => {
  const clock = fakeClock(() => 0.999);
  const long = { ...policy, maxAttempts: 50, maxMs: 5000, maxElapsedMs: 10_000_000 };
  await assert.rejects(retry(failing(transient).action, { clock, policy: long }));
  assert.equal(clock.waits.length, 49);
  assert.ok(clock.waits.every((ms) => ms <= 5000));
});

test('kafka errors.retry.max.time.ms: retries end after so long', async () => {
  const clock = fakeClock(() => 1);
  const bounded = { ...policy, maxAttempts: 1000, maxElapsedMs: 20_000 };
  await assert.rejects(retry(failing(transient).action, { clock, policy: bounded }));
  assert.ok(clock.now() <= 20_000);
  assert.deepEqual(clock.waits, [1000, 2000, 4000, 8000]);
});

test('kafka errors.retry.backoff.time.ms: waits grow and vary', async () => {
  let step = 0;
  const clock = fakeClock(() => (step++ % 10) / 10);
  await assert.rejects(retry(failing(transient).action, { clock, policy }));
  assert.deepEqual(clock.waits, [500, 1100, 2400, 5200]);
});

test('the service’s own wait is kept when it is longer', async () => {
  const clock = fakeClock();
  const throttled = new KfError('KUSTO_THROTTLED', 'slow down', { retryAfterMs: 30_000 });
  await retry(failing(throttled, 1).action, { clock, policy });
  assert.deepEqual(clock.waits, [30_000]);
});

test('each retry is told before its wait', async () => {
  const told: unknown[] = [];
  const clock = fakeClock(() => 1);
  await retry(failing(transient, 2).action, {
    clock,
    policy,
    onRetry: (error, attempt, waitMs) => told.push([error.code, attempt, waitMs]),
  });
  assert.deepEqual(told, [
    ['KUSTO_TRANSIENT', 1, 1000],
    ['KUSTO_TRANSIENT', 2, 2000],
  ]);
});

test('a cancelled caller gets no further attempt', async () => {
  const abort = new AbortController();
  const { action, calls } = failing(transient);
  const signal = abort.signal;
  await assert.rejects(
    retry(action, { clock: fakeClock(), policy, signal, onRetry: () => abort.abort() }),
    (thrown) => thrown instanceof KfError && thrown.code === 'CANCELLED',
  );
  assert.equal(calls(), 1);
});
