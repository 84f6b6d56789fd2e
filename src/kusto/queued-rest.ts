import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import type { Logger } from '../runtime/log.js';
import { ownValue } from '../runtime/own-value.js';
import { SasUrl } from '../storage/sas-url.js';
import { type Cached, createCached } from './cached.js';
import { asObject, classifyAnswer } from './classify.js';
import type { Authorize, HttpAnswer, HttpClient } from './http.js';
import { inlineMapping } from './mapping.js';
import type {
  IngestProperties,
  OperationRef,
  QueuedIngestion,
  SourceState,
  SourceStatus,
  SubmitRequest,
} from './ports.js';
import { createRanking } from './ranking.js';

/** The service takes no more blobs in one call. */
export const MAX_BLOBS_PER_CALL = 20;
const CALL_TIMEOUT_MS = 60_000;

export interface RestIngestionOptions {
  readonly ingestUrl: string;
  readonly http: HttpClient;
  readonly authorize: Authorize;
  readonly clock: Clock;
  readonly cacheMs: number;
  readonly logger?: Logger;
}

export interface RestIngestion extends QueuedIngestion {
  /** Does the cluster answer this API? Other failures than "there is no such endpoint" are thrown. */
  isSupported(): Promise<boolean>;
}

interface RestConfiguration {
  readonly containers: readonly SasUrl[];
}

/** Queued ingestion through the service's REST API: operations with ids, up to 20 blobs a call. */
export function createRestIngestion(options: RestIngestionOptions): RestIngestion {
  const ranking = createRanking(options.clock);
  const configuration = createCached({
    name: 'ingestion configuration',
    ttlMs: options.cacheMs,
    clock: options.clock,
    ...(options.logger === undefined ? {} : { logger: options.logger }),
    load: () => readConfiguration(options),
  });
  return {
    maxBlobsPerCall: MAX_BLOBS_PER_CALL,
    isSupported: () => isSupported(configuration),
    submit: (request) => submit(options, request),
    status: (operation, sourceIds) => readStatus(options, operation, sourceIds),
    serviceContainer: async () => {
      const container = ranking.order((await configuration.get()).containers)[0];
      if (container === undefined)
        throw new KfError('KUSTO_BAD_ANSWER', 'ingestion configuration: no container');
      return container;
    },
    reportContainer: (container, outcome) => {
      ranking.report(container, outcome === 'ok');
      if (outcome === 'refused') configuration.refreshEarly();
    },
  };
}

async function isSupported(configuration: Cached<RestConfiguration>): Promise<boolean> {
  try {
    await configuration.get();
    return true;
  } catch (error) {
    const status = error instanceof KfError ? error.fields['httpStatus'] : undefined;
    if (status === 404 || status === 405 || status === 501) return false;
    throw error;
  }
}

async function call(
  options: RestIngestionOptions,
  path: string,
  more: { readonly body?: unknown; readonly clientRequestId?: string; readonly signal?: AbortSignal } = {},
): Promise<HttpAnswer> {
  const url = new URL(`/v1/rest/ingestion/${path}`, options.ingestUrl).href;
  const headers = {
    ...(await options.authorize(url)),
    'x-ms-client-request-id': more.clientRequestId ?? `KF.ingestion;${options.clock.newId()}`,
    'x-ms-app': 'kusto-functions',
    'x-ms-version': '2024-12-12',
    ...(more.body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
  };
  const answer = await options.http.request({
    method: more.body === undefined ? 'GET' : 'POST',
    url,
    headers,
    timeoutMs: CALL_TIMEOUT_MS,
    ...(more.body === undefined ? {} : { body: JSON.stringify(more.body) }),
    ...(more.signal === undefined ? {} : { signal: more.signal }),
  });
  if (answer.status !== 200 && answer.status !== 202) {
    throw classifyAnswer({ ...answer, text: answer.body.toString() }, `ingestion/${path}`);
  }
  return answer;
}

/** Keys in lower case, at one level: the documents and the clients do not agree on their case. */
function lowerKeys(value: unknown): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(asObject(value)).map(([key, item]) => [key.toLowerCase(), item]));
}

function parseAnswer(
  answer: HttpAnswer,
  place: string,
  answerLost: boolean,
): Readonly<Record<string, unknown>> {
  try {
    return lowerKeys(JSON.parse(answer.body.toString()));
  } catch {
    throw new KfError('KUSTO_BAD_ANSWER', `${place}: the answer is not JSON`, { fields: { answerLost } });
  }
}

async function readConfiguration(options: RestIngestionOptions): Promise<RestConfiguration> {
  const place = 'ingestion/configuration';
  const body = parseAnswer(await call(options, 'configuration'), place, false);
  const listed = lowerKeys(body['containersettings'])['containers'];
  if (!Array.isArray(listed)) throw new KfError('KUSTO_BAD_ANSWER', `${place}: no containers are named`);
  const paths = listed.map((item) => lowerKeys(item)['path']).filter((path) => typeof path === 'string');
  return { containers: paths.map((path) => new SasUrl(path)) };
}

function targetPath(database: string, table: string): string {
  return `queued/${encodeURIComponent(database)}/${encodeURIComponent(table)}`;
}

async function submit(options: RestIngestionOptions, request: SubmitRequest): Promise<OperationRef> {
  if (request.blobs.length === 0 || request.blobs.length > MAX_BLOBS_PER_CALL) {
    throw new KfError('INTERNAL', `submit: ${request.blobs.length} blobs in one call`);
  }
  const path = targetPath(request.database, request.table);
  const body = {
    timestamp: new Date(options.clock.now()).toISOString(),
    blobs: request.blobs.map((blob) => ({
      url: blob.url.reveal(),
      sourceId: blob.sourceId,
      rawSize: blob.rawSizeBytes,
    })),
    properties: restProperties(request.properties),
  };
  const answer = await call(options, path, {
    body,
    clientRequestId: request.clientRequestId,
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  const operationId = parseAnswer(answer, `ingestion/${path}`, true)['ingestionoperationid'];
  return {
    path: 'rest',
    operationId: typeof operationId === 'string' ? operationId : '',
    database: request.database,
    table: request.table,
  };
}

function restProperties(properties: IngestProperties) {
  const { mapping } = properties;
  return {
    format: properties.format,
    enableTracking: true,
    // The API has one word for "now, and apart from others".
    skipBatching: properties.skipBatching === true || properties.flushImmediately === true ? true : undefined,
    tags: properties.tags?.length ? properties.tags : undefined,
    ingestIfNotExists: properties.ingestIfNotExists?.length ? properties.ingestIfNotExists : undefined,
    ignoreFirstRecord: properties.ignoreFirstRecord === true ? true : undefined,
    creationTime: properties.creationTime,
    ingestionMappingReference: typeof mapping === 'string' ? mapping : undefined,
    ingestionMapping:
      mapping === undefined || typeof mapping === 'string' ? undefined : inlineMapping(mapping),
  };
}

const states: Readonly<Record<string, SourceState>> = {
  pending: 'pending',
  queued: 'queued',
  inprogress: 'queued',
  succeeded: 'succeeded',
  failed: 'failed',
  canceled: 'failed',
  cancelled: 'failed',
  skipped: 'skipped',
  partiallysucceeded: 'partiallySucceeded',
};

async function readStatus(
  options: RestIngestionOptions,
  operation: OperationRef,
  sourceIds: readonly string[],
): Promise<readonly SourceStatus[]> {
  const pending = sourceIds.map((sourceId): SourceStatus => ({ sourceId, state: 'pending' }));
  // Without an id (tracking refused) nobody can be asked.
  if (operation.operationId === '') return pending;
  const path = `${targetPath(operation.database, operation.table)}/${encodeURIComponent(operation.operationId)}`;
  let answer: HttpAnswer;
  try {
    answer = await call(options, `${path}?details=true`);
  } catch (error) {
    if (error instanceof KfError && error.fields['httpStatus'] === 404) return pending;
    throw error;
  }
  const body = parseAnswer(answer, `ingestion/${path}`, false);
  const details = Array.isArray(body['details']) ? body['details'].map(lowerKeys) : [];
  if (details.length === 0 && allSucceeded(lowerKeys(body['status']), sourceIds.length)) {
    return sourceIds.map((sourceId): SourceStatus => ({ sourceId, state: 'succeeded' }));
  }
  const byId = new Map(details.map((detail) => [String(detail['sourceid'] ?? '').toLowerCase(), detail]));
  return pending.map((status) => {
    const detail = byId.get(status.sourceId.toLowerCase());
    return detail === undefined ? status : toSourceStatus(status.sourceId, detail);
  });
}

/** Counters alone say something about one blob only when all of them ended well. */
function allSucceeded(counters: Readonly<Record<string, unknown>>, blobs: number): boolean {
  const count = (name: string): number => Number(counters[name] ?? 0);
  const unfinished = count('failed') + count('inprogress') + count('canceled');
  return count('succeeded') >= blobs && blobs > 0 && unfinished === 0;
}

/** A state or failure kind we do not know is neither success nor failure. */
export function toSourceStatus(sourceId: string, detail: Readonly<Record<string, unknown>>): SourceStatus {
  const text = String(detail['status'] ?? '').toLowerCase();
  const state = ownValue(states, text) ?? 'pending';
  const { errorcode, details } = detail as { errorcode?: unknown; details?: unknown };
  return {
    sourceId,
    state,
    ...(typeof errorcode === 'string' && errorcode !== '' ? { errorCode: errorcode } : {}),
    ...(state === 'failed' || state === 'partiallySucceeded'
      ? { failure: failureOf(text, detail['failurestatus']) }
      : {}),
    ...(typeof details === 'string' && details !== '' ? { details } : {}),
    ...timeOf(detail),
  };
}

/** The documents and the clients do not agree on the name. */
function timeOf(detail: Readonly<Record<string, unknown>>): { updatedAtMs?: number } {
  const text = detail['lastupdated'] ?? detail['lastupdatetime'] ?? detail['updatedon'];
  const updatedAtMs = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(updatedAtMs) ? {} : { updatedAtMs };
}

function failureOf(
  state: string,
  failureStatus: unknown,
): 'permanent' | 'transient' | 'exhausted' | 'unknown' {
  if (state.startsWith('cancel')) return 'transient';
  const text = String(failureStatus ?? '').toLowerCase();
  return text === 'permanent' || text === 'transient' || text === 'exhausted' ? text : 'unknown';
}
