import type { TokenCredential } from '@azure/identity';
import type { StorageAccount } from '../config/storage-settings.js';
import type { AuthConfig, Config } from '../config/types.js';
import { createHttpClient, type HttpClient } from '../kusto/http.js';
import type { MessageTransport } from '../kusto/message-transport.azure.js';
import type { KustoClient, QueuedIngestion, StreamingIngestion } from '../kusto/ports.js';
import { createQueuedIngestion } from '../kusto/queued.js';
import { createMessageIngestion } from '../kusto/queued-message.js';
import { createRestIngestion } from '../kusto/queued-rest.js';
import { createMessageResources } from '../kusto/resources.js';
import type { KustoSession } from '../kusto/session.azure.js';
import { createStreamingIngestion } from '../kusto/streaming.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/log.js';
import { createBlobStore } from '../storage/blob.azure.js';
import type { BlobStore, TableStore } from '../storage/ports.js';
import { createTableStore } from '../storage/table.azure.js';

export interface KustoConnections {
  readonly client: KustoClient;
  readonly queued: QueuedIngestion;
  /** The same, reporting successes too where the older way is used: for callers that wait for the outcome. */
  readonly trackedQueued: QueuedIngestion;
  readonly streaming: StreamingIngestion;
}

export interface StorageConnections {
  readonly blobs: BlobStore;
  readonly table: TableStore;
}

export interface ConnectionParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger?: Logger;
}

const proxyOf = ({ kusto }: Config): { proxyUrl?: string } =>
  kusto.proxyUrl === undefined ? {} : { proxyUrl: kusto.proxyUrl };

/** Loads a module with its first use, once; the SDKs behind these are most of the app's start otherwise. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined;
  return () => {
    loading ??= load();
    return loading;
  };
}

function lazySession(parts: ConnectionParts, http: HttpClient): KustoSession {
  const open = once(async () => {
    const { createKustoSession } = await import('../kusto/session.azure.js');
    return createKustoSession({ kusto: parts.config.kusto, http, clock: parts.clock });
  });
  return {
    authorize: async (url) => (await open()).authorize(url),
    credential: async () => (await open()).credential(),
  };
}

function lazyClient(parts: ConnectionParts, session: KustoSession, http: HttpClient): KustoClient {
  const open = once(async () => {
    const { createKustoClient } = await import('../kusto/client.js');
    return createKustoClient({ kusto: parts.config.kusto, session, http, clock: parts.clock });
  });
  return {
    command: async (...call) => (await open()).command(...call),
    query: async (...call) => (await open()).query(...call),
    ingestCommand: async (...call) => (await open()).ingestCommand(...call),
  };
}

function lazyTransport(config: Config): MessageTransport {
  const open = once(async () => {
    const { createMessageTransport } = await import('../kusto/message-transport.azure.js');
    return createMessageTransport(proxyOf(config));
  });
  return {
    enqueue: async (...call) => (await open()).enqueue(...call),
    readStatus: async (...call) => (await open()).readStatus(...call),
  };
}

function lazyCredential(parts: ConnectionParts, auth: AuthConfig): TokenCredential {
  const open = once(async () => {
    const { createCredential } = await import('../kusto/auth.azure.js');
    return createCredential({ auth, clock: parts.clock, ...proxyOf(parts.config) });
  });
  return { getToken: async (...call) => (await (await open())?.getToken(...call)) ?? null };
}

/** Everything that talks to the cluster; nothing is loaded or called until it is used. */
export function connectKusto(parts: ConnectionParts): KustoConnections {
  const { config, clock, logger } = parts;
  const { kusto } = config;
  const logging = logger === undefined ? {} : { logger };
  const http = createHttpClient(proxyOf(config));
  const session = lazySession(parts, http);
  const client = lazyClient(parts, session, http);
  const { authorize } = session;
  const cacheMs = kusto.resourceCacheMs;
  const rest = createRestIngestion({
    ingestUrl: kusto.ingestUrl,
    http,
    authorize,
    clock,
    cacheMs,
    ...logging,
  });
  const older = {
    resources: createMessageResources({ client, cacheMs, clock, ...logging }),
    transport: lazyTransport(config),
    clock,
  };
  const queuedWith = (reporting: 'failures' | 'all'): QueuedIngestion =>
    createQueuedIngestion({ rest, message: createMessageIngestion({ ...older, reporting }), ...logging });
  return {
    client,
    queued: queuedWith('failures'),
    trackedQueued: queuedWith('all'),
    streaming: createStreamingIngestion({ engineUrl: kusto.engineUrl, http, authorize }),
  };
}

/** What a client of an account needs: the identity where there is no key. */
function accountOptions(parts: ConnectionParts, account: StorageAccount) {
  const { config, clock } = parts;
  const auth: AuthConfig =
    account.clientId === undefined
      ? config.kusto.auth
      : { kind: 'managedIdentity', clientId: account.clientId };
  const needsToken = account.connectionString === undefined && auth.kind !== 'none';
  return {
    storage: account,
    clock,
    ...proxyOf(config),
    ...(needsToken ? { credential: lazyCredential(parts, auth) } : {}),
  };
}

/** The blobs of another account. */
export function connectAccount(parts: ConnectionParts, account: StorageAccount): BlobStore {
  return createBlobStore(accountOptions(parts, account));
}

/** The account of staged blobs, ledger and dead letters. */
export function connectStorage(parts: ConnectionParts): StorageConnections {
  const { storage } = parts.config;
  const options = accountOptions(parts, storage);
  return {
    blobs: createBlobStore(options),
    table: createTableStore({ ...options, table: storage.ledgerTable }),
  };
}
