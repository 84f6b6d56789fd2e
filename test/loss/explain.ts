import { type Key, keyOf } from './oracle.js';

/**
 * Records that may be in the table more than once, and why: sequence numbers of one partition, both inclusive.
 * In this suite the number of a record is its sequence number.
 */
export interface Window {
  readonly cause: string;
  readonly partition: number;
  readonly first: number;
  readonly last: number;
}

/** What was past the checkpoint and within one batch of it when something ended. */
export interface Interruption {
  readonly cause: string;
  /** First numbers without a checkpoint just before, and just after. */
  readonly before: ReadonlyMap<number, number>;
  readonly after: ReadonlyMap<number, number>;
}

/** One batch of each partition is in flight at a time. */
export function interruptionWindows(
  interruption: Interruption,
  partitions: number,
  batchSize: number,
): Window[] {
  const { cause, before, after } = interruption;
  return Array.from({ length: partitions }, (_, partition) => {
    const first = before.get(partition) ?? 0;
    return { cause, partition, first, last: Math.max(first, after.get(partition) ?? 0) + batchSize - 1 };
  });
}

/** The possible duplicates that the app named in its log. */
export function loggedWindows(logs: Iterable<string>): Window[] {
  const windows: Window[] = [];
  for (const line of logs) {
    const start = line.indexOf('{"time"');
    if (start < 0 || !line.includes('ossibleDuplicate"')) {
      continue;
    }
    const { cause, ranges } = JSON.parse(line.slice(start)) as { cause: string; ranges: string };
    for (const [, partition, first, last] of ranges.matchAll(/(\d+):(\d+)-(\d+)/g)) {
      windows.push({ cause, partition: Number(partition), first: Number(first), last: Number(last) });
    }
  }
  return windows;
}

export interface Explanation {
  /** Repeated records by cause; one with several causes counts for the first. */
  readonly byCause: Readonly<Record<string, number>>;
  readonly unexplained: readonly Key[];
  /** Records that some cause could have doubled. */
  readonly possible: number;
}

/** Finds the cause of every repeat; pure. */
export function explain(
  duplicated: readonly Key[],
  windows: readonly Window[],
  accepted: ReadonlySet<Key>,
): Explanation {
  const causes = new Map<Key, string>();
  for (const { cause, partition, first, last } of windows) {
    for (let n = first; n <= last; n++) {
      const key = keyOf(partition, n);
      if (accepted.has(key) && !causes.has(key)) {
        causes.set(key, cause);
      }
    }
  }
  const byCause: Record<string, number> = {};
  const unexplained: Key[] = [];
  for (const key of duplicated) {
    const cause = causes.get(key);
    if (cause === undefined) {
      unexplained.push(key);
    } else {
      byCause[cause] = (byCause[cause] ?? 0) + 1;
    }
  }
  return { byCause, unexplained, possible: causes.size };
}
