import { badData } from '../ingest/errors.js';
import { MAX_DEQUEUE_COUNT, MAX_POLL_MS, MIN_POLL_MS } from './limits.js';
import { parseMessage } from './message.js';
import { failureOf } from './outcome.js';
import type { OwnStorage, ReceivedMessage } from './own-storage.js';
import type { QueuedIngestion } from './queued.js';
import type { Reporter } from './reporter.js';

export interface PollerParts {
  readonly storage: OwnStorage;
  readonly queued: QueuedIngestion;
  readonly reporter: Reporter;
  log(line: string): void;
}

/** Takes messages from the ingestion queues; polls faster while there are some. */
export class QueuePoller {
  private readonly parts: PollerParts;
  private running: Promise<void> | undefined;
  private stopped = false;
  private wake: () => void = () => undefined;

  constructor(parts: PollerParts) {
    this.parts = parts;
  }

  start(): void {
    this.running ??= this.loop();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.running;
  }

  private async loop(): Promise<void> {
    let pauseMs = MIN_POLL_MS;
    let complained = false;
    while (!this.stopped) {
      let taken = 0;
      try {
        taken = await this.poll();
        complained = false;
      } catch (error) {
        if (!complained) this.parts.log(`the ingestion queues cannot be read: ${(error as Error).message}`);
        complained = true;
      }
      pauseMs = taken > 0 ? MIN_POLL_MS : Math.min(MAX_POLL_MS, pauseMs * 2);
      if (taken === 0 && !this.stopped) await this.pause(pauseMs);
    }
  }

  /** Real time, not the engine's: storage does not follow an advanced clock. */
  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async poll(): Promise<number> {
    const messages = await this.parts.storage.receive();
    await Promise.all(messages.map((message) => this.take(message)));
    return messages.length;
  }

  private async take(message: ReceivedMessage): Promise<void> {
    try {
      await this.handle(message);
      await message.delete();
    } catch (error) {
      // It becomes visible again and is taken once more, up to the limit of takes.
      this.parts.log(`an ingestion message was not handled: ${(error as Error).message}`);
    }
  }

  private async handle(message: ReceivedMessage): Promise<void> {
    const parsed = parseMessage(message.text, this.parts.storage.identityToken, message.id);
    if (parsed.kind === 'bad') {
      await this.parts.reporter.failed(parsed.origin, failureOf(parsed.error));
      return;
    }
    if (message.dequeueCount > MAX_DEQUEUE_COUNT) {
      const error = badData(
        'BadRequest_CorruptedMessage',
        `The message could not be handled ${MAX_DEQUEUE_COUNT} times`,
      );
      await this.parts.reporter.failed(parsed.source, failureOf(error));
      return;
    }
    await this.parts.queued.accept(parsed.source);
  }
}
