import { createHash } from 'node:crypto';
import { EventHubProducerClient } from '@azure/event-hubs';
import { type Key, keyOf } from './oracle.js';

/** Every so many records of a partition come some that are poison: well-formed, but the service is told to refuse them. */
const poisonEvery = 25_000;
/** Where they lie: two side by side and one a little further on, elsewhere in each partition. */
const poisonPlaces = new Set([100, 101, 140]);
const poisonShift = 2_861;

export const paddingLength = 80;
const padding = 'x'.repeat(paddingLength);

/** The witness of a record: its payload, which the row must carry unchanged. */
export function witness(run: string, partition: number, n: number): string {
  return createHash('sha256').update(`${run}/${partition}/${n}`).digest('hex').slice(0, 16);
}

function isPoison(partition: number, n: number, withPoison: boolean): boolean {
  return withPoison && poisonPlaces.has((n % poisonEvery) - partition * poisonShift);
}

function body(
  run: string,
  place: { readonly partition: number; readonly n: number; readonly isPoison: boolean },
): Buffer {
  const { partition, n, isPoison } = place;
  const record = { run, p: partition, n, h: witness(run, partition, n), pad: padding };
  return Buffer.from(JSON.stringify(isPoison ? { ...record, mark: 'poison-record' } : record));
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
  /** Are there records that the service is told to refuse? */
  readonly withPoison: boolean;
}): Promise<Sent> {
  const { run, partitions } = options;
  const client = new EventHubProducerClient(options.connectionString, options.hub);
  const sent: Sent = { accepted: new Set(), poison: new Set() };
  const each = Math.ceil(options.events / partitions);
  const sendPartition = async (partition: number): Promise<void> => {
    for (let n = 0; n < each; ) {
      const batch = await client.createBatch({ partitionId: String(partition) });
      const first = n;
      while (
        n < each &&
        batch.tryAdd({
          body: body(run, { partition, n, isPoison: isPoison(partition, n, options.withPoison) }),
        })
      ) {
        n++;
      }
      await client.sendBatch(batch);
      for (let taken = first; taken < n; taken++) {
        const key = keyOf(partition, taken);
        sent.accepted.add(key);
        if (isPoison(partition, taken, options.withPoison)) {
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
