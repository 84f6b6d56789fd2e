import { EventHubProducerClient } from '@azure/event-hubs';
import type { Stack } from '../helpers/stack.js';
import type { EventCase } from './case.js';
import { ownTable } from './pipeline.js';

/** Events up to this many bytes share a batch of the producer; it keeps room for frames and properties. */
const batchBytes = 900_000;

/** Sends each case as one event that names it in its properties; a batch holds as many as fit. */
export async function sendEvents(stack: Stack, cases: readonly EventCase[]): Promise<void> {
  for (const hub of ['json', 'csv', 'avro'] as const) {
    const client = new EventHubProducerClient(stack.hubs?.ready.connectionString as string, hub);
    try {
      let batch = await client.createBatch({ partitionId: '0' });
      for (const one of cases.filter((each) => each.hub === hub)) {
        const table = one.ownColumns === undefined ? {} : { Table: ownTable(one) };
        const event = { body: one.body, properties: { case: one.id, ...table } };
        if (batch.sizeInBytes > batchBytes || !batch.tryAdd(event)) {
          await client.sendBatch(batch);
          batch = await client.createBatch({ partitionId: '0' });
          if (!batch.tryAdd(event)) {
            throw new Error(`${one.id}: ${one.body.length} bytes do not fit into one batch`);
          }
        }
      }
      await client.sendBatch(batch);
    } finally {
      await client.close();
    }
  }
}
