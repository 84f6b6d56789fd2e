import { AzureNamedKeyCredential, generateTableSas, type TableSasPermissions } from '@azure/data-tables';
import {
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import {
  generateQueueSASQueryParameters,
  StorageSharedKeyCredential as QueueKeyCredential,
  QueueSASPermissions,
} from '@azure/storage-queue';

const VALID_DAYS = 7;
/** A client's clock may be behind by this much. */
const CLOCK_SKEW_MS = 15 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

export interface AccountKey {
  readonly accountName: string;
  readonly accountKey: string;
}

/** The storage service goes by the real time, whatever the engine's clock shows. */
function validity(): { startsOn: Date; expiresOn: Date } {
  const now = Date.now();
  return { startsOn: new Date(now - CLOCK_SKEW_MS), expiresOn: new Date(now + VALID_DAYS * DAY_MS) };
}

/** A SAS for a container and what is in it. `permissions` in the service's letters, such as `rwdl`. */
export function containerSas(account: AccountKey, containerName: string, permissions: string): string {
  const credential = new StorageSharedKeyCredential(account.accountName, account.accountKey);
  return generateBlobSASQueryParameters(
    { containerName, permissions: ContainerSASPermissions.parse(permissions), ...validity() },
    credential,
  ).toString();
}

export function queueSas(account: AccountKey, queueName: string, permissions: string): string {
  const credential = new QueueKeyCredential(account.accountName, account.accountKey);
  return generateQueueSASQueryParameters(
    { queueName, permissions: QueueSASPermissions.parse(permissions), ...validity() },
    credential,
  ).toString();
}

/** Query, add, update: what a client needs to write the first status and read the last. */
export function tableSas(account: AccountKey, tableName: string): string {
  const credential = new AzureNamedKeyCredential(account.accountName, account.accountKey);
  const permissions: TableSasPermissions = { query: true, add: true, update: true, delete: true };
  return generateTableSas(tableName, credential, { permissions, ...validity() });
}
