import { EventHubConsumerClient, EventHubProducerClient, earliestEventPosition } from '@azure/event-hubs';
import type { Stack } from '../helpers/stack.js';

export interface Event {
  readonly body: string | Uint8Array;
  readonly properties?: Readonly<Record<string, string>>;
  /** Default `0`. */
  readonly partition?: string;
}

/** Sends events to a hub of the stack, each to its partition. */
export async function send(stack: Stack, hub: string, events: readonly Event[]): Promise<void> {
  const producer = new EventHubProducerClient(stack.hubs?.ready.connectionString ?? '', hub);
  try {
    for (const partitionId of new Set(events.map(({ partition = '0' }) => partition))) {
      const own = events.filter(({ partition = '0' }) => partition === partitionId);
      const data = own.map(({ body, properties = {} }) => ({
        body: Buffer.from(body as string),
        properties: { ...properties },
      }));
      await producer.sendBatch(data, { partitionId });
    }
  } finally {
    await producer.close();
  }
}

export type ReadEvents = readonly { readonly body: Buffer; readonly properties: Record<string, unknown> }[];

/** Reads a hub of dead letters from its beginning until there is one of a source; all letters of that source. */
export async function readLetters(stack: Stack, hub: string, source: string): Promise<ReadEvents> {
  const consumer = new EventHubConsumerClient('$Default', stack.hubs?.ready.connectionString ?? '', hub);
  const isOwn = ({ properties }: ReadEvents[number]): boolean => properties['deadLetterSource'] === source;
  const found: { body: Buffer; properties: Record<string, unknown> }[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      consumer.subscribe(
        {
          processEvents: async (events) => {
            found.push(
              ...events.map(({ body, properties = {} }) => ({
                body: Buffer.from(body as Uint8Array),
                properties,
              })),
            );
            if (found.some(isOwn)) resolve();
          },
          processError: async (error) => reject(error),
        },
        { startPosition: earliestEventPosition, skipParsingBodyAsJson: true },
      );
    });
  } finally {
    await consumer.close();
  }
  return found.filter(isOwn);
}
