import {
  EventHubConsumerClient,
  EventHubProducerClient,
  type EventPosition,
  earliestEventPosition,
  type ReceivedEventData,
  type SubscribeOptions,
} from '@azure/event-hubs';
import { parseHubSpecs } from '../../../local/event-hubs/hubs.js';
import type { Retention } from '../../../local/event-hubs/partition-log.js';
import { type EventHubsServer, startEventHubs } from '../../../local/event-hubs/server.js';

const ROOMY: Retention = { maxEvents: 1_000_000, maxAgeMs: 86_400_000, maxBytes: 256 * 1024 * 1024 };
const NO_RETRY = { retryOptions: { maxRetries: 0, timeoutInMs: 20_000 } };

/** A server with clients that are all closed when the test is done. */
export class Bench {
  readonly server: EventHubsServer;
  readonly #closers: (() => Promise<void>)[] = [];

  constructor(server: EventHubsServer) {
    this.server = server;
  }

  producer(hub = 'events'): EventHubProducerClient {
    const client = new EventHubProducerClient(this.server.connectionString, hub, NO_RETRY);
    this.#closers.push(() => client.close());
    return client;
  }

  consumer(hub = 'events', group = '$Default'): EventHubConsumerClient {
    const client = new EventHubConsumerClient(group, this.server.connectionString, hub, NO_RETRY);
    this.#closers.push(() => client.close());
    return client;
  }

  async close(): Promise<void> {
    for (const closer of this.#closers.reverse()) await closer().catch(() => undefined);
    await this.server.stop();
  }
}

export async function withServer(
  run: (bench: Bench) => Promise<void>,
  options: { hubs?: string; retention?: Partial<Retention>; now?: () => number } = {},
): Promise<void> {
  const server = await startEventHubs({
    hubs: parseHubSpecs(options.hubs ?? 'events:4'),
    retention: { ...ROOMY, ...options.retention },
    ...(options.now === undefined ? {} : { now: options.now }),
  });
  const bench = new Bench(server);
  try {
    await run(bench);
  } finally {
    await bench.close();
  }
}

export interface Reading {
  readonly partition?: string;
  readonly count: number;
  readonly from?: EventPosition;
  readonly subscribe?: Partial<SubscribeOptions>;
}

/** Reads until `count` events have come; fails on the first error. */
export async function receive(
  client: EventHubConsumerClient,
  reading: Reading,
): Promise<ReceivedEventData[]> {
  const events: ReceivedEventData[] = [];
  let stop: (() => Promise<void>) | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const handlers = {
        processEvents: async (batch: ReceivedEventData[]) => {
          events.push(...batch);
          if (events.length >= reading.count) resolve();
        },
        processError: async (error: Error) => reject(error),
      };
      const options = {
        startPosition: reading.from ?? earliestEventPosition,
        maxBatchSize: 100,
        maxWaitTimeInSeconds: 1,
        ...reading.subscribe,
      };
      const subscription =
        reading.partition === undefined
          ? client.subscribe(handlers, options)
          : client.subscribe(reading.partition, handlers, options);
      stop = () => subscription.close();
    });
  } finally {
    await stop?.();
  }
  return events;
}

/** Sends one event per body to a partition, in one batch. */
export async function sendTo(
  client: EventHubProducerClient,
  partitionId: string,
  bodies: readonly unknown[],
): Promise<void> {
  await client.sendBatch(
    bodies.map((body) => ({ body })),
    { partitionId },
  );
}

export function bodies(events: readonly ReceivedEventData[]): unknown[] {
  return events.map((event) => event.body as unknown);
}
