import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type DurableConfig, readDurableConfig } from './durable/config.js';
import { HostError } from './errors.js';
import { invalid, type Json, readConfigFile, reader, section } from './json-reader.js';
import { parseLogLevel } from './log.js';
import type { LogLevel } from './protocol.js';
import { parseTimeSpan } from './timespan.js';

/** `functionTimeout` when host.json names none, in ms: that of the Flex and Premium plans. */
const DEFAULT_FUNCTION_TIMEOUT_MS = 30 * 60_000;

/** Settings of `extensions.eventHubs`; names and defaults are those of extension 6. */
export interface EventHubsConfig {
  maxEventBatchSize: number;
  minEventBatchSize: number;
  maxWaitTimeMs: number;
  batchCheckpointFrequency: number;
  prefetchCount: number;
  enableCheckpointing: boolean;
  initialOffset: { type: 'fromStart' | 'fromEnd' | 'fromEnqueuedTime'; enqueuedTimeUtc?: string };
  partitionOwnershipExpirationMs: number;
  loadBalancingUpdateMs: number;
}

/** Longest wait between two looks into an empty queue when host.json names none, in ms: shorter than in Azure (1 min). */
const DEVELOPMENT_POLLING_MS = 2_000;

/** Settings of `extensions.queues`; names and defaults are those of storage extension 5. */
export interface QueuesConfig {
  batchSize: number;
  newBatchThreshold: number;
  maxPollingIntervalMs: number;
  visibilityTimeoutMs: number;
  maxDequeueCount: number;
  messageEncoding: 'base64' | 'none';
}

/** host.json, checked and with defaults filled in. */
export interface HostConfig {
  /** undefined = no limit (`-1` in host.json). */
  functionTimeoutMs: number | undefined;
  routePrefix: string;
  logLevels: Record<string, LogLevel>;
  eventHubs: EventHubsConfig;
  queues: QueuesConfig;
  durableTask: DurableConfig;
  /** Settings present in the file that this host does not apply; logged at start. */
  notApplied: string[];
}

/** Parts of host.json that have no meaning on one machine, so leaving them out changes nothing. */
const IRRELEVANT = new Set([
  'version',
  'extensionBundle',
  'logging',
  'functionTimeout',
  'extensions',
  '$schema',
]);
const KNOWN_EVENT_HUBS = new Set([
  'maxEventBatchSize',
  'minEventBatchSize',
  'maxWaitTime',
  'batchCheckpointFrequency',
  'prefetchCount',
  'enableCheckpointing',
  'initialOffsetOptions',
  'partitionOwnershipExpirationInterval',
  'loadBalancingUpdateInterval',
  'targetUnprocessedEventThreshold',
]);
const KNOWN_QUEUES = new Set([
  'batchSize',
  'newBatchThreshold',
  'maxPollingInterval',
  'visibilityTimeout',
  'maxDequeueCount',
  'messageEncoding',
]);

const MAX_BATCH_EVENTS = 100_000;

function readEventHubs(source: Json): EventHubsConfig {
  const path = 'extensions.eventHubs';
  const read = reader(source, path);
  const offsets = section(source, 'initialOffsetOptions', `${path}.initialOffsetOptions`);
  const maxEventBatchSize = read.integer('maxEventBatchSize', 100, [1, MAX_BATCH_EVENTS]);
  const minEventBatchSize = read.integer('minEventBatchSize', 1, [1, MAX_BATCH_EVENTS]);
  if (minEventBatchSize > maxEventBatchSize) {
    throw invalid(
      `${path}.minEventBatchSize`,
      minEventBatchSize,
      `at most maxEventBatchSize (${maxEventBatchSize})`,
    );
  }
  const type = reader(offsets, `${path}.initialOffsetOptions`).oneOf('type', 'fromStart', [
    'fromStart',
    'fromEnd',
    'fromEnqueuedTime',
  ] as const);
  const enqueuedTimeUtc = offsets['enqueuedTimeUtc'] as string | undefined;
  if (type === 'fromEnqueuedTime' && Number.isNaN(Date.parse(enqueuedTimeUtc ?? ''))) {
    throw invalid(`${path}.initialOffsetOptions.enqueuedTimeUtc`, enqueuedTimeUtc, 'an ISO date and time');
  }
  return {
    maxEventBatchSize,
    minEventBatchSize,
    maxWaitTimeMs: read.timeSpanMs('maxWaitTime', 60_000),
    batchCheckpointFrequency: read.integer('batchCheckpointFrequency', 1, [1, 1_000_000]),
    prefetchCount: read.integer('prefetchCount', 300, [0, 1_000_000]),
    enableCheckpointing: read.flag('enableCheckpointing', true),
    initialOffset: { type, enqueuedTimeUtc },
    partitionOwnershipExpirationMs: read.timeSpanMs('partitionOwnershipExpirationInterval', 60_000),
    loadBalancingUpdateMs: read.timeSpanMs('loadBalancingUpdateInterval', 30_000),
  };
}

function readQueues(source: Json): QueuesConfig {
  const read = reader(source, 'extensions.queues');
  const batchSize = read.integer('batchSize', 16, [1, 32]);
  return {
    batchSize,
    newBatchThreshold: read.integer('newBatchThreshold', Math.floor(batchSize / 2), [0, 1000]),
    maxPollingIntervalMs: read.timeSpanMs('maxPollingInterval', DEVELOPMENT_POLLING_MS),
    visibilityTimeoutMs: read.timeSpanMs('visibilityTimeout', 0),
    maxDequeueCount: read.integer('maxDequeueCount', 5, [1, 100_000]),
    messageEncoding: read.oneOf('messageEncoding', 'base64', ['base64', 'none'] as const),
  };
}

function readTimeout(value: unknown): number | undefined {
  if (value === undefined) return DEFAULT_FUNCTION_TIMEOUT_MS;
  if (value === '-1') return undefined;
  const ms = typeof value === 'string' ? parseTimeSpan(value) : undefined;
  if (!ms) throw invalid('functionTimeout', value, 'a time span such as "00:10:00", or "-1" for none');
  return ms;
}

function readLogLevels(logging: Json): Record<string, LogLevel> {
  const levels: Record<string, LogLevel> = {};
  for (const [category, value] of Object.entries(section(logging, 'logLevel', 'logging.logLevel'))) {
    const level = parseLogLevel(String(value));
    if (!level)
      throw invalid(
        `logging.logLevel.${category}`,
        value,
        'Trace, Debug, Information, Warning, Error, Critical or None',
      );
    levels[category === 'Default' ? 'default' : category] = level;
  }
  return levels;
}

function unknownKeys(source: Json, known: ReadonlySet<string>, path: string): string[] {
  return Object.keys(source)
    .filter((key) => !known.has(key))
    .map((key) => `${path}${key}`);
}

/**
 * Checks the content of host.json.
 * @throws HostError `config-invalid` with the path of the wrong value
 */
export function readHostConfig(document: unknown): HostConfig {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw invalid('the document', document, 'an object');
  }
  const root = document as Json;
  if (root['version'] !== '2.0') throw invalid('version', root['version'], '"2.0"');
  const extensions = section(root, 'extensions', 'extensions');
  const http = section(extensions, 'http', 'extensions.http');
  const eventHubs = section(extensions, 'eventHubs', 'extensions.eventHubs');
  const queues = section(extensions, 'queues', 'extensions.queues');
  const durableTask = readDurableConfig(section(extensions, 'durableTask', 'extensions.durableTask'));
  return {
    functionTimeoutMs: readTimeout(root['functionTimeout']),
    routePrefix: String(http['routePrefix'] ?? 'api').replace(/^\/+|\/+$/g, ''),
    logLevels: readLogLevels(section(root, 'logging', 'logging')),
    eventHubs: readEventHubs(eventHubs),
    queues: readQueues(queues),
    durableTask,
    notApplied: [
      ...unknownKeys(root, IRRELEVANT, ''),
      ...unknownKeys(extensions, new Set(['http', 'eventHubs', 'queues', 'durableTask']), 'extensions.'),
      ...unknownKeys(http, new Set(['routePrefix']), 'extensions.http.'),
      ...unknownKeys(eventHubs, KNOWN_EVENT_HUBS, 'extensions.eventHubs.'),
      ...unknownKeys(queues, KNOWN_QUEUES, 'extensions.queues.'),
      ...durableTask.notApplied,
    ],
  };
}

/**
 * Loads host.json of an app folder.
 * @throws HostError `app-not-found` when there is none, `config-invalid` when it is wrong
 */
export function loadHostConfig(appFolder: string): HostConfig {
  const path = join(appFolder, 'host.json');
  if (!existsSync(path)) {
    throw new HostError(
      'app-not-found',
      `${appFolder} is no function app: it has no host.json; pass the folder with --app`,
    );
  }
  return readConfigFile(path, readHostConfig);
}
