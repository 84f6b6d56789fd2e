import type { Clock } from '../../../src/runtime/clock.js';

export interface FakeClock extends Clock {
  /** Every wait that was asked for, in ms. */
  readonly waits: number[];
}

/** A clock that only moves when somebody sleeps; chance is what the test says. */
export function fakeClock(random: () => number = () => 0.5): FakeClock {
  let nowMs = 0;
  const waits: number[] = [];
  return {
    waits,
    now: () => nowMs,
    random,
    newId: () => 'id',
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      waits.push(ms);
      nowMs += ms;
    },
  };
}
