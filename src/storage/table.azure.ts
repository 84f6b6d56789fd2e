import {
  TableClient,
  type TableEntity,
  type TableEntityResult,
  type TableServiceClientOptions,
} from '@azure/data-tables';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import { retry } from '../runtime/retry.js';
import {
  proxySettings,
  requireCredential,
  type StorageAccountOptions,
  storageRetryPolicy,
} from './account.azure.js';
import { classifyStorage, orUndefined, storageServiceCode } from './classify.js';
import type { Entity, TableStore } from './ports.js';

const PROBE_TIMEOUT_MS = 10_000;
const MAX_INT32 = 2 ** 31 - 1;

export interface TableStoreOptions extends StorageAccountOptions {
  readonly table: string;
  readonly clock: Clock;
}

/** One table of the account that `storage` names; made on first write. */
export function createTableStore(options: TableStoreOptions): TableStore {
  const client = openTable(options);
  const place = `table ${options.table}`;
  const classified = <T>(action: () => Promise<T>): Promise<T> =>
    action().catch((thrown: unknown) => {
      throw classifyStorage(thrown, place);
    });
  /** Conditional writes are tried once: repeating one whose answer was lost would report our own row as a conflict. */
  const write = <T>(action: () => Promise<T>, repeatable: boolean): Promise<T> =>
    retry(() => classified(() => withTable(client, action)), {
      clock: options.clock,
      policy: { ...storageRetryPolicy, maxAttempts: repeatable ? storageRetryPolicy.maxAttempts : 1 },
    });
  const read = <T>(action: () => Promise<T>): Promise<T> =>
    retry(() => classified(action), { clock: options.clock, policy: storageRetryPolicy });
  return {
    insert: (entity) =>
      write(async () => withEtag(entity, (await client.createEntity(toRow(entity))).etag), false),
    replace: (entity) =>
      write(async () => {
        if (entity.etag === undefined) throw new KfError('INTERNAL', `${place}: replace needs an ETag`);
        const answer = await client.updateEntity(toRow(entity), 'Replace', { etag: entity.etag });
        return withEtag(entity, answer.etag);
      }, false),
    upsert: (entity) =>
      write(async () => withEtag(entity, (await client.upsertEntity(toRow(entity), 'Replace')).etag), true),
    get: (partitionKey, rowKey) =>
      orUndefined(() => read(async () => toEntity(await client.getEntity(partitionKey, rowKey)))),
    delete: async (partitionKey, rowKey, etag) => {
      const condition = etag === undefined ? {} : { etag };
      await orUndefined(() => read(() => client.deleteEntity(partitionKey, rowKey, condition)));
    },
    list: (query) => listRows(client, place, query),
    probe: () =>
      write(async () => {
        const abortSignal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
        await client
          .listEntities({ queryOptions: { filter: "PartitionKey eq ''" }, abortSignal })
          .byPage({ maxPageSize: 1 })
          .next();
      }, true),
  };
}

function openTable(options: TableStoreOptions): TableClient {
  const { connectionString, tableUrl } = options.storage;
  const settings: TableServiceClientOptions = {
    retryOptions: { maxRetries: 0 },
    ...proxySettings(options.proxyUrl),
  };
  if (connectionString === undefined) {
    const [url, credential] = requireCredential(options, tableUrl, 'tableUrl');
    return new TableClient(url, options.table, credential, settings);
  }
  const insecure =
    /(^|;)\s*(UseDevelopmentStorage=true|DefaultEndpointsProtocol=http;|TableEndpoint=http:)/i.test(
      `${connectionString};`,
    );
  return TableClient.fromConnectionString(connectionString, options.table, {
    ...settings,
    allowInsecureConnection: insecure,
  });
}

/** Makes the table when the first write finds none. */
async function withTable<T>(client: TableClient, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (thrown) {
    if (storageServiceCode(thrown) !== 'TableNotFound') throw thrown;
    await client.createTable();
    return action();
  }
}

function withEtag(entity: Entity, etag: string | undefined): Entity {
  return etag === undefined ? entity : { ...entity, etag };
}

function toRow(entity: Entity): TableEntity {
  const row: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(entity.properties)) {
    if (value === undefined) continue;
    const isLargeNumber =
      typeof value === 'number' && !(Number.isInteger(value) && Math.abs(value) <= MAX_INT32);
    // A JSON number beyond 32 bits without a type is refused by the service.
    row[name] = isLargeNumber ? { value, type: 'Double' } : value;
  }
  return { ...row, partitionKey: entity.partitionKey, rowKey: entity.rowKey };
}

function toEntity(row: TableEntityResult<Record<string, unknown>>): Entity {
  const { partitionKey, rowKey, etag, timestamp: _timestamp, ...rest } = row;
  const properties: Record<string, Entity['properties'][string]> = {};
  for (const [name, value] of Object.entries(rest)) {
    if (name.startsWith('odata.')) continue;
    properties[name] =
      value instanceof Uint8Array ? new Uint8Array(value) : (value as string | number | boolean | bigint);
  }
  return { partitionKey: partitionKey ?? '', rowKey: rowKey ?? '', etag, properties };
}

async function* listRows(
  client: TableClient,
  place: string,
  query: Parameters<TableStore['list']>[0],
): AsyncGenerator<Entity> {
  const partition =
    query.partitionKey === undefined
      ? undefined
      : `PartitionKey eq '${query.partitionKey.replaceAll("'", "''")}'`;
  const parts = [partition, query.filter && partition ? `(${query.filter})` : query.filter].filter(
    (part) => part !== undefined,
  );
  try {
    const rows = client.listEntities<Record<string, unknown>>({
      ...(parts.length === 0 ? {} : { queryOptions: { filter: parts.join(' and ') } }),
      ...(query.signal === undefined ? {} : { abortSignal: query.signal }),
    });
    for await (const row of rows) yield toEntity(row);
  } catch (thrown) {
    if (storageServiceCode(thrown) !== 'TableNotFound') throw classifyStorage(thrown, place);
  }
}
