import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { entityNotFound } from '../catalog/errors.js';
import type { CatalogStore } from '../catalog/store.js';
import type { RequestResult, Runner } from '../commands/run.js';
import type { CommandRequest, Principal } from '../commands/types.js';
import { KustoError, notSupported } from '../errors.js';
import { underFault } from '../faults/http-faults.js';
import type { EngineClock, Faults, FaultTarget } from '../faults/types.js';
import { asKustoError, errorBody } from './error-body.js';
import { MAX_REQUEST_BYTES, MAX_STREAMING_BYTES, readBody, readQueryBody } from './http-request.js';
import { type Answer, send } from './http-response.js';
import type { Principals } from './principals.js';
import { deadlineOf } from './timeouts.js';
import type { IngestionService } from './types.js';
import { encodeV1 } from './wire-v1.js';
import { encodeV2, frameOptions } from './wire-v2.js';

const DEFAULT_DATABASE = 'NetDefaultDB';

export interface HandlerParts {
  readonly runner: Runner;
  readonly catalog: CatalogStore;
  readonly clock: EngineClock;
  readonly faults: Faults;
  readonly principals: Principals;
  readonly ingestion?: IngestionService;
  /** Body of `/v1/rest/auth/metadata`. */
  readonly metadata: object;
}

/** One request on its way through the server. */
interface Call {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly segments: readonly string[];
  readonly clientRequestId: string;
  readonly activityId: string;
  readonly signal: AbortSignal;
}

/** What a route made of a request: where faults strike it, and how to do it. */
interface Work {
  readonly target: FaultTarget;
  /** Added to method and path for a fault's `match`. */
  readonly detail: string;
  run(): Promise<Answer>;
}

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Answers the engine's and the data-management endpoint's requests. */
export function createHandler(parts: HandlerParts): RequestHandler {
  return async (request, response) => {
    const activityId = randomUUID();
    const clientRequestId = headerText(request, 'x-ms-client-request-id') ?? `unspecified;${activityId}`;
    const closed = new AbortController();
    response.once('close', () => closed.abort());
    const context = { clientRequestId, activityId };
    const headers = { 'x-ms-client-request-id': clientRequestId, 'x-ms-activity-id': activityId };
    try {
      const url = new URL(request.url ?? '/', 'http://local');
      const segments = url.pathname.split('/').filter(Boolean).map(decodeSegment);
      const call: Call = { request, url, segments, ...context, signal: closed.signal };
      const work = await route(call, parts);
      const description = `${request.method} ${url.pathname} ${work.detail}`;
      const hit = parts.faults.check(work.target, description);
      const outcome = await underFault(hit, parts.clock, () => work.run());
      if (outcome.kind === 'answer') {
        await send(request, response, { ...outcome.value, headers });
      } else if (outcome.kind === 'drop') {
        request.socket.destroy();
      }
    } catch (error) {
      const timestamp = new Date(parts.clock.nowMs()).toISOString();
      await sendError(request, response, { error, headers, context: { ...context, timestamp } });
    }
  };
}

interface Failure {
  readonly error: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly context: Parameters<typeof errorBody>[1];
}

async function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  failure: Failure,
): Promise<void> {
  if (response.destroyed) {
    return;
  }
  if (response.headersSent) {
    request.socket.destroy();
    return;
  }
  const error = asKustoError(failure.error);
  const extra: Record<string, string> = {};
  if (error.retryAfterSeconds !== undefined) {
    extra['retry-after'] = String(error.retryAfterSeconds);
  }
  if (error.status === 401) {
    extra['www-authenticate'] = 'Bearer';
  }
  if (!request.complete) {
    // The rest of the body is not wanted; without this the connection could not be used again.
    extra['connection'] = 'close';
  }
  await send(request, response, {
    status: error.status,
    headers: { ...failure.headers, ...extra },
    pieces: [errorBody(error, failure.context)],
  });
}

function headerText(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

async function route(call: Call, parts: HandlerParts): Promise<Work> {
  const path = call.segments.slice(0, 3).join('/').toLowerCase();
  switch (path) {
    case 'v1/rest/mgmt':
    case 'v1/rest/query':
    case 'v2/rest/query':
      requireMethod(call, 'GET', 'POST');
      return queryWork(call, parts, path === 'v2/rest/query');
    case 'v1/rest/ingest':
      requireMethod(call, 'POST');
      return streamingWork(call, parts);
    case 'v1/rest/ingestion':
      requireMethod(call, 'GET', 'POST');
      return ingestionRestWork(call, parts);
    case 'v1/rest/auth':
      if (call.segments[3]?.toLowerCase() === 'metadata' && call.segments.length === 4) {
        return { target: 'engine', detail: '', run: async () => json(parts.metadata) };
      }
  }
  throw new KustoError(`There is nothing at ${call.url.pathname}`, { status: 404, code: 'NotFound' });
}

function requireMethod({ request, url }: Call, ...methods: readonly string[]): void {
  if (!methods.includes(request.method ?? '')) {
    throw new KustoError(`${request.method} is not possible at ${url.pathname}`, {
      status: 405,
      code: 'MethodNotAllowed',
    });
  }
}

function json(value: unknown): Answer {
  return { status: 200, pieces: [JSON.stringify(value)] };
}

function authenticate({ request }: Call, { principals }: HandlerParts): Principal {
  return principals.authenticate(request.headers.authorization);
}

async function queryWork(call: Call, parts: HandlerParts, isV2: boolean): Promise<Work> {
  const principal = authenticate(call, parts);
  const body = await readQueryBody(call.request, call.url);
  const database = body.db === '' ? DEFAULT_DATABASE : body.db;
  const { clientRequestId, activityId } = call;
  const request: CommandRequest = {
    ...{ database, text: body.csl, principal, clientRequestId, activityId },
    application: headerText(call.request, 'x-ms-app') ?? '',
    options: body.options,
    parameters: body.parameters,
    signal: call.signal,
  };
  return {
    target: parts.runner.isDm(body.csl) ? 'dm' : 'engine',
    detail: `${database} ${body.csl}`,
    run: async () => {
      const result = await deadlineOf(request, (signal) => parts.runner.execute({ ...request, signal }));
      const ids = { clientRequestId, activityId, now: parts.clock.now() };
      const pieces = isV2 ? encodeV2(result, frameOptions(body.options), ids) : encodeV1(result, ids);
      return { status: 200, pieces };
    },
  };
}

function requireIngestion({ ingestion }: HandlerParts): IngestionService {
  if (ingestion === undefined) {
    throw notSupported('Ingestion (no ingestion service was started)');
  }
  return ingestion;
}

function plain(result: RequestResult, { clientRequestId, activityId }: Call, now: bigint): Answer {
  return { status: 200, pieces: encodeV1(result, { clientRequestId, activityId, now }) };
}

async function streamingWork(call: Call, parts: HandlerParts): Promise<Work> {
  const principal = authenticate(call, parts);
  const [, , , database, table] = call.segments;
  if (database === undefined || table === undefined || call.segments.length !== 5) {
    throw new KustoError(`There is nothing at ${call.url.pathname}`, { status: 404, code: 'NotFound' });
  }
  const ingestion = requireIngestion(parts);
  const body = await readBody(call.request, MAX_STREAMING_BYTES);
  const query = lowerCaseKeys(call.url.searchParams);
  return {
    target: 'engine',
    detail: `${database} ${table}`,
    run: async () => {
      principal.demand({ role: 'ingestor', database, table });
      if (parts.catalog.database(database).tables.get(table) === undefined) {
        throw entityNotFound('Table', table);
      }
      const rows = await ingestion.streamingIngest({
        ...{ database, table, body },
        format: query.get('streamformat'),
        mappingName: query.get('mappingname'),
        contentType: headerText(call.request, 'content-type') ?? '',
        sourceKind: query.get('sourcekind')?.toLowerCase() === 'uri' ? 'uri' : 'stream',
        clientRequestId: call.clientRequestId,
        activityId: call.activityId,
      });
      return plain({ tables: [rows], isPlainCommand: true }, call, parts.clock.now());
    },
  };
}

function lowerCaseKeys(query: URLSearchParams): ReadonlyMap<string, string> {
  return new Map([...query].map(([key, value]) => [key.toLowerCase(), value]));
}

async function ingestionRestWork(call: Call, parts: HandlerParts): Promise<Work> {
  const principal = authenticate(call, parts);
  const ingestion = requireIngestion(parts);
  const segments = call.segments.slice(3);
  const text = call.request.method === 'POST' ? await readBody(call.request, MAX_REQUEST_BYTES) : undefined;
  const [kind, database, table] = segments;
  return {
    target: 'dm',
    detail: segments.slice(1).join(' '),
    run: async () => {
      if (kind?.toLowerCase() === 'queued' && database !== undefined && table !== undefined) {
        principal.demand({ role: 'ingestor', database, table });
      }
      const answer = await ingestion.ingestionRest({
        method: call.request.method === 'POST' ? 'POST' : 'GET',
        segments,
        query: call.url.searchParams,
        body: text === undefined ? undefined : parseBody(text),
        clientRequestId: call.clientRequestId,
        activityId: call.activityId,
      });
      return json(answer);
    },
  };
}

function parseBody(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new KustoError('The request body is not JSON', { status: 400, code: 'BadRequest_Body' });
  }
}
