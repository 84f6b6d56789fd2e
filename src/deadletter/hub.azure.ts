import { type EventData, EventHubProducerClient } from '@azure/event-hubs';
import { KfError } from '../runtime/errors.js';
import { scrub } from '../runtime/redact.js';
import type { LetterForwarder } from './blob-letter-store.js';
import type { DeadLetter } from './ports.js';

const SEND_TIMEOUT_MS = 30_000;

export interface HubForwarderOptions {
  /** Of the namespace; a secret. */
  readonly connectionString: string;
  readonly eventHub: string;
}

export interface HubForwarder extends LetterForwarder {
  close(): Promise<void>;
}

/**
 * Sends letters to an event hub: the body as it was, the reason and the place in properties that begin with
 * `deadLetter`. A letter too large for one message is left out; the container has it.
 */
export function createHubForwarder(options: HubForwarderOptions): HubForwarder {
  const client = new EventHubProducerClient(options.connectionString, options.eventHub, {
    retryOptions: { maxRetries: 2, timeoutInMs: SEND_TIMEOUT_MS },
  });
  return {
    forward: async (letters, signal) => {
      try {
        await sendAll(client, letters, signal);
      } catch (thrown) {
        const message = thrown instanceof Error ? thrown.message : String(thrown);
        throw new KfError('STORAGE_TRANSIENT', `event hub ${options.eventHub}: ${scrub(message)}`);
      }
    },
    close: () => client.close(),
  };
}

async function sendAll(
  client: EventHubProducerClient,
  letters: readonly DeadLetter[],
  signal?: AbortSignal,
): Promise<void> {
  const abort = signal === undefined ? {} : { abortSignal: signal };
  let batch = await client.createBatch(abort);
  for (const letter of letters) {
    const event = toEvent(letter);
    if (batch.tryAdd(event)) continue;
    if (batch.count > 0) await client.sendBatch(batch, abort);
    batch = await client.createBatch(abort);
    batch.tryAdd(event);
  }
  if (batch.count > 0) await client.sendBatch(batch, abort);
}

function toEvent(letter: DeadLetter): EventData {
  return {
    body: Buffer.from(letter.body),
    properties: {
      deadLetterId: letter.id,
      deadLetterKind: letter.kind,
      deadLetterCode: letter.code,
      deadLetterServiceCode: letter.serviceCode ?? '',
      deadLetterMessage: letter.message,
      deadLetterSource: letter.source,
      deadLetterPartition: letter.partition,
      deadLetterOffset: letter.offset,
      deadLetterIndex: letter.index ?? -1,
      deadLetterTarget: `${letter.database}.${letter.table}`,
    },
  };
}
