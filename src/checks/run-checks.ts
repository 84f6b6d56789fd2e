import type { Config } from '../config/types.js';
import { showVersion } from '../kusto/commands.js';
import type { KustoClient, StreamingIngestion } from '../kusto/ports.js';
import type { BlobStore, TableStore } from '../storage/ports.js';
import { type Check, type CheckReport, failed, passed, report } from './codes.js';
import { readKustoState, rowsOf, told } from './kusto-state.js';
import type { NetworkProbe } from './network.js';
import {
  checkBatching,
  checkIngestor,
  checkMapping,
  checkStreaming,
  checkTable,
  type TableCheckContext,
  unreadable,
} from './table-checks.js';
import { type CheckTarget, targetsOf } from './targets.js';

export interface CheckDeps {
  readonly client: KustoClient;
  readonly blobs: BlobStore;
  readonly tables: TableStore;
  readonly network: NetworkProbe;
  /** Left out, the streaming flag of the cluster is not asked for. */
  readonly streaming?: StreamingIngestion;
  readonly newId: () => string;
}

/** Longest time for the answer to a first command. */
const versionTimeoutMs = 20_000;

async function checkNetwork(deps: CheckDeps, config: Config): Promise<Check[]> {
  const { engineUrl, ingestUrl, proxyUrl } = config.kusto;
  const { blobUrl, tableUrl } = config.storage;
  const urls = [engineUrl, ingestUrl, blobUrl, tableUrl].filter((url): url is string => url !== undefined);
  return Promise.all([...new Set(urls)].map((url) => deps.network.reach(url, proxyUrl)));
}

async function checkEngine(deps: CheckDeps): Promise<Check> {
  try {
    await deps.client.command('NetDefaultDB', showVersion, { timeoutMs: versionTimeoutMs });
    return passed('cluster', 'answers');
  } catch (error) {
    return failed('cluster', 'CLUSTER_FAILED', { message: told(error) });
  }
}

async function checkIngestEndpoint(deps: CheckDeps, config: Config): Promise<Check> {
  const name = 'ingest endpoint';
  try {
    const answer = await deps.client.ingestCommand('NetDefaultDB', showVersion, {
      timeoutMs: versionTimeoutMs,
    });
    const service = String(rowsOf(answer)[0]?.['servicetype'] ?? '');
    const { engineUrl, ingestUrl } = config.kusto;
    if (service === 'Engine' && engineUrl !== ingestUrl) {
      return failed(name, 'INGEST_ENDPOINT_WRONG', { message: `${ingestUrl} is an engine` });
    }
    return passed(name, 'answers');
  } catch (error) {
    return failed(name, 'INGEST_ENDPOINT_FAILED', { message: told(error) });
  }
}

async function probe(name: string, action: Promise<void>): Promise<Check> {
  try {
    await action;
    return passed(name, 'can be used');
  } catch (error) {
    return failed(name, 'STORAGE_FAILED', { message: told(error) });
  }
}

function checkStorage({ blobs, tables }: CheckDeps, config: Config): Promise<Check[]> {
  const { stagingContainer, ledgerTable } = config.storage;
  const takesHttp = config.http.tables.length > 0;
  const containers = [
    stagingContainer,
    config.deadLetter.container,
    ...(takesHttp ? [config.http.uploadContainer] : []),
  ];
  return Promise.all([
    ...[...new Set(containers)].map((container) => probe(`container ${container}`, blobs.probe(container))),
    probe(`table storage ${ledgerTable}`, tables.probe()),
  ]);
}

async function checkTarget(context: TableCheckContext, target: CheckTarget): Promise<Check[]> {
  const table = await checkTable(context, target).catch((error: unknown) =>
    unreadable(context, target, { error, code: 'DATABASE_FAILED' }),
  );
  const ingestor = await checkIngestor(context, target);
  if (!table.ok) {
    return [table, ingestor];
  }
  const looks = [
    () => checkMapping(context, target),
    () => checkStreaming(context, target),
    async () => [await checkBatching(context, target)],
  ];
  const rest: Check[] = [];
  for (const look of looks) {
    const found = await look().catch((error: unknown) => [
      unreadable(context, target, { error, code: 'CHECK_INCOMPLETE' }),
    ]);
    rest.push(...found);
  }
  return [table, ingestor, ...rest];
}

/** The same finding about a database or table is told once. */
function distinct(checks: readonly Check[]): Check[] {
  const seen = new Map(checks.map((check) => [`${check.name}\n${check.code}`, check]));
  return [...seen.values()];
}

/**
 * The start-up checks: network, cluster, ingest endpoint, storage, and for every table that data goes to: existence
 * (created with `CreateIfNotExist`), rights, mapping, streaming, batching. Throws nothing; what cannot be looked at
 * for want of Viewer is a warning.
 */
export async function runChecks(deps: CheckDeps, config: Config): Promise<CheckReport> {
  const network = await checkNetwork(deps, config);
  const [engine, ingest, storage] = await Promise.all([
    checkEngine(deps),
    checkIngestEndpoint(deps, config),
    checkStorage(deps, config),
  ]);
  const checks = [...network, engine, ingest, ...storage];
  if (engine.ok) {
    const { client, streaming, newId } = deps;
    const state = readKustoState(client);
    const context = { config, client, state, newId, ...(streaming === undefined ? {} : { streaming }) };
    for (const target of targetsOf(config)) {
      checks.push(...(await checkTarget(context, target)));
    }
  }
  return report(distinct(checks));
}
