import { createHash } from 'node:crypto';
import { EventHubProducerClient } from '@azure/event-hubs';
import { type Key, keyOf } from './oracle.js';

/** Every so many records one is poison: well-formed, but the service is told to refuse its blob. */
export const poisonEvery = 4_999;

const padding = 'x'.repeat(80);

/** The witness of a record: its payload, which the row must carry unchanged. */
export function witness(run: string, partition: number, n: number): string {
  return createHash('sha256').update(`${run}/${partition}/${n}`).digest('hex').slice(0, 16);
}

export function body(run: string, partition: number, n: number): Buffer {
  const poison = (n + partition * 17) % poisonEvery === 7;
  const record = { run, p: partition, n, h: witness(run, partition, n), pad: padding };
  return Buffer.from(JSON.stringify(poison ? { ...record, mark: 'poison-record' } : record));
}

export interface Sent {
  readonly accepted: Set<Key>;
  readonly poison: Set<Key>;
}

/** Sends `events` records over `partitions` partitions; what the hub accepted. */
export async function produce(options: {
  readonly connectionString: string;
  readonly hub: string;
  readonly run: string;
  readonly events: number;
  readonly partitions: number;
}): Promise<Sent> {
  const { run, partitions } = options;
  const client = new EventHubProducerClient(options.connectionString, options.hub);
  const sent: Sent = { accepted: new Set(), poison: new Set() };
  const each = Math.ceil(options.events / partitions);
  const sendPartition = async (partition: number): Promise<void> => {
    for (let n = 0; n < each; ) {
      const batch = await client.createBatch({ partitionId: String(partition) });
      const first = n;
      while (n < each && batch.tryAdd({ body: body(run, partition, n) })) {
        n++;
      }
      await client.sendBatch(batch);
      for (let taken = first; taken < n; taken++) {
        const key = keyOf(partition, taken);
        sent.accepted.add(key);
        if ((taken + partition * 17) % poisonEvery === 7) {
          sent.poison.add(key);
        }
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: partitions }, (_, partition) => sendPartition(partition)));
  } finally {
    await client.close();
  }
  return sent;
}
