import { cutBody } from '../../../src/ingest/cut-body.js';
import type { KustoClient, KustoTable } from '../../../src/kusto/ports.js';
import { uploadBlobName } from '../../../src/ledger/ids.js';
import type { Clock } from '../../../src/runtime/clock.js';
import { KfError } from '../../../src/runtime/errors.js';
import { createJsonLogger } from '../../../src/runtime/log.js';
import type { BlobStore, TableStore } from '../../../src/storage/ports.js';
import { createLoads, type Loads } from '../../../src/transactional/loads.js';
import { stagingPrefixOf } from '../../../src/transactional/names.js';
import type { LoadDeps, LoadStarter, SourceStorage } from '../../../src/transactional/ports.js';
import { createLoadReaper, type LoadReaper } from '../../../src/transactional/reaper.js';
import { createSourceStorage } from '../../../src/transactional/source-storage.js';
import { runStep } from '../../../src/transactional/steps/run-step.js';
import type { LoadProgress, StepAnswer } from '../../../src/transactional/steps/types.js';
import { createLoadStore } from '../../../src/transactional/store.js';
import type { ManualClock } from '../../helpers/manual-clock.js';
import {
  createMemoryBlobStore,
  createMemoryTableStore,
  type MemoryBlobStore,
  type MemoryTableStore,
} from '../../helpers/memory-stores.js';
import { DATABASE, type LocalEngine } from './engine.js';
import { type FaultPlan, type Life, withFaults } from './faults.js';
import { COLUMNS, type Path } from './paths.js';
import { createIngestionDouble, type IngestionDouble } from './service.js';

/** Of all signatures of the tests: whoever finds it where it must not be has found a leak. */
export const CANARY = 'canary';
const CALLER_SAS = 'sv=2024-01-01&sp=r&sig=canary-caller';
export const STAGING = 'staging';
export const UPLOADS = 'uploads';
export const STAGING_PREFIX = stagingPrefixOf('https://memory.invalid/ledger');
const UPLOAD_ID = '11111111-2222-4333-8444-555555555555';
const ACCOUNT = 'https://acct.blob.core.windows.net';
const STORAGE = [
  { accountUrl: ACCOUNT, container: 'sas', access: 'sas' },
  { accountUrl: ACCOUNT, container: 'src', access: 'account' },
] as const;
/** Rows that are in the target before. */
export const BEFORE = [1001, 1002];
/** Rows of the sources. */
export const WANTED = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

export interface Names {
  readonly id: string;
  readonly table: string;
  readonly temp: string;
}

/** What outlives processes in one cell: stores, the service, the cluster, and what was seen. */
export interface Site {
  readonly names: Names;
  readonly path: Path;
  readonly clock: ManualClock;
  readonly engine: LocalEngine;
  readonly service: IngestionDouble;
  readonly own: MemoryBlobStore;
  readonly table: MemoryTableStore;
  readonly logs: readonly string[];
  /** Places where something secret was written. */
  readonly leaks: readonly string[];
  /** A command of somebody else. */
  outside(text: string): Promise<void>;
  process(plan: FaultPlan, life: Life, starter: LoadStarter): Process;
}

/** A process of the app: everything it calls is numbered and under its plan. */
export interface Process {
  readonly loads: Loads;
  readonly reaper: LoadReaper;
  readonly deps: LoadDeps;
  readonly starter: LoadStarter;
  step(progress: LoadProgress): Promise<StepAnswer>;
}

const csv = (from: number, to: number): Buffer =>
  Buffer.from(Array.from({ length: to - from + 1 }, (_, n) => `${from + n},row ${from + n}\n`).join(''));

/** Ten rows: a blob with a SAS, a prefix of three blobs, and an upload. */
export function requestOf({ path, names }: Pick<Site, 'path' | 'names'>): object {
  return {
    requestId: names.id,
    database: DATABASE,
    table: names.table,
    format: 'csv',
    sources: [
      { url: `${ACCOUNT}/sas/a.csv?${CALLER_SAS}`, rows: 3 },
      { prefix: `${ACCOUNT}/src/p/` },
      { upload: UPLOAD_ID },
    ],
    expectedRows: WANTED.length,
    tags: { additional: ['note'], ingestBy: ['morning'] },
    ...path.request?.(names),
  };
}

interface Stores {
  readonly own: MemoryBlobStore;
  readonly source: MemoryBlobStore;
  readonly table: MemoryTableStore;
}

async function fill({ own, source }: Stores, { table }: Names): Promise<void> {
  await source.put('sas', 'a.csv', csv(1, 3));
  for (const [name, from, to] of [
    ['p/1.csv', 4, 5],
    ['p/2.csv', 6, 6],
    ['p/3.csv', 7, 7],
  ] as const) {
    await source.put('src', name, csv(from, to));
  }
  await own.put(UPLOADS, uploadBlobName(DATABASE, table, UPLOAD_ID), csv(8, 10));
}

async function makeTables({ client }: LocalEngine, path: Path, { table, temp }: Names): Promise<void> {
  const columns = Object.entries(COLUMNS)
    .map(([name, type]) => `${name}:${type}`)
    .join(', ');
  const commands = [
    ...(path.hasTarget === false
      ? []
      : [
          `.create table ${table} (${columns})`,
          `.ingest inline into table ${table} <| ${BEFORE.map((n) => `${n},before`).join('\n')}`,
        ]),
    ...(path.usesTemp === true ? [`.create table ${temp} (${columns})`] : []),
  ];
  for (const text of commands) await client.command(DATABASE, text);
}

const text = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item)) ?? '';

/** The same port, with a look at what it is given. */
function watched<T extends object>(port: T, look: (key: string, args: readonly unknown[]) => void): T {
  return new Proxy(port, {
    get: (target, key) => {
      const member = Reflect.get(target, key) as unknown;
      if (typeof member !== 'function' || typeof key !== 'string') return member;
      return (...args: unknown[]) => {
        look(key, args);
        return (member as (...all: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

interface SiteOptions {
  readonly path: Path;
  readonly names: Names;
  readonly clock: ManualClock;
  readonly engine: LocalEngine;
}

export async function openSite({ path, names, clock, engine }: SiteOptions): Promise<Site> {
  const stores: Stores = {
    own: createMemoryBlobStore(clock),
    source: createMemoryBlobStore(clock),
    table: createMemoryTableStore(),
  };
  const leaks: string[] = [];
  const logs: string[] = [];
  const look = (port: string) => (key: string, args: readonly unknown[]) => {
    const isKept = port === 'blob' && String(args[1]).endsWith('secrets.json');
    const body =
      port === 'blob' && args[2] instanceof Uint8Array ? Buffer.from(args[2]).toString() : text(args);
    if (!isKept && body.includes(CANARY)) leaks.push(`${port}.${key} ${body.slice(0, 300)}`);
  };
  await fill(stores, names);
  await makeTables(engine, path, names);
  const service = createIngestionDouble({
    engine: engine.client,
    resolve: (url) => stores.own.resolve(url) ?? stores.source.resolve(url),
    manners: path.manners?.(names) ?? {},
  });
  const raw = {
    kusto: watched(mannersOf(engine, path, names), look('kusto')),
    own: watched(stores.own, look('blob')),
    table: watched(stores.table, look('table')),
    sources: sourcesOf(stores.source),
  };
  const logger = createJsonLogger({ level: 'debug', clock, write: (line) => logs.push(line) });
  const site: Site = {
    ...{ names, path, clock, engine, service, leaks, logs },
    ...{ own: stores.own, table: stores.table },
    outside: async (command) => {
      await engine.client.command(DATABASE, command);
    },
    process: (plan, life, starter) =>
      processOf(
        depsOf({ ...raw, queued: service }, { plan, life, clock, logger, path }),
        withFaults(starter, 'starter', { plan, life }),
      ),
  };
  await path.prepare?.(site);
  return site;
}

/** What the cluster of a path does otherwise than others: it throttles, or fails from a certain move on. */
function mannersOf({ client, faults }: LocalEngine, path: Path, { table }: Names): KustoClient {
  let moves = 0;
  let throttled = 0;
  const refuse = (text: string): void => {
    if (!text.startsWith('.move async')) return;
    if (throttled++ < (path.throttlesCommits ?? 0)) throw new KfError('KUSTO_THROTTLED', 'too many requests');
    if (moves++ !== path.failsMovesAfter) return;
    faults.add({ target: 'operation', match: `/^ExtentsMove.*${table}\\b/`, action: 'fail', times: 20 });
  };
  const command: KustoClient['command'] = async (database, text, options) => {
    refuse(text);
    const answer = await client.command(database, text, options);
    return path.saysThrottled === true && text.startsWith('.show operations') ? asThrottled(answer) : answer;
  };
  return { ...client, command };
}

const asThrottled = (answer: KustoTable): KustoTable => ({
  ...answer,
  rows: answer.rows.map((row) => row.map((cell) => (cell === 'Failed' ? 'Throttled' : cell))),
});

function sourcesOf(source: MemoryBlobStore): SourceStorage {
  const split = (path: string): [string, string] => {
    const [, container = '', ...rest] = decodeURIComponent(path).split('/');
    return [container, rest.join('/')];
  };
  return createSourceStorage({
    storage: STORAGE,
    allowSas: true,
    storeOf: () => source,
    byAddress: {
      facts: (url) => source.facts(...split(new URL(url.reveal()).pathname)),
      range: (url, from, to) => source.range(...split(new URL(url.reveal()).pathname), from, to),
      list: (url, prefix) => source.list(split(new URL(url.reveal()).pathname)[0], prefix),
    },
  });
}

interface RawPorts {
  readonly kusto: KustoClient;
  readonly own: BlobStore;
  readonly table: TableStore;
  readonly sources: SourceStorage;
  readonly queued: IngestionDouble;
}

interface DepsOptions {
  readonly plan: FaultPlan;
  readonly life: Life;
  readonly clock: Clock;
  readonly logger: LoadDeps['logger'];
  readonly path: Path;
}

function depsOf(raw: RawPorts, { plan, life, clock, logger, path }: DepsOptions): LoadDeps {
  const under = { plan, life };
  const blobs = withFaults(raw.own, 'blob', under);
  const cutDeps = {
    ...{ clock, blobs, maxBodyBytes: 10_000_000 },
    limits: { maxRecordBytes: 1_000_000, maxInflateRatio: 100 },
  };
  const { cutBytes } = path;
  return {
    ...{ clock, logger, blobs, stagingPrefix: STAGING_PREFIX },
    store: createLoadStore({ table: withFaults(raw.table, 'table', under), clock }),
    kusto: withFaults(raw.kusto, 'kusto', under),
    queued: withFaults(raw.queued, 'queued', under),
    sources: withFaults(raw.sources, 'sources', under),
    cutBody: (request) =>
      cutBody(cutDeps, cutBytes === undefined ? request : { ...request, blobBytes: cutBytes }),
    stagingContainer: STAGING,
    uploadContainer: UPLOADS,
    limits: {
      ...{ maxSources: 100, maxExtentsPerMove: 1_000, linkTtlMs: 86_400_000, keepMs: 30 * 86_400_000 },
      ...path.limits,
    },
  };
}

function processOf(deps: LoadDeps, starter: LoadStarter): Process {
  return {
    deps,
    starter,
    loads: createLoads(deps, { tables: [`${DATABASE}.*`], storage: STORAGE, allowSas: true }),
    reaper: createLoadReaper(deps, { databases: [DATABASE] }),
    step: (progress) => runStep(deps, progress),
  };
}
