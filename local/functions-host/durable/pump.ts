import type { HostClock } from '../clock.js';
import type { JsonQueue, Received } from './queues.js';

/** First wait after an empty look into a queue, in ms; doubles up to `maxQueuePollingInterval`. */
const FIRST_WAIT_MS = 20;
/** Wait after a failed look, in ms. */
const ERROR_WAIT_MS = 1_000;
/** Wait while as much is running as may, in ms. */
const FULL_WAIT_MS = 20;

/** Looks into one queue for as long as it runs. */
export interface Pump {
  start(): void;
  /** Look now: something was sent. */
  wake(): void;
  stop(): Promise<void>;
}

export interface PumpOptions<T> {
  queue: JsonQueue<T>;
  clock: HostClock;
  maxIdleMs: number;
  /** How many messages may be taken now. */
  capacity(): number;
  onMessages(messages: Received<T>[]): void;
  onError(error: unknown): void;
}

/** Makes a pump: fast while there is work, ever slower while there is none. */
export function createPump<T>(options: PumpOptions<T>): Pump {
  const { queue, clock } = options;
  const stopping = new AbortController();
  let woken = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const rest = async (ms: number) => {
    await clock.sleep(ms, AbortSignal.any([stopping.signal, woken.signal]));
  };
  const look = async (): Promise<number> => {
    const count = options.capacity();
    if (count <= 0) {
      await clock.sleep(FULL_WAIT_MS, stopping.signal);
      return 1;
    }
    const messages = await queue.receive(count);
    if (messages.length > 0) options.onMessages(messages);
    return messages.length;
  };
  const run = async (): Promise<void> => {
    let waitMs = FIRST_WAIT_MS;
    while (!stopping.signal.aborted) {
      woken = new AbortController();
      try {
        if ((await look()) > 0) waitMs = FIRST_WAIT_MS;
        else {
          await rest(waitMs);
          waitMs = woken.signal.aborted ? FIRST_WAIT_MS : Math.min(waitMs * 2, options.maxIdleMs);
        }
      } catch (error) {
        options.onError(error);
        await clock.sleep(ERROR_WAIT_MS, stopping.signal);
      }
    }
  };
  return {
    start() {
      running = run();
    },
    wake: () => woken.abort(),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
