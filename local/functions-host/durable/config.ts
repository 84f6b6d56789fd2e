import { invalid, type Json, reader, section } from '../json-reader.js';

/** Settings of `extensions.durableTask` this host applies; names are those of the extension. */
export interface DurableConfig {
  hubName: string;
  /** Name of the setting that holds the storage connection string. */
  connectionName: string;
  partitionCount: number;
  maxConcurrentActivityFunctions: number;
  maxConcurrentOrchestratorFunctions: number;
  maxConcurrentEntityFunctions: number;
  maxEntityOperationBatchSize: number;
  maxOrchestrationActions: number;
  /** Longest wait between two looks into an empty queue, in ms. */
  maxQueuePollingMs: number;
  controlVisibilityMs: number;
  workItemVisibilityMs: number;
  /** How long a partition lease lives without renewal, in ms. */
  leaseMs: number;
  renewMs: number;
  overridableStates: 'AnyState' | 'NonRunningStates';
  /** Wait between looks at an HTTP resource that names no Retry-After, in ms. */
  httpPollMs: number;
  /** Settings in the file that have no effect here. */
  notApplied: string[];
}

const PATH = 'extensions.durableTask';
const TOP = new Set([
  'hubName',
  'storageProvider',
  'httpSettings',
  'maxConcurrentActivityFunctions',
  'maxConcurrentOrchestratorFunctions',
  'maxConcurrentEntityFunctions',
  'maxEntityOperationBatchSize',
  'maxOrchestrationActions',
  'overridableExistingInstanceStates',
]);
const STORAGE = new Set([
  'type',
  'connectionName',
  'connectionStringName',
  'partitionCount',
  'maxQueuePollingInterval',
  'controlQueueVisibilityTimeout',
  'workItemQueueVisibilityTimeout',
]);

/** Longest wait between looks into an empty queue when host.json names none, in ms: shorter than in Azure (30 s). */
const LOCAL_POLLING_MS = 1_000;
/** How long a message of a lost host stays hidden, in ms: shorter than in Azure (5 min). */
const LOCAL_VISIBILITY_MS = 10_000;
/** Life of a lease, in ms: the shortest a blob lease can have; Azure has 30 s. */
const LEASE_MS = 15_000;

const HUB_NAME = /^[A-Za-z][A-Za-z0-9]{2,44}$/;

function readHubName(value: unknown): string {
  if (value === undefined) return 'TestHubName';
  if (typeof value === 'string' && (HUB_NAME.test(value) || value.includes('%'))) return value;
  throw invalid(`${PATH}.hubName`, value, '3 to 45 letters and digits, a letter first');
}

function visibility(storage: Json, key: string): number {
  const path = `${PATH}.storageProvider`;
  const ms = reader(storage, path).timeSpanMs(key, LOCAL_VISIBILITY_MS);
  if (ms < 1_000) throw invalid(`${path}.${key}`, storage[key], 'one second or more');
  return ms;
}

function extras(source: Json, known: ReadonlySet<string>, path: string): string[] {
  return Object.keys(source)
    .filter((key) => !known.has(key))
    .map((key) => `${path}.${key}`);
}

/**
 * Reads `extensions.durableTask`.
 * @throws HostError `config-invalid` with the path of the wrong value, also for another backend than Azure Storage
 */
export function readDurableConfig(source: Json): DurableConfig {
  const read = reader(source, PATH);
  const storage = section(source, 'storageProvider', `${PATH}.storageProvider`);
  const readStorage = reader(storage, `${PATH}.storageProvider`);
  const http = section(source, 'httpSettings', `${PATH}.httpSettings`);
  readStorage.oneOf('type', 'AzureStorage', ['AzureStorage'] as const);
  return {
    hubName: readHubName(source['hubName']),
    connectionName: String(
      storage['connectionName'] ?? storage['connectionStringName'] ?? 'AzureWebJobsStorage',
    ),
    partitionCount: readStorage.integer('partitionCount', 4, [1, 16]),
    maxConcurrentActivityFunctions: read.integer('maxConcurrentActivityFunctions', 10, [1, 1_000]),
    maxConcurrentOrchestratorFunctions: read.integer('maxConcurrentOrchestratorFunctions', 10, [1, 1_000]),
    maxConcurrentEntityFunctions: read.integer('maxConcurrentEntityFunctions', 10, [1, 1_000]),
    maxEntityOperationBatchSize: read.integer('maxEntityOperationBatchSize', 50, [1, 10_000]),
    maxOrchestrationActions: read.integer('maxOrchestrationActions', 100_000, [1, 1_000_000]),
    maxQueuePollingMs: readStorage.timeSpanMs('maxQueuePollingInterval', LOCAL_POLLING_MS),
    controlVisibilityMs: visibility(storage, 'controlQueueVisibilityTimeout'),
    workItemVisibilityMs: visibility(storage, 'workItemQueueVisibilityTimeout'),
    leaseMs: LEASE_MS,
    renewMs: LEASE_MS / 3,
    overridableStates: read.oneOf('overridableExistingInstanceStates', 'NonRunningStates', [
      'AnyState',
      'NonRunningStates',
    ] as const),
    httpPollMs: reader(http, `${PATH}.httpSettings`).integer(
      'defaultAsyncRequestSleepTimeMilliseconds',
      30_000,
      [1, 86_400_000],
    ),
    notApplied: [
      ...extras(source, TOP, PATH),
      ...extras(storage, STORAGE, `${PATH}.storageProvider`),
      ...extras(http, new Set(['defaultAsyncRequestSleepTimeMilliseconds']), `${PATH}.httpSettings`),
    ],
  };
}
