import { BlobServiceClient } from '@azure/storage-blob';

/** First sequence number without a checkpoint, by partition. */
export type Positions = ReadonlyMap<number, number>;

export interface PartitionState {
  /** First sequence number without a checkpoint. */
  readonly next: Positions;
  readonly owners: ReadonlyMap<number, string>;
}

const container = 'azure-webjobs-eventhub';

/** Reads owner and checkpoint of every partition as the trigger's extension keeps them. */
export function createPositionReader(connectionString: string): () => Promise<PartitionState> {
  const client = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(container);
  let exists = false;
  return async () => {
    const next = new Map<number, number>();
    const owners = new Map<number, string>();
    exists ||= await client.exists();
    if (!exists) {
      return { next, owners };
    }
    for await (const blob of client.listBlobsFlat({ includeMetadata: true })) {
      const [, kind, partition] = /\/(checkpoint|ownership)\/(\d+)$/.exec(blob.name) ?? [];
      const { sequencenumber, ownerid } = blob.metadata ?? {};
      if (kind === 'checkpoint' && sequencenumber !== undefined) {
        next.set(Number(partition), Number(sequencenumber) + 1);
      } else if (kind === 'ownership' && ownerid) {
        owners.set(Number(partition), ownerid);
      }
    }
    return { next, owners };
  };
}

export function totalOf(next: Positions): number {
  return [...next.values()].reduce((sum, value) => sum + value, 0);
}

/** A partition that went to another host: what was in flight then may be done twice. */
export interface HandOver {
  readonly partition: number;
  /** First number without a checkpoint when the former owner was last seen. */
  readonly before: number;
  /** And when the former owner had surely noticed. */
  readonly after: number;
}

export interface OwnerWatch {
  /** Different owners at the last look. */
  owners(): number;
  /** Ends the watch. */
  stop(): Promise<readonly HandOver[]>;
}

const watchMs = 50;
/** Looks after which the former owner, whose link the hub ends, has noticed. */
const looksToNotice = 12;

/** Looks at the owners until it is stopped, and notes every change with the checkpoints around it. */
export function watchOwners(read: () => Promise<PartitionState>): OwnerWatch {
  const handOvers: { partition: number; before: number; after: number; looks: number }[] = [];
  let last: PartitionState = { next: new Map(), owners: new Map() };
  let running = true;
  const watch = async (): Promise<void> => {
    while (running) {
      const now = await read();
      for (const [partition, owner] of now.owners) {
        const before = last.owners.get(partition);
        if (before !== undefined && before !== owner) {
          handOvers.push({
            partition,
            before: last.next.get(partition) ?? 0,
            ...{ after: 0, looks: 0 },
          });
        }
      }
      for (const each of handOvers.filter(({ looks }) => looks <= looksToNotice)) {
        each.after = now.next.get(each.partition) ?? 0;
        each.looks += 1;
      }
      last = now;
      await new Promise((resolve) => setTimeout(resolve, watchMs));
    }
  };
  const watching = watch();
  return {
    owners: () => new Set(last.owners.values()).size,
    stop: async () => {
      running = false;
      await watching;
      return handOvers;
    },
  };
}
