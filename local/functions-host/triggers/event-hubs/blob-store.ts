import { type BlobItem, BlobServiceClient, type ContainerClient, RestError } from '@azure/storage-blob';
import type { Ownership } from './ownership.js';

/** Container the Event Hubs extension keeps its state in. */
const CONTAINER = 'azure-webjobs-eventhub';

/** The consumer whose state is kept. */
export interface ConsumerAddress {
  fullyQualifiedNamespace: string;
  eventHubName: string;
  consumerGroup: string;
}

/** Where reading goes on. */
interface Checkpoint {
  offset: string;
  sequenceNumber: number;
}

/**
 * Ownership and checkpoints as blobs, laid out as the .NET Event Hubs libraries do:
 * `namespace/hub/group/ownership/partition` with metadata `ownerid`, and `…/checkpoint/partition` with metadata
 * `offset` and `sequencenumber`; all names in lower case.
 */
export interface PartitionStore {
  listOwnerships(): Promise<Ownership[]>;
  /**
   * Claims, renews or (with an empty owner) gives up a partition.
   * @returns the new ownership, or undefined when another host was faster
   */
  claim(partitionId: string, ownerId: string, etag: string | undefined): Promise<Ownership | undefined>;
  readCheckpoint(partitionId: string): Promise<Checkpoint | undefined>;
  writeCheckpoint(partitionId: string, checkpoint: Checkpoint, ownerId: string): Promise<void>;
}

function hasStatus(error: unknown, ...codes: number[]): boolean {
  return error instanceof RestError && error.statusCode !== undefined && codes.includes(error.statusCode);
}

function toOwnership(prefix: string, blob: BlobItem): Ownership {
  return {
    partitionId: blob.name.slice(prefix.length),
    ownerId: blob.metadata?.['ownerid'] ?? '',
    lastModifiedMs: blob.properties.lastModified.getTime(),
    etag: blob.properties.etag,
  };
}

async function list(container: ContainerClient, prefix: string): Promise<Ownership[]> {
  const found: Ownership[] = [];
  for await (const blob of container.listBlobsFlat({ prefix, includeMetadata: true })) {
    found.push(toOwnership(prefix, blob));
  }
  return found;
}

interface Claim {
  name: string;
  ownerId: string;
  etag: string | undefined;
}

async function writeOwner(container: ContainerClient, claim: Claim) {
  const blob = container.getBlockBlobClient(claim.name);
  const metadata = { ownerid: claim.ownerId };
  if (claim.etag) return blob.setMetadata(metadata, { conditions: { ifMatch: claim.etag } });
  return blob.upload('', 0, { metadata, conditions: { ifNoneMatch: '*' } });
}

/** Opens the store in the storage account of AzureWebJobsStorage. */
export function createPartitionStore(storage: string, address: ConsumerAddress): PartitionStore {
  const container = BlobServiceClient.fromConnectionString(storage).getContainerClient(CONTAINER);
  const { fullyQualifiedNamespace, eventHubName, consumerGroup } = address;
  const root = `${fullyQualifiedNamespace}/${eventHubName}/${consumerGroup}`.toLowerCase();
  const checkpointBlob = (id: string) => container.getBlockBlobClient(`${root}/checkpoint/${id}`);
  let created = false;
  return {
    async listOwnerships() {
      if (!created) await container.createIfNotExists();
      created = true;
      return list(container, `${root}/ownership/`);
    },
    async claim(partitionId, ownerId, etag) {
      try {
        const written = await writeOwner(container, {
          name: `${root}/ownership/${partitionId}`,
          ownerId,
          etag,
        });
        const lastModifiedMs = written.lastModified?.getTime() ?? 0;
        return { partitionId, ownerId, lastModifiedMs, etag: written.etag ?? '' };
      } catch (error) {
        if (hasStatus(error, 404, 409, 412)) return undefined;
        throw error;
      }
    },
    async readCheckpoint(partitionId) {
      try {
        const { metadata = {} } = await checkpointBlob(partitionId).getProperties();
        const offset = metadata['offset'];
        const sequenceNumber = Number(metadata['sequencenumber']);
        return offset === undefined || offset === '' ? undefined : { offset, sequenceNumber };
      } catch (error) {
        if (hasStatus(error, 404)) return undefined;
        throw error;
      }
    },
    async writeCheckpoint(partitionId, checkpoint, ownerId) {
      const metadata = {
        offset: checkpoint.offset,
        sequencenumber: String(checkpoint.sequenceNumber),
        clientidentifier: ownerId,
      };
      try {
        await checkpointBlob(partitionId).setMetadata(metadata);
      } catch (error) {
        if (!hasStatus(error, 404)) throw error;
        await checkpointBlob(partitionId).upload('', 0, { metadata });
      }
    },
  };
}
