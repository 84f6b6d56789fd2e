import type { Clock } from '../../src/runtime/clock.js';

/** A clock that moves only when told, or by the length of each sleep; chance and ids are counted, not random. */
export interface ManualClock extends Clock {
  advance(ms: number): void;
  readonly sleeps: readonly number[];
}

export function createManualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  let nowMs = startMs;
  let ids = 0;
  const sleeps: number[] = [];
  return {
    now: () => nowMs,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      sleeps.push(ms);
      nowMs += ms;
    },
    random: () => 0.5,
    newId: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}`,
    advance: (ms) => {
      nowMs += ms;
    },
    sleeps,
  };
}
