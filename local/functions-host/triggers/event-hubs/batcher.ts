/** Sizes of the batches given to a function. */
export interface BatchLimits {
  minSize: number;
  maxSize: number;
}

/** Holds events of one partition until there are enough of them; holds fewer than `minSize` between calls. */
export interface Batcher<T> {
  /** Adds events and takes out every batch that is large enough, in order. */
  add(events: readonly T[]): T[][];
  /** Takes out what is left, in batches of at most `maxSize`. */
  flush(): T[][];
  readonly size: number;
}

/** Makes an empty batcher. */
export function createBatcher<T>(limits: BatchLimits): Batcher<T> {
  let held: T[] = [];
  const takeWhile = (least: number): T[][] => {
    const batches: T[][] = [];
    let from = 0;
    while (held.length - from >= least && held.length > from) {
      batches.push(held.slice(from, from + limits.maxSize));
      from += limits.maxSize;
    }
    held = held.slice(from);
    return batches;
  };
  return {
    add(events) {
      held = held.length === 0 ? [...events] : [...held, ...events];
      return takeWhile(Math.max(1, limits.minSize));
    },
    flush: () => takeWhile(1),
    get size() {
      return held.length;
    },
  };
}
