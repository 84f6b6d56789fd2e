import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

/** Time, sleep and chance as one injected object. */
export interface HostClock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Resolves after `ms`, or at once when the signal aborts: a stop is not an error here. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A number in [0, 1). */
  random(): number;
  /** A new random UUID. */
  newId(): string;
}

/** Longest single timer Node accepts, in ms; longer sleeps are made of several. */
const MAX_TIMER_MS = 2_147_000_000;

/** The clock of this machine. */
export const systemClock: HostClock = {
  now: () => Date.now(),
  random: () => Math.random(),
  newId: () => randomUUID(),
  async sleep(ms, signal) {
    let leftMs = ms;
    while (leftMs > 0 && !signal?.aborted) {
      const stepMs = Math.min(leftMs, MAX_TIMER_MS);
      leftMs -= stepMs;
      await delay(stepMs, undefined, { signal }).catch(() => undefined);
    }
  },
};

/**
 * Waits for `work`, at most `limitMs`.
 * @returns true when the work settled in time (also when it failed)
 */
export async function settledWithin(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  const late = Symbol('late');
  const timer = new AbortController();
  const winner = await Promise.race([
    work.then(
      () => undefined,
      () => undefined,
    ),
    delay(limitMs, late, { signal: timer.signal }).catch(() => undefined),
  ]);
  timer.abort();
  return winner !== late;
}
