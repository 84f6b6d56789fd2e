import { createHmac } from 'node:crypto';
import { AzureNamedKeyCredential, TableClient } from '@azure/data-tables';
import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import {
  QueueClient,
  StorageSharedKeyCredential as QueueKeyCredential,
  type StoragePipelineOptions,
} from '@azure/storage-queue';
import type { StorageAccount } from '../server/types.js';
import { MESSAGE_HIDDEN_SECONDS, MESSAGES_PER_POLL } from './limits.js';
import { containerSas, queueSas, tableSas } from './sas.js';

const TEMP_CONTAINERS = ['ingest-temp-0', 'ingest-temp-1'] as const;
const EXPORT_CONTAINERS = ['exports-0', 'exports-1'] as const;
const INPUT_QUEUES = ['ready-for-aggregation-0', 'ready-for-aggregation-1'] as const;
const FAILED_QUEUE = 'failed-ingestions';
const SUCCESSFUL_QUEUE = 'successful-ingestions';
const STATUS_TABLE = 'IngestionsStatus';

export interface ReceivedMessage {
  /** The same for every delivery. */
  readonly id: string;
  readonly text: string;
  readonly dequeueCount: number;
  delete(): Promise<void>;
}

/** A row of `.get ingestion resources`. */
export interface Resource {
  readonly type: string;
  /** With its SAS. */
  readonly root: string;
}

/** Containers, queues and the status table that the data-management endpoint owns. */
export interface OwnStorage {
  /** Opaque, and the same after a restart with the same account. */
  readonly identityToken: string;
  create(): Promise<void>;
  resources(): readonly Resource[];
  tempContainers(): readonly string[];
  exportContainers(): readonly string[];
  receive(): Promise<readonly ReceivedMessage[]>;
  reportFailure(json: string): Promise<void>;
  reportSuccess(json: string): Promise<void>;
  mergeStatus(
    entity: Readonly<Record<string, unknown>> & { partitionKey: string; rowKey: string },
  ): Promise<void>;
}

interface Clients {
  readonly containers: readonly ContainerClient[];
  readonly inputs: readonly QueueClient[];
  readonly failed: QueueClient;
  readonly successful: QueueClient;
  readonly table: TableClient;
}

function clientsOf(account: StorageAccount): Clients {
  const { accountName, accountKey, direct, certificate } = account;
  // The storage clients hand options they do not list on to the HTTP layer, which knows this one.
  const trust = certificate === undefined ? {} : { tlsOptions: { ca: certificate } };
  const queueKey = new QueueKeyCredential(accountName, accountKey);
  const blobKey = new StorageSharedKeyCredential(accountName, accountKey);
  const queue = (name: string) =>
    new QueueClient(`${direct.queue}/${name}`, queueKey, trust as StoragePipelineOptions);
  return {
    containers: [...TEMP_CONTAINERS, ...EXPORT_CONTAINERS].map(
      (name) => new ContainerClient(`${direct.blob}/${name}`, blobKey, trust as StoragePipelineOptions),
    ),
    inputs: INPUT_QUEUES.map(queue),
    failed: queue(FAILED_QUEUE),
    successful: queue(SUCCESSFUL_QUEUE),
    table: new TableClient(direct.table, STATUS_TABLE, new AzureNamedKeyCredential(accountName, accountKey), {
      allowInsecureConnection: true,
      ...trust,
    }),
  };
}

async function createAll(clients: Clients): Promise<void> {
  const queues = [...clients.inputs, clients.failed, clients.successful];
  await Promise.all([
    ...clients.containers.map((container) => container.createIfNotExists()),
    ...queues.map((queue) => queue.createIfNotExists()),
    clients.table.createTable(),
  ]);
}

async function receiveFrom(queue: QueueClient): Promise<readonly ReceivedMessage[]> {
  const { receivedMessageItems } = await queue.receiveMessages({
    numberOfMessages: MESSAGES_PER_POLL,
    visibilityTimeout: MESSAGE_HIDDEN_SECONDS,
  });
  return receivedMessageItems.map((item) => ({
    id: item.messageId,
    text: item.messageText,
    dequeueCount: item.dequeueCount,
    delete: async () => {
      await queue.deleteMessage(item.messageId, item.popReceipt);
    },
  }));
}

function base64(json: string): string {
  // Some clients decode base64 as ASCII; escapes keep every character within it.
  const ascii = json.replace(
    /[\u0080-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return Buffer.from(ascii, 'latin1').toString('base64');
}

export function openOwnStorage(account: StorageAccount): OwnStorage {
  const clients = clientsOf(account);
  const { blob, queue, table } = account.public;
  const container = (name: string, permissions: string) =>
    `${blob}/${name}?${containerSas(account, name, permissions)}`;
  const tempContainers = () => TEMP_CONTAINERS.map((name) => container(name, 'racwdl'));
  return {
    identityToken: createHmac('sha256', Buffer.from(account.accountKey, 'base64'))
      .update('kusto identity')
      .digest('base64url'),
    create: () => createAll(clients),
    resources: () => [
      ...INPUT_QUEUES.map((name) => ({
        type: 'SecuredReadyForAggregationQueue',
        root: `${queue}/${name}?${queueSas(account, name, 'rau')}`,
      })),
      {
        type: 'FailedIngestionsQueue',
        root: `${queue}/${FAILED_QUEUE}?${queueSas(account, FAILED_QUEUE, 'rp')}`,
      },
      {
        type: 'SuccessfulIngestionsQueue',
        root: `${queue}/${SUCCESSFUL_QUEUE}?${queueSas(account, SUCCESSFUL_QUEUE, 'rp')}`,
      },
      ...tempContainers().map((root) => ({ type: 'TempStorage', root })),
      { type: 'IngestionsStatusTable', root: `${table}/${STATUS_TABLE}?${tableSas(account, STATUS_TABLE)}` },
    ],
    tempContainers,
    exportContainers: () => EXPORT_CONTAINERS.map((name) => container(name, 'racwdl')),
    receive: async () => (await Promise.all(clients.inputs.map(receiveFrom))).flat(),
    reportFailure: async (json) => {
      await clients.failed.sendMessage(base64(json));
    },
    reportSuccess: async (json) => {
      await clients.successful.sendMessage(base64(json));
    },
    mergeStatus: async (entity) => {
      await clients.table.upsertEntity(entity, 'Merge');
    },
  };
}
