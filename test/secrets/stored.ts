import { gunzipSync } from 'node:zlib';
import { TableClient, TableServiceClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import type { Place } from './canaries.js';

/** Messages that one peek returns at the most. */
const MAX_PEEKED = 32;

/** Bytes as they are, and inflated where they are gzip. */
function texts(bytes: Buffer): string {
  const raw = bytes.toString('latin1');
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return raw;
  return `${raw}\n${gunzipSync(bytes).toString('latin1')}`;
}

async function blobs(connection: string): Promise<Place[]> {
  const service = BlobServiceClient.fromConnectionString(connection);
  const places: Place[] = [];
  for await (const { name: container, metadata } of service.listContainers({ includeMetadata: true })) {
    places.push({ kind: 'container', name: container, text: JSON.stringify(metadata ?? {}) });
    const client = service.getContainerClient(container);
    for await (const blob of client.listBlobsFlat({ includeMetadata: true, includeTags: true })) {
      const content = await client.getBlobClient(blob.name).downloadToBuffer();
      const facts = JSON.stringify([blob.name, blob.metadata, blob.tags, blob.properties.contentType]);
      places.push({ kind: 'blob', name: `${container}/${blob.name}`, text: `${facts}\n${texts(content)}` });
    }
  }
  return places;
}

async function queues(connection: string): Promise<Place[]> {
  const service = QueueServiceClient.fromConnectionString(connection);
  const places: Place[] = [];
  for await (const { name } of service.listQueues()) {
    places.push({ kind: 'queue', name, text: '' });
    const { peekedMessageItems } = await service
      .getQueueClient(name)
      .peekMessages({ numberOfMessages: MAX_PEEKED });
    for (const { messageId, messageText } of peekedMessageItems) {
      const decoded = Buffer.from(messageText, 'base64').toString('latin1');
      places.push({ kind: 'message', name: `${name}/${messageId}`, text: `${messageText}\n${decoded}` });
    }
  }
  return places;
}

async function tables(connection: string): Promise<Place[]> {
  const options = { allowInsecureConnection: true };
  const service = TableServiceClient.fromConnectionString(connection, options);
  const places: Place[] = [];
  for await (const { name } of service.listTables()) {
    if (name === undefined) continue;
    for await (const entity of TableClient.fromConnectionString(connection, name, options).listEntities()) {
      const place = `${name}/${entity.partitionKey}/${entity.rowKey}`;
      places.push({ kind: 'entity', name: place, text: JSON.stringify(entity) });
    }
  }
  return places;
}

/** Everything that the storage account holds. */
export async function readEverythingStored(connection: string): Promise<Place[]> {
  return (await Promise.all([blobs(connection), queues(connection), tables(connection)])).flat();
}
