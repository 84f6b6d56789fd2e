import { ticksFromUnixMs } from '../values/datetime.js';
import type { EngineClock } from './types.js';

/** Timers wait no longer than this at once, so that none exceeds what the runtime can hold. */
const MAX_WAIT_MS = 2 ** 31 - 1;

interface Pending {
  readonly dueMs: number;
  readonly action: () => void;
  handle?: NodeJS.Timeout;
}

/** The engine's clock with its hand for tests. */
export interface AdjustableClock extends EngineClock {
  /** Moves the clock ahead and runs what has become due, oldest first. */
  advance(byMs: number): void;
  /** Makes the clock later than `ticks`: data of an earlier run must not lie in the future. */
  moveBeyond(ticks: bigint): void;
  /** Cancels everything that waits. */
  stop(): void;
}

export function createClock(realMs: () => number = Date.now): AdjustableClock {
  let offsetMs = 0;
  let lastTicks = 0n;
  const pending = new Set<Pending>();
  const nowMs = () => realMs() + offsetMs;

  function arm(entry: Pending): void {
    const waitMs = Math.min(Math.max(entry.dueMs - nowMs(), 0), MAX_WAIT_MS);
    entry.handle = setTimeout(() => (entry.dueMs <= nowMs() ? fire(entry) : arm(entry)), waitMs);
    entry.handle.unref();
  }

  function fire(entry: Pending): void {
    if (pending.delete(entry)) {
      clearTimeout(entry.handle);
      entry.action();
    }
  }

  function advance(byMs: number): void {
    offsetMs += byMs;
    const due = [...pending].filter(({ dueMs }) => dueMs <= nowMs()).sort((a, b) => a.dueMs - b.dueMs);
    for (const entry of due) {
      fire(entry);
    }
    for (const entry of pending) {
      clearTimeout(entry.handle);
      arm(entry);
    }
  }

  return {
    nowMs,
    now: () => {
      const ticks = ticksFromUnixMs(nowMs());
      lastTicks = ticks > lastTicks ? ticks : lastTicks + 1n;
      return lastTicks;
    },
    after: (delayMs, action) => {
      const entry: Pending = { dueMs: nowMs() + delayMs, action };
      pending.add(entry);
      arm(entry);
      return () => {
        pending.delete(entry);
        clearTimeout(entry.handle);
      };
    },
    advance,
    moveBeyond: (ticks) => {
      const behindMs = Number((ticks - ticksFromUnixMs(nowMs())) / 10_000n);
      if (behindMs > 0) {
        advance(behindMs + 1);
      }
      lastTicks = ticks > lastTicks ? ticks : lastTicks;
    },
    stop: () => {
      for (const { handle } of pending) {
        clearTimeout(handle);
      }
      pending.clear();
    },
  };
}
