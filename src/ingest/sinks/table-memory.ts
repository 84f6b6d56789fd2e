import type { Clock } from '../../runtime/clock.js';

/** As the service's own clients do: "off" is a setting that somebody changes, throttling passes quickly. */
const OFF_MS = 15 * 60_000;
const THROTTLED_MS = 10_000;
const MAX_TABLES = 10_000;
/** Above this the service's documents advise queued ingestion: 4 GB an hour for one table. */
const RATE_BYTES_PER_HOUR = 4 * 1024 ** 3;
const HOUR_MS = 3_600_000;

interface TableState {
  queuedUntilMs: number;
  hourStartMs: number;
  hourBytes: number;
  warned: boolean;
}

/** What is known of streaming into each table. */
export interface TableMemory {
  mayStream(table: string): boolean;
  off(table: string): void;
  throttled(table: string): void;
  /** Counts bytes; true once an hour when the rate is better queued. */
  isRateHigh(table: string, bytes: number): boolean;
}

export function createTableMemory(clock: Pick<Clock, 'now'>): TableMemory {
  const tables = new Map<string, TableState>();
  const stateOf = (table: string): TableState => {
    const known = tables.get(table);
    if (known !== undefined) return known;
    if (tables.size >= MAX_TABLES) tables.clear();
    const fresh = { queuedUntilMs: 0, hourStartMs: clock.now(), hourBytes: 0, warned: false };
    tables.set(table, fresh);
    return fresh;
  };
  const pause = (table: string, ms: number): void => {
    const state = stateOf(table);
    state.queuedUntilMs = Math.max(state.queuedUntilMs, clock.now() + ms);
  };
  return {
    mayStream: (table) => clock.now() >= stateOf(table).queuedUntilMs,
    off: (table) => pause(table, OFF_MS),
    throttled: (table) => pause(table, THROTTLED_MS),
    isRateHigh: (table, bytes) => {
      const state = stateOf(table);
      if (clock.now() - state.hourStartMs >= HOUR_MS) {
        Object.assign(state, { hourStartMs: clock.now(), hourBytes: 0, warned: false });
      }
      state.hourBytes += bytes;
      if (state.warned || state.hourBytes <= RATE_BYTES_PER_HOUR) return false;
      state.warned = true;
      return true;
    },
  };
}
