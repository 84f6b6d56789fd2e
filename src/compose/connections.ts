import type { Config } from '../config/types.js';
import { createCredential } from '../kusto/auth.azure.js';
import { createKustoClient } from '../kusto/client.js';
import { createHttpClient } from '../kusto/http.js';
import { createMessageTransport } from '../kusto/message-transport.azure.js';
import type { KustoClient, QueuedIngestion, StreamingIngestion } from '../kusto/ports.js';
import { createQueuedIngestion } from '../kusto/queued.js';
import { createMessageIngestion } from '../kusto/queued-message.js';
import { createRestIngestion } from '../kusto/queued-rest.js';
import { createMessageResources } from '../kusto/resources.js';
import { createKustoSession } from '../kusto/session.azure.js';
import { createStreamingIngestion } from '../kusto/streaming.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/log.js';
import { createBlobStore } from '../storage/blob.azure.js';
import type { BlobStore, TableStore } from '../storage/ports.js';
import { createTableStore } from '../storage/table.azure.js';

export interface KustoConnections {
  readonly client: KustoClient;
  readonly queued: QueuedIngestion;
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

/** Everything that talks to the cluster; nothing is called until it is used. */
export function connectKusto({ config, clock, logger }: ConnectionParts): KustoConnections {
  const { kusto } = config;
  const logging = logger === undefined ? {} : { logger };
  const http = createHttpClient(proxyOf(config));
  const session = createKustoSession({ kusto, http, clock });
  const client = createKustoClient({ kusto, session, http, clock });
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
  const message = createMessageIngestion({
    resources: createMessageResources({ client, cacheMs, clock, ...logging }),
    transport: createMessageTransport(proxyOf(config)),
    clock,
  });
  return {
    client,
    queued: createQueuedIngestion({ rest, message, ...logging }),
    streaming: createStreamingIngestion({ engineUrl: kusto.engineUrl, http, authorize }),
  };
}

/** The account of staged blobs, ledger and dead letters. */
export function connectStorage({ config, clock }: ConnectionParts): StorageConnections {
  const { kusto, storage } = config;
  const auth =
    storage.clientId === undefined
      ? kusto.auth
      : { kind: 'managedIdentity' as const, clientId: storage.clientId };
  const credential =
    storage.connectionString === undefined
      ? createCredential({ auth, clock, ...proxyOf(config) })
      : undefined;
  const options = {
    storage,
    clock,
    ...proxyOf(config),
    ...(credential === undefined ? {} : { credential }),
  };
  return {
    blobs: createBlobStore(options),
    table: createTableStore({ ...options, table: storage.ledgerTable }),
  };
}
