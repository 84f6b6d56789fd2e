import type { Config } from '../config/types.js';
import { showVersion } from '../kusto/commands.js';
import type { KustoClient, StreamingIngestion } from '../kusto/ports.js';
import { rowsOf } from '../kusto/rows.js';
import { type ErrorCode, errorCodes } from '../runtime/error-codes.js';
import { KfError } from '../runtime/errors.js';
import type { BlobStore, TableStore } from '../storage/ports.js';
import { type Check, type CheckCode, type CheckReport, failed, passed, report } from './codes.js';
import { readKustoState, told } from './kusto-state.js';
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

/** A check, and the code of the error behind it, by which failures of one cause are told once. */
interface Found {
  readonly check: Check;
  readonly cause?: ErrorCode;
}

/** What the error itself says to do is nearer to the cause than the general fix of the check. */
function failure(name: string, code: CheckCode, error: unknown): Found {
  const message = told(error);
  if (!(error instanceof KfError)) {
    return { check: failed(name, code, { message }) };
  }
  return { check: failed(name, code, { message, fix: errorCodes[error.code].fix }), cause: error.code };
}

async function checkEngine(deps: CheckDeps): Promise<Found> {
  try {
    await deps.client.command('NetDefaultDB', showVersion, { timeoutMs: versionTimeoutMs });
    return { check: passed('cluster', 'answers') };
  } catch (error) {
    return failure('cluster', 'CLUSTER_FAILED', error);
  }
}

async function checkIngestEndpoint(deps: CheckDeps, config: Config): Promise<Found> {
  const name = 'ingest endpoint';
  try {
    const answer = await deps.client.ingestCommand('NetDefaultDB', showVersion, {
      timeoutMs: versionTimeoutMs,
    });
    const service = String(rowsOf(answer)[0]?.['servicetype'] ?? '');
    const { engineUrl, ingestUrl } = config.kusto;
    if (service === 'Engine' && engineUrl !== ingestUrl) {
      return { check: failed(name, 'INGEST_ENDPOINT_WRONG', { message: `${ingestUrl} is an engine` }) };
    }
    return { check: passed(name, 'answers') };
  } catch (error) {
    const { check, cause } = failure(name, 'INGEST_ENDPOINT_FAILED', error);
    const general = failed(name, 'INGEST_ENDPOINT_FAILED', { message: check.message });
    return { check: general, ...(cause === undefined ? {} : { cause }) };
  }
}

/** Both endpoints; none that the network already failed to reach, and the second only when it fails in its own way. */
async function checkEndpoints(
  deps: CheckDeps,
  config: Config,
  network: readonly Check[],
): Promise<readonly Check[]> {
  const { engineUrl, ingestUrl } = config.kusto;
  const isReached = (url: string): boolean =>
    network.find(({ name }) => name === `network ${new URL(url).host}`)?.ok !== false;
  const [engine, ingest] = await Promise.all([
    isReached(engineUrl) ? checkEngine(deps) : undefined,
    isReached(ingestUrl) ? checkIngestEndpoint(deps, config) : undefined,
  ]);
  const isSame = ingest?.cause !== undefined && ingest.cause === engine?.cause;
  return [engine, isSame ? undefined : ingest].flatMap((found) => (found === undefined ? [] : [found.check]));
}

async function probe(name: string, action: Promise<void>): Promise<Found> {
  try {
    await action;
    return { check: passed(name, 'can be used') };
  } catch (error) {
    return failure(name, 'STORAGE_FAILED', error);
  }
}

async function checkStorage({ blobs, tables }: CheckDeps, config: Config): Promise<readonly Check[]> {
  const { stagingContainer, ledgerTable } = config.storage;
  const takesHttp = config.http.tables.length > 0;
  const containers = [
    stagingContainer,
    config.deadLetter.container,
    ...(takesHttp ? [config.http.uploadContainer] : []),
  ];
  const found = await Promise.all([
    ...[...new Set(containers)].map((container) => probe(`container ${container}`, blobs.probe(container))),
    probe(`table storage ${ledgerTable}`, tables.probe()),
  ]);
  // An account that cannot be reached is one failure, not one per container.
  const unreached = found.find(({ cause }) => cause === 'STORAGE_UNREACHABLE');
  return found
    .filter((one) => one.cause !== 'STORAGE_UNREACHABLE' || one === unreached)
    .map(({ check }) => check);
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
  const [endpoints, storage] = await Promise.all([
    checkEndpoints(deps, config, network),
    checkStorage(deps, config),
  ]);
  const checks = [...network, ...endpoints, ...storage];
  if (endpoints.some(({ name, ok }) => name === 'cluster' && ok)) {
    const { client, streaming, newId } = deps;
    const state = readKustoState(client);
    const context = { config, client, state, newId, ...(streaming === undefined ? {} : { streaming }) };
    for (const target of targetsOf(config)) {
      checks.push(...(await checkTarget(context, target)));
    }
  }
  return report(distinct(checks));
}
