import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';

/** A signal that aborts at a time, or with its parent; `dispose` frees both. */
export interface Deadline {
  readonly signal: AbortSignal;
  dispose(): void;
}

export interface DeadlineOptions {
  readonly clock: Clock;
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
  /** Names the step in the error. */
  readonly place: string;
  readonly parent?: AbortSignal;
}

/** The signal's reason is a KfError with DEADLINE_EXCEEDED, or CANCELLED when the parent aborted. */
export function createDeadline({ clock, atMs, place, parent }: DeadlineOptions): Deadline {
  const controller = new AbortController();
  const timer = new AbortController();
  const cancel = (): void => {
    controller.abort(new KfError('CANCELLED', `${place}: cancelled`, { cause: parent?.reason }));
  };
  if (parent?.aborted === true) {
    cancel();
  } else {
    parent?.addEventListener('abort', cancel, { once: true });
  }
  clock.sleep(Math.max(0, atMs - clock.now()), timer.signal).then(
    () => controller.abort(new KfError('DEADLINE_EXCEEDED', `${place}: not done within its deadline`)),
    () => undefined,
  );
  return {
    signal: controller.signal,
    dispose: () => {
      parent?.removeEventListener('abort', cancel);
      timer.abort();
    },
  };
}

/** The promise's outcome, or the signal's reason when that comes first, even if the promise never ends. */
export function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) {
      promise.catch(() => undefined);
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
