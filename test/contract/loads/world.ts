import { randomUUID } from 'node:crypto';
import { createIngestionService } from '../../../local/kusto/dm/service.js';
import { createQueryEngine } from '../../../local/kusto/query/engine.js';
import { type KustoServer, startKustoServer } from '../../../local/kusto/server/server.js';
import { openStorage } from '../../../local/kusto/server/storage.js';
import type { StorageAccount } from '../../../local/kusto/server/types.js';
import { createMessageTransport } from '../../../src/kusto/message-transport.azure.js';
import type { QueuedIngestion } from '../../../src/kusto/ports.js';
import { createQueuedIngestion } from '../../../src/kusto/queued.js';
import { createMessageIngestion } from '../../../src/kusto/queued-message.js';
import { createRestIngestion } from '../../../src/kusto/queued-rest.js';
import { createMessageResources } from '../../../src/kusto/resources.js';
import { type Row, rowsOf } from '../../../src/kusto/rows.js';
import type { Clock } from '../../../src/runtime/clock.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { createBlobStore } from '../../../src/storage/blob.azure.js';
import { createTableStore } from '../../../src/storage/table.azure.js';
import { createLoads, type Loads } from '../../../src/transactional/loads.js';
import { stagingPrefixOf } from '../../../src/transactional/names.js';
import type { LoadDeps, LoadStarter } from '../../../src/transactional/ports.js';
import { createSourceStorage } from '../../../src/transactional/source-storage.js';
import { runStep } from '../../../src/transactional/steps/run-step.js';
import { progressOf } from '../../../src/transactional/steps/types.js';
import { createLoadStore } from '../../../src/transactional/store.js';
import type { LoadStep } from '../../../src/transactional/types.js';
import type { LoadDetails } from '../../../src/transactional/view.js';
import { Orchestration } from '../../crash/loads/driver.js';
import { kustoParts } from '../../helpers/kusto-parts.js';

const DATABASE = 'Db';
const CONTAINER = 'data';
/** The service works in its own time: it is given a little of the real one at every wait. */
const PAUSE_MS = 20;

export interface RunOptions {
  /** Called just before each step. */
  readonly before?: (step: LoadStep) => Promise<void>;
  /** Queued ingestion the older way, as on a cluster without the REST API. */
  readonly isOlder?: boolean;
  readonly maxExtentsPerMove?: number;
}

/** A local Kusto with its storage, and the adapters of the app: everything but the Functions host. */
export interface World {
  /** Rows of a command. */
  run(text: string): Promise<Row[]>;
  query(text: string): Promise<Row[]>;
  fault(rule: object): Promise<void>;
  /** Hits of all faults. */
  hits(): Promise<number>;
  clearFaults(): Promise<void>;
  /** Puts blobs `NAME/0`, `NAME/1` … of so many rows; the prefix they lie under. */
  put(name: string, rows: readonly number[]): Promise<string>;
  /** Runs a load to its end. */
  load(request: object, options?: RunOptions): Promise<LoadDetails>;
  /** Names of staging tables that are left. */
  staging(): Promise<string[]>;
  stop(): Promise<void>;
}

function connectionStringOf({ accountName, accountKey, direct }: StorageAccount): string {
  return [
    `DefaultEndpointsProtocol=http;AccountName=${accountName};AccountKey=${accountKey}`,
    `BlobEndpoint=${direct.blob};QueueEndpoint=${direct.queue};TableEndpoint=${direct.table};`,
  ].join(';');
}

async function startServer(refusesMoves: boolean): Promise<KustoServer> {
  return startKustoServer({
    port: 0,
    queryEngine: createQueryEngine(),
    databases: [DATABASE],
    ingestion: createIngestionService,
    storage: (parts) => openStorage({ port: 0 }, parts),
    refusesMoves,
  });
}

export async function openWorld({ refusesMoves = false } = {}): Promise<World> {
  const server = await startServer(refusesMoves);
  const account = server.storage as StorageAccount;
  const storage = {
    ...{ connectionString: connectionStringOf(account), stagingContainer: 'staging', ledgerTable: 'loads' },
  };
  const blobs = createBlobStore({ storage, clock: systemClock });
  const table = createTableStore({ storage, clock: systemClock, table: 'loads' });
  const parts = kustoParts(server.url);
  const admin = async (method: string, path: string, body?: object): Promise<unknown> => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${server.admin}${path}`, { method, ...sent });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };
  const clock = jumpingClock(async (delayMs) => {
    const { id } = (await admin('POST', '/faults', { target: 'clock', action: 'advance', delayMs })) as {
      id: string;
    };
    await admin('DELETE', `/faults/${id}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  });
  const shared = { blobs, table, clock, client: parts.client, accountUrl: account.direct.blob };
  const ingestion = ingestionOf(server, parts);
  const run = async (text: string) => rowsOf(await parts.client.command(DATABASE, text));
  return {
    run,
    query: async (text) => rowsOf(await parts.client.query(DATABASE, text)),
    fault: async (rule) => {
      await admin('POST', '/faults', rule);
    },
    hits: async () =>
      ((await admin('GET', '/faults')) as { hits: number }[]).reduce((sum, { hits }) => sum + hits, 0),
    clearFaults: async () => {
      await admin('DELETE', '/faults');
    },
    put: async (name, rows) => {
      let from = 1;
      for (const [index, count] of rows.entries()) {
        const lines = Array.from({ length: count }, (_, n) => `${from + n},${name}\n`);
        await blobs.put(CONTAINER, `${name}/${index}.csv`, Buffer.from(lines.join('')));
        from += count;
      }
      return `${account.direct.blob}/${CONTAINER}/${name}/`;
    },
    load: (request, options = {}) => runLoadOf(shared, ingestion, request, options),
    staging: async () =>
      (await run('.show tables with (IncludeHiddenTables=true) | project TableName'))
        .map((row) => String(row['tablename']))
        .filter((name) => name.startsWith('kf_load_')),
    stop: () => server.stop(),
  };
}

interface Shared {
  readonly blobs: LoadDeps['blobs'];
  readonly table: Parameters<typeof createLoadStore>[0]['table'];
  readonly clock: JumpingClock;
  readonly client: LoadDeps['kusto'];
  readonly accountUrl: string;
}

interface Ingestion {
  readonly newer: QueuedIngestion;
  readonly older: QueuedIngestion;
}

interface JumpingClock extends Clock {
  jump(toMs: number): Promise<void>;
}

/** The real time, and what was waited for; the cluster's clock goes with it. */
function jumpingClock(advance: (ms: number) => Promise<void>): JumpingClock {
  let aheadMs = 0;
  const now = (): number => Date.now() + aheadMs;
  const jump = async (toMs: number): Promise<void> => {
    const byMs = Math.max(1, Math.round(toMs - now()));
    aheadMs += byMs;
    await advance(byMs);
  };
  return { ...systemClock, now, jump, sleep: (ms) => jump(now() + ms) };
}

function ingestionOf(
  server: KustoServer,
  { client, http, session }: ReturnType<typeof kustoParts>,
): Ingestion {
  const common = { clock: systemClock, cacheMs: 3_600_000 };
  const rest = createRestIngestion({
    ...{ ...common, ingestUrl: server.url, http, authorize: session.authorize },
  });
  const message = createMessageIngestion({
    resources: createMessageResources({ client, ...common }),
    ...{ transport: createMessageTransport(), clock: systemClock, reporting: 'all' },
  });
  return {
    newer: createQueuedIngestion({ rest, message }),
    older: createQueuedIngestion({ rest: { ...rest, isSupported: async () => false }, message }),
  };
}

function depsOf(shared: Shared, queued: QueuedIngestion, maxExtentsPerMove: number): LoadDeps {
  const { blobs, table, clock, client, accountUrl } = shared;
  const silent = () => undefined;
  const logger = { debug: silent, info: silent, warn: silent, error: silent };
  return {
    ...{ clock, logger, blobs, queued, kusto: client },
    store: createLoadStore({ table, clock }),
    sources: createSourceStorage({
      storage: [{ accountUrl, access: 'account' }],
      allowSas: false,
      storeOf: () => blobs,
      byAddress: {} as never,
    }),
    cutBody: () => Promise.reject(new Error('no uploads here')),
    ...{
      stagingContainer: 'staging',
      uploadContainer: 'uploads',
      stagingPrefix: stagingPrefixOf(accountUrl),
    },
    limits: { maxSources: 100, maxExtentsPerMove, linkTtlMs: 3_600_000, keepMs: 86_400_000 },
  };
}

async function runLoadOf(
  shared: Shared,
  { newer, older }: Ingestion,
  request: object,
  { before, isOlder = false, maxExtentsPerMove = 1_000 }: RunOptions,
): Promise<LoadDetails> {
  const deps = depsOf(shared, isOlder ? older : newer, maxExtentsPerMove);
  const { clock, accountUrl } = shared;
  const orchestration = new Orchestration({
    now: clock.now,
    sleepUntil: clock.jump,
    activity: async (progress) => {
      await before?.(progress.step);
      return JSON.stringify(await runStep(deps, progress));
    },
  });
  const starter: LoadStarter = {
    start: async (load) => orchestration.start(progressOf(load)),
    wake: async () => orchestration.raise(),
    state: async () => 'running',
  };
  const rules = { storage: [{ accountUrl, access: 'account' as const }], allowSas: false };
  const loads: Loads = createLoads(deps, { ...rules, tables: [`${DATABASE}.*`] });
  const body = { requestId: randomUUID(), database: DATABASE, format: 'csv', ...request };
  const { id } = await loads.start(body, starter);
  await orchestration.run();
  return loads.details(id, { limit: 100 });
}
