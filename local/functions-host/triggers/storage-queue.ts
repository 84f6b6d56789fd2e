import {
  type DequeuedMessageItem,
  type QueueClient,
  QueueServiceClient,
  RestError,
} from '@azure/storage-queue';
import { HostError, messageOf } from '../errors.js';
import type { FunctionDefinition } from '../functions.js';
import type { QueuesConfig } from '../host-config.js';
import type { InvocationData } from '../invoker.js';
import { connectionString } from '../settings.js';
import { bodyMetadata, dotnetDate, mergeMetadata } from './binding-data.js';
import type { TriggerContext, TriggerKind, TriggerListener } from './trigger.js';

/** How long a message stays hidden while its function runs, in s; renewed at half of it. */
const LEASE_SECONDS = 600;
/** First wait after an empty look into the queue, in ms; doubles up to `maxPollingInterval`. */
const FIRST_POLL_MS = 100;

interface QueueSource {
  fn: FunctionDefinition;
  context: TriggerContext;
  config: QueuesConfig;
  queue: QueueClient;
  poison: QueueClient;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Body of a message; undefined when it is not encoded as host.json says. */
export function decodeMessage(text: string, encoding: 'base64' | 'none'): Buffer | undefined {
  if (encoding === 'none') return Buffer.from(text);
  return BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}

function time(value: Date): { json: string } {
  return { json: JSON.stringify(`${dotnetDate(value)}+00:00`) };
}

/** Input and metadata of one message, as the storage extension sends them. */
function queueInvocation(message: DequeuedMessageItem, body: Buffer, binary: boolean): InvocationData {
  const text = body.toString('utf8');
  return {
    reason: `queue message ${message.messageId}`,
    input: binary ? { bytes: body } : { string: text },
    triggerMetadata: mergeMetadata(
      {
        QueueTrigger: { string: text },
        Id: { string: message.messageId },
        PopReceipt: { string: message.popReceipt },
        DequeueCount: { int: message.dequeueCount },
        ExpirationTime: time(message.expiresOn),
        InsertionTime: time(message.insertedOn),
        NextVisibleTime: time(message.nextVisibleOn),
      },
      bodyMetadata(text),
    ),
  };
}

/** Keeps a message hidden while its function runs; `receipt()` is the latest pop receipt. */
function keepHidden(source: QueueSource, message: DequeuedMessageItem) {
  const done = new AbortController();
  let receipt = message.popReceipt;
  const renew = async (): Promise<void> => {
    while (!done.signal.aborted) {
      await source.context.clock.sleep((LEASE_SECONDS * 1000) / 2, done.signal);
      if (done.signal.aborted) return;
      const updated = await source.queue.updateMessage(message.messageId, receipt, undefined, LEASE_SECONDS);
      receipt = updated.popReceipt ?? receipt;
    }
  };
  const renewing = renew().catch(logger(source));
  return {
    async release(): Promise<string> {
      done.abort();
      await renewing;
      return receipt;
    },
  };
}

function logger(source: QueueSource) {
  return (error: unknown) =>
    source.context.log.write(
      'warning',
      `Host.Queues.${source.fn.name}`,
      `${source.queue.name}: ${messageOf(error)}`,
    );
}

async function toPoison(source: QueueSource, message: DequeuedMessageItem, receipt: string): Promise<void> {
  await source.poison.createIfNotExists();
  await source.poison.sendMessage(message.messageText, { messageTimeToLive: -1 });
  await source.queue.deleteMessage(message.messageId, receipt);
  source.context.log.write(
    'warning',
    `Host.Queues.${source.fn.name}`,
    `message ${message.messageId} was moved to ${source.poison.name} after ${message.dequeueCount} attempts`,
  );
}

async function handle(source: QueueSource, message: DequeuedMessageItem, cut: () => boolean): Promise<void> {
  const { config, queue, fn, context } = source;
  const body = decodeMessage(message.messageText, config.messageEncoding);
  if (!body) return toPoison(source, message, message.popReceipt);
  const lease = keepHidden(source, message);
  const binary = /^(binary|stream)$/i.test(String(fn.trigger['dataType'] ?? ''));
  const result = await context.invoker.invoke(fn, queueInvocation(message, body, binary));
  const receipt = await lease.release();
  if (cut()) return;
  if (result.ok) await queue.deleteMessage(message.messageId, receipt);
  else if (message.dequeueCount >= config.maxDequeueCount) await toPoison(source, message, receipt);
  else {
    const seconds = Math.ceil(config.visibilityTimeoutMs / 1000);
    await queue.updateMessage(message.messageId, receipt, undefined, seconds);
  }
}

async function receive(source: QueueSource): Promise<DequeuedMessageItem[]> {
  try {
    const answer = await source.queue.receiveMessages({
      numberOfMessages: source.config.batchSize,
      visibilityTimeout: LEASE_SECONDS,
    });
    return answer.receivedMessageItems;
  } catch (error) {
    // The queue may be made later; until then it is as good as empty.
    if (!(error instanceof RestError && error.statusCode === 404)) logger(source)(error);
    return [];
  }
}

/** Makes a message visible again that arrived while the host was stopping. */
async function giveBack(source: QueueSource, message: DequeuedMessageItem): Promise<void> {
  await source.queue.updateMessage(message.messageId, message.popReceipt, undefined, 0).catch(logger(source));
}

function createListener(source: QueueSource): TriggerListener {
  const { config, context, fn } = source;
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  let cut: AbortSignal | undefined;
  let polling: Promise<void> = Promise.resolve();
  const begin = (message: DequeuedMessageItem) => {
    const work = handle(source, message, () => cut?.aborted === true)
      .catch(logger(source))
      .finally(() => running.delete(work));
    running.add(work);
  };
  const poll = async (): Promise<void> => {
    let waitMs = FIRST_POLL_MS;
    while (!stopping.signal.aborted) {
      if (running.size > config.newBatchThreshold) {
        await Promise.race(running);
        continue;
      }
      const messages = await receive(source);
      for (const message of messages) {
        if (stopping.signal.aborted) await giveBack(source, message);
        else begin(message);
      }
      if (messages.length > 0) waitMs = FIRST_POLL_MS;
      else {
        await context.clock.sleep(waitMs, stopping.signal);
        waitMs = Math.min(waitMs * 2, Math.max(FIRST_POLL_MS, config.maxPollingIntervalMs));
      }
    }
  };
  return {
    async start() {
      polling = poll();
    },
    async stop(cutSignal) {
      cut = cutSignal;
      stopping.abort();
      await polling;
      await Promise.all(running);
    },
    async runNow(input) {
      const binary = /^(binary|stream)$/i.test(String(fn.trigger['dataType'] ?? ''));
      await context.invoker.invoke(fn, {
        reason: 'admin request',
        input: binary ? { bytes: Buffer.from(input) } : { string: input },
        triggerMetadata: mergeMetadata({ QueueTrigger: { string: input } }, bodyMetadata(input)),
      });
    },
  };
}

/** Storage queue, with the poison queue `<queue>-poison`. */
export const storageQueueTrigger: TriggerKind = {
  type: 'queuetrigger',
  create(fn, context) {
    const name = String(fn.trigger['queueName'] ?? '').toLowerCase();
    if (!name) throw new HostError('binding-invalid', 'queueName is missing');
    const connection = connectionString(
      context.settings,
      String(fn.trigger['connection'] || 'AzureWebJobsStorage'),
    );
    const service = QueueServiceClient.fromConnectionString(connection);
    return createListener({
      fn,
      context,
      config: context.config.queues,
      queue: service.getQueueClient(name),
      poison: service.getQueueClient(`${name}-poison`),
    });
  },
};
