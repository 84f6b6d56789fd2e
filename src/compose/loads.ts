import { defaultSource } from '../config/load-config.js';
import { blobAccountUrl } from '../config/storage-settings.js';
import type { Config, LoadStorageConfig } from '../config/types.js';
import { cutBody } from '../ingest/cut-body.js';
import { linkTtlMs } from '../ledger/settle-types.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/log.js';
import type { BlobStore } from '../storage/ports.js';
import { createAddressReader } from '../storage/sas-read.azure.js';
import { createDiagnosis } from '../transactional/diagnosis.js';
import { createLoads } from '../transactional/loads.js';
import { stagingPrefixOf } from '../transactional/names.js';
import type { LoadDeps } from '../transactional/ports.js';
import { createLoadReaper } from '../transactional/reaper.js';
import { createSourceStorage } from '../transactional/source-storage.js';
import { runStep } from '../transactional/steps/run-step.js';
import { createLoadStore } from '../transactional/store.js';
import { connectAccount, type KustoConnections, type StorageConnections } from './connections.js';

export interface LoadParts extends KustoConnections, StorageConnections {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly functionTimeoutMs: number;
}

/** Databases that this app may have staging tables in. */
function databasesOf(config: Config): readonly string[] {
  const patterns = config.http.tables.map((pattern) => pattern.slice(0, pattern.indexOf('.')));
  const named = [
    ...patterns.filter((database) => !database.includes('*')),
    ...config.tables.map(({ database }) => database),
    ...config.sources.map(({ route }) => route.database),
  ];
  return [...new Set(named)];
}

/** One client per account that loads read from, made with its first use. */
function storesOf(parts: LoadParts): (entry: LoadStorageConfig) => BlobStore {
  const stores = new Map<string, BlobStore>();
  return (entry) => {
    const store = stores.get(entry.accountUrl) ?? connectAccount(parts, entry.account ?? {});
    stores.set(entry.accountUrl, store);
    return store;
  };
}

function depsOf(parts: LoadParts): LoadDeps {
  const { config, clock, logger, blobs, table, client, trackedQueued, functionTimeoutMs } = parts;
  const { load, storage, http, kusto } = config;
  const limits = defaultSource('load', functionTimeoutMs).route;
  const proxy = kusto.proxyUrl === undefined ? {} : { proxyUrl: kusto.proxyUrl };
  return {
    clock,
    logger,
    blobs,
    store: createLoadStore({ table, clock }),
    kusto: client,
    queued: trackedQueued,
    sources: createSourceStorage({
      ...load,
      storeOf: storesOf(parts),
      byAddress: createAddressReader(proxy),
    }),
    cutBody: (request) => cutBody({ clock, blobs, limits, maxBodyBytes: http.maxBodyBytes }, request),
    stagingContainer: storage.stagingContainer,
    uploadContainer: http.uploadContainer,
    stagingPrefix: stagingPrefixOf(`${blobAccountUrl(storage)}/${storage.ledgerTable}`),
    limits: {
      maxSources: load.maxSources,
      maxExtentsPerMove: load.maxExtentsPerMove,
      linkTtlMs: linkTtlMs(Number.POSITIVE_INFINITY),
      keepMs: load.keepMs,
    },
  };
}

/** All-or-nothing loads: what the edges and the orchestration call. */
export function createLoadServices(parts: LoadParts) {
  const { config } = parts;
  const deps = depsOf(parts);
  const reaper = createLoadReaper(deps, { databases: databasesOf(config) });
  return {
    loads: createLoads(deps, { ...config.load, tables: config.http.tables }),
    runLoadStep: (progress: Parameters<typeof runStep>[1]) => runStep(deps, progress),
    diagnose: createDiagnosis(deps),
    reapLoads: reaper.reap,
    orphans: reaper.orphans,
  };
}
