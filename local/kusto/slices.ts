import { setImmediate as immediate } from 'node:timers/promises';

/** How long work may hold the event loop, in milliseconds. */
const SLICE_MS = 10;

/** Work that may be interrupted wherever it yields. */
export type Steps<T> = Generator<void, T, void>;

let lastTurn: Promise<void> = Promise.resolve();

/**
 * Lets the event loop go round. Pieces of work that ask at the same time go on in different rounds, so that a request
 * waits for one slice, however many pieces are under way.
 */
export function breathe(): Promise<void> {
  lastTurn = lastTurn.then(() => immediate());
  return lastTurn;
}

/** Work done without a pause, for what is small. */
export function allAtOnce<T>(steps: Steps<T>): T {
  let next = steps.next();
  while (next.done !== true) {
    next = steps.next();
  }
  return next.value;
}

/** Breathes when the loop has been held for `sliceMs` since the last time. */
export function pacer(sliceMs = SLICE_MS, clock = () => performance.now()): () => Promise<void> {
  let since = clock();
  return async () => {
    if (clock() - since >= sliceMs) {
      await breathe();
      since = clock();
    }
  };
}

/**
 * Work done in slices, between which others have their turn.
 * @param pause called at each step; what it throws ends the work
 */
export async function inSlices<T>(steps: Steps<T>, pause = pacer()): Promise<T> {
  let next = steps.next();
  while (next.done !== true) {
    await pause();
    next = steps.next();
  }
  return next.value;
}
