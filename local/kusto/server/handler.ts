import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CommandRequest } from '../commands/types.js';
import { KustoError } from '../errors.js';
import { underFault } from '../faults/http-faults.js';
import {
  authenticate,
  type Call,
  type HandlerParts,
  headerText,
  json,
  requireMethod,
  type Work,
} from './call.js';
import { asKustoError, errorBody } from './error-body.js';
import { readQueryBody } from './http-request.js';
import { send } from './http-response.js';
import { ingestionRestWork, streamingWork } from './ingestion-routes.js';
import { deadlineOf } from './timeouts.js';
import { encodeV1 } from './wire-v1.js';
import { encodeV2, frameOptions } from './wire-v2.js';

const DEFAULT_DATABASE = 'NetDefaultDB';

type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

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
