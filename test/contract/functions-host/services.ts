import { EventHubProducerClient } from '@azure/event-hubs';
import { type Azurite, startAzurite } from '../../../local/shared/azurite.js';
import { type HubsReady, type Part, startPart } from '../../helpers/stack.js';

/** Storage and Event Hubs for a test file. */
export interface Services {
  storage: Azurite;
  hubs: Part<HubsReady>;
  /** App settings that name both. */
  values: Record<string, string>;
  stop(): Promise<void>;
}

/** Starts Azurite and the local Event Hubs server; `hubs` as its command line takes them. */
export async function startServices(hubs: string): Promise<Services> {
  const [storage, eventHubs] = await Promise.all([
    startAzurite(),
    startPart<HubsReady>('local/event-hubs/main.js', ['--port', '0', '--json', '--hubs', hubs]),
  ]);
  return {
    storage,
    hubs: eventHubs,
    values: { AzureWebJobsStorage: storage.connectionString, HUBS: eventHubs.ready.connectionString },
    async stop() {
      await Promise.all([storage.stop(), eventHubs.child.stop()]);
    },
  };
}

/** Sends bodies to one partition in batches as large as the service takes. */
export async function sendTo(
  services: Services,
  target: { hub: string; partitionId: string },
  bodies: { body: unknown; properties?: Record<string, unknown> }[],
): Promise<void> {
  const producer = new EventHubProducerClient(services.values['HUBS'] ?? '', target.hub);
  try {
    let batch = await producer.createBatch({ partitionId: target.partitionId });
    for (const body of bodies) {
      if (batch.tryAdd(body)) continue;
      await producer.sendBatch(batch);
      batch = await producer.createBatch({ partitionId: target.partitionId });
      batch.tryAdd(body);
    }
    await producer.sendBatch(batch);
  } finally {
    await producer.close();
  }
}
