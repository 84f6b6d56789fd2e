import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HostClock } from '../../../../local/functions-host/clock.js';
import { createPump, type PumpOptions } from '../../../../local/functions-host/durable/pump.js';
import type { JsonQueue } from '../../../../local/functions-host/durable/queues.js';

/** A pump over an empty queue that stops after some looks; gives the waits between them. */
async function waitsOf(looks: number, atLook: (look: number, wake: (atMs?: number) => void) => void) {
  let nowMs = 0;
  let count = 0;
  const waits: number[] = [];
  const clock: Partial<HostClock> = {
    now: () => nowMs,
    async sleep(ms, signal) {
      if (signal?.aborted) return;
      waits.push(ms);
      nowMs += ms;
    },
  };
  const queue: Partial<JsonQueue<string>> = {
    async receive() {
      count += 1;
      atLook(count, (atMs) => pump.wake(atMs));
      if (count === looks) stopped = pump.stop();
      return [];
    },
  };
  const options: PumpOptions<string> = {
    queue: queue as JsonQueue<string>,
    clock: clock as HostClock,
    maxIdleMs: 100,
    capacity: () => 1,
    onMessages: () => undefined,
    onError: (error) => assert.fail(String(error)),
  };
  const pump = createPump(options);
  let stopped: Promise<void> | undefined;
  pump.start();
  while (!stopped) await new Promise((next) => setImmediate(next));
  await stopped;
  return waits;
}

describe('pump', () => {
  test('it looks ever more rarely into an empty queue', async () => {
    assert.deepEqual(await waitsOf(6, () => undefined), [20, 40, 80, 100, 100]);
  });

  test('a call wakes it, and it looks often again', async () => {
    const waits = await waitsOf(7, (look, wake) => {
      if (look === 4) wake();
    });
    assert.deepEqual(waits, [20, 40, 80, 20, 40]);
  });

  test('it looks when a hidden message comes into sight', async () => {
    const waits = await waitsOf(7, (look, wake) => {
      if (look === 1) for (const atMs of [700, 75, 190]) wake(atMs);
    });
    assert.deepEqual(waits, [20, 40, 15, 20, 40, 55]);
  });
});
