import { type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { hasStatus, type LargeTexts } from './large-texts.js';

/** Largest message put into a queue as it is, in bytes before base64; a queue takes 64 KiB after it. */
const MAX_MESSAGE_BYTES = 45_000;
/** Longest a message may be hidden, in s: seven days, less a margin. */
const MAX_HIDDEN_SECONDS = 6 * 86_400;
/** Messages asked for at once, the most the service gives. */
const RECEIVE_COUNT = 32;

/** A message taken from a queue, hidden from others for a time. */
export interface Received<T> {
  readonly messageId: string;
  readonly body: T;
  /** Pop receipt; renewed in place. */
  receipt: string;
  readonly blob?: string;
}

/** A queue of JSON messages. */
export interface JsonQueue<T> {
  prepare(): Promise<void>;
  /**
   * Sends a message that no one sees before the delay is over (rounded down to whole seconds).
   * @returns how long it is hidden, in ms
   */
  send(owner: string, body: T, delayMs?: number): Promise<number>;
  /** Takes at most so many messages (32 at once). */
  receive(count: number): Promise<Received<T>[]>;
  /** Keeps a message hidden for so long from now on. False when another reader has it. */
  hide(message: Received<T>, ms: number): Promise<boolean>;
  /** Removes a message for good. */
  complete(message: Received<T>): Promise<void>;
}

interface Stored<T> {
  body?: T;
  blob?: string;
}

function hiddenSeconds(ms: number): number {
  return Math.max(0, Math.min(Math.floor(ms / 1000), MAX_HIDDEN_SECONDS));
}

async function decode<T>(texts: LargeTexts, text: string): Promise<Stored<T>> {
  const stored = JSON.parse(Buffer.from(text, 'base64').toString('utf8')) as Stored<T>;
  if (!stored.blob) return stored;
  return { blob: stored.blob, body: JSON.parse(await texts.get(stored.blob)) as T };
}

async function receive<T>(
  queue: QueueClient,
  texts: LargeTexts,
  visibilityMs: number,
  count: number,
): Promise<Received<T>[]> {
  const { receivedMessageItems } = await queue.receiveMessages({
    numberOfMessages: Math.min(count, RECEIVE_COUNT),
    visibilityTimeout: Math.max(1, Math.ceil(visibilityMs / 1000)),
  });
  const found: Received<T>[] = [];
  for (const item of receivedMessageItems) {
    try {
      const { body, blob } = await decode<T>(texts, item.messageText);
      found.push({ messageId: item.messageId, receipt: item.popReceipt, body: body as T, blob });
    } catch (error) {
      // The large text went with its instance (purge): there is nothing left to do.
      if (!hasStatus(error, 404)) throw error;
      await queue.deleteMessage(item.messageId, item.popReceipt);
    }
  }
  return found;
}

/** Opens one queue; `visibilityMs` is how long a received message stays hidden. */
export function createJsonQueue<T>(options: {
  storage: string;
  name: string;
  texts: LargeTexts;
  visibilityMs: number;
}): JsonQueue<T> {
  const { texts, visibilityMs } = options;
  const queue = QueueServiceClient.fromConnectionString(options.storage).getQueueClient(options.name);
  return {
    prepare: async () => {
      await queue.createIfNotExists();
    },
    async send(owner, body, delayMs = 0) {
      const whole = JSON.stringify({ body });
      const large = Buffer.byteLength(whole) > MAX_MESSAGE_BYTES;
      const text = large ? JSON.stringify({ blob: await texts.put(owner, JSON.stringify(body)) }) : whole;
      const visibilityTimeout = hiddenSeconds(delayMs);
      const options = { messageTimeToLive: -1, visibilityTimeout };
      await queue.sendMessage(Buffer.from(text).toString('base64'), options);
      return visibilityTimeout * 1000;
    },
    receive: (count) => receive<T>(queue, texts, visibilityMs, count),
    async hide(message, ms) {
      try {
        const answer = await queue.updateMessage(
          message.messageId,
          message.receipt,
          undefined,
          hiddenSeconds(ms),
        );
        message.receipt = answer.popReceipt ?? message.receipt;
        return true;
      } catch (error) {
        if (hasStatus(error, 400, 404)) return false;
        throw error;
      }
    },
    async complete(message) {
      try {
        await queue.deleteMessage(message.messageId, message.receipt);
        if (message.blob) await texts.remove(message.blob);
      } catch (error) {
        // Another reader has it by now and will find that it was handled.
        if (!hasStatus(error, 400, 404)) throw error;
      }
    },
  };
}
