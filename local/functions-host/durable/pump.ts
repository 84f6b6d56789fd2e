import type { HostClock } from '../clock.js';
import type { JsonQueue, Received } from './queues.js';

/** First wait after an empty look into a queue, in ms; doubles up to `maxQueuePollingInterval`. */
const FIRST_WAIT_MS = 20;
/** Wait after a failed look, in ms. */
const ERROR_WAIT_MS = 1_000;
/** Wait while as much is running as may, in ms. */
const FULL_WAIT_MS = 20;
/** Most times of hidden messages remembered; messages beyond are found by looking now and then. */
const MAX_DUE = 1_000;

/** Looks into one queue for as long as it runs. */
export interface Pump {
  start(): void;
  /** Look now, or at a time (in ms since the epoch): something was sent that can be seen from then on. */
  wake(atMs?: number): void;
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

/** Times at which hidden messages come into sight, the earliest first. */
class DueTimes {
  readonly times: number[] = [];

  add(ms: number): void {
    const after = this.times.findIndex((time) => time > ms);
    this.times.splice(after < 0 ? this.times.length : after, 0, ms);
    if (this.times.length > MAX_DUE) this.times.pop();
  }

  /** Forgets what is due and tells how long the next one takes, in ms. */
  next(nowMs: number): number {
    while ((this.times[0] ?? Number.POSITIVE_INFINITY) <= nowMs) this.times.shift();
    return (this.times[0] ?? Number.POSITIVE_INFINITY) - nowMs;
  }
}

class QueuePump<T> implements Pump {
  readonly options: PumpOptions<T>;
  readonly due = new DueTimes();
  stopped = false;
  /** Ends the present wait. */
  woken = new AbortController();
  running: Promise<void> = Promise.resolve();

  constructor(options: PumpOptions<T>) {
    this.options = options;
  }

  start(): void {
    this.running = this.run();
  }

  wake(atMs?: number): void {
    if (atMs !== undefined) this.due.add(atMs);
    else this.woken.abort();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.woken.abort();
    await this.running;
  }

  async look(): Promise<number> {
    const count = this.options.capacity();
    if (count <= 0) {
      await this.options.clock.sleep(FULL_WAIT_MS);
      return 1;
    }
    const messages = await this.options.queue.receive(count);
    if (messages.length > 0) this.options.onMessages(messages);
    return messages.length;
  }

  async run(): Promise<void> {
    const { clock, maxIdleMs } = this.options;
    let waitMs = FIRST_WAIT_MS;
    while (!this.stopped) {
      this.woken = new AbortController();
      try {
        if ((await this.look()) > 0) {
          waitMs = FIRST_WAIT_MS;
          continue;
        }
        const dueMs = this.due.next(clock.now());
        await clock.sleep(Math.min(waitMs, dueMs), this.woken.signal);
        const isFresh = this.woken.signal.aborted || dueMs <= waitMs;
        waitMs = isFresh ? FIRST_WAIT_MS : Math.min(waitMs * 2, maxIdleMs);
      } catch (error) {
        this.options.onError(error);
        await clock.sleep(ERROR_WAIT_MS, this.woken.signal);
      }
    }
  }
}

/** Makes a pump: fast while there is work, ever slower while there is none. */
export function createPump<T>(options: PumpOptions<T>): Pump {
  return new QueuePump(options);
}
