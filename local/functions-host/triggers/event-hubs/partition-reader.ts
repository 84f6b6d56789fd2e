import type { HostClock } from '../../clock.js';

/**
 * How long a batch may be in work before the link is given up, in ms. The client library adds credit each time it
 * waits and never takes any back, so a link that stays open while the function is held up would fill the memory.
 */
export const HOLD_MS = 5_000;

/** One subscription of the client library. */
export interface Subscribed {
  close(): Promise<void>;
}

/** What a subscription calls. */
interface SubscriptionHandlers<T> {
  onEvents(events: readonly T[]): Promise<void>;
  /** The subscription ended without having been asked to. */
  onClosed(): void;
}

export interface ReaderOptions<T, P> {
  /** Where to begin. */
  from: P;
  subscribe(from: P, handlers: SubscriptionHandlers<T>): Subscribed;
  /** Position just after an event. */
  after(event: T): P;
  /** Takes events; resolves when there is room for more. */
  process(events: readonly T[]): Promise<void>;
  onLost(): void;
  onError(error: unknown): void;
  /** The function has been busy for {@link HOLD_MS}: the link is given up for now. */
  onHeld(): void;
  clock: HostClock;
}

/** Reads one partition in order; gives the link up while the function is held up, and takes it again afterwards. */
export function createPartitionReader<T, P>(options: ReaderOptions<T, P>): Subscribed {
  let position = options.from;
  let closed = false;
  let current: Subscribed | undefined;

  const isDone = async (work: Promise<void>): Promise<boolean> => {
    const timer = new AbortController();
    const done = await Promise.race([
      work.then(() => true),
      options.clock.sleep(HOLD_MS, timer.signal).then(() => false),
    ]);
    timer.abort();
    return done;
  };
  const open = (): void => {
    let mine = true;
    const subscription = options.subscribe(position, {
      async onEvents(events) {
        const last = events.at(-1);
        if (!mine || last === undefined) return;
        position = options.after(last);
        const work = options.process(events);
        if (await isDone(work)) return;
        mine = false;
        options.onHeld();
        const gone = subscription.close().catch(options.onError);
        // Not awaited: the library must see this handler return to let the link go.
        void Promise.all([gone, work]).then(() => {
          if (!closed) open();
        });
      },
      onClosed() {
        if (mine && !closed) options.onLost();
      },
    });
    current = subscription;
  };
  open();
  return {
    async close() {
      closed = true;
      await current?.close().catch(options.onError);
    },
  };
}
