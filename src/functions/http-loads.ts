import functions, { type HttpRequest, type HttpResponseInit } from '@azure/functions';
import { KfError } from '../runtime/errors.js';
import type { LoadView } from '../transactional/view.js';
import { readJson } from './http-ingest.js';
import { durableClient, loadStarterOf } from './load-orchestration.js';
import { answering } from './problem.js';
import { type AppServices, requireReady } from './services.js';

/** Largest request of a load: tens of thousands of addresses. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
/** Longest `Prefer: wait`, under the 230 s that the platform allows. */
const MAX_WAIT_S = 200;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
const RETRY_AFTER_S = 2;

/** `Prefer: wait=N` (RFC 7240), in ms; 0 without it. @throws REQUEST_INVALID */
function preferredWaitMs(header: string | null): number {
  const wait = /(?:^|[,;\s])wait\s*=\s*"?([^",;\s]+)"?/i.exec(header ?? '')?.[1];
  if (wait === undefined) return 0;
  const seconds = Number(wait);
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > MAX_WAIT_S) {
    throw new KfError('REQUEST_INVALID', `Prefer: wait=${wait}: whole seconds from 0 to ${MAX_WAIT_S}`);
  }
  return seconds * 1000;
}

/** @throws REQUEST_INVALID */
function limitOf(query: URLSearchParams): number {
  const text = query.get('limit');
  const limit = text === null ? DEFAULT_LIMIT : Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new KfError('REQUEST_INVALID', `limit: "${text}"; write a number from 1 to ${MAX_LIMIT}`);
  }
  return limit;
}

const optional = (query: URLSearchParams, name: string): object => {
  const value = query.get(name);
  return value === null ? {} : { [name]: value };
};

/** 202 while it runs, 200 when it has ended; either way with its place. */
function answerOf(request: HttpRequest, view: LoadView): HttpResponseInit {
  const base = new URL(request.url).pathname.replace(/\/loads(?:\/.*)?$/, '');
  const isOver = view.state !== 'running';
  return {
    status: isOver ? 200 : 202,
    headers: {
      location: `${base}/loads/${encodeURIComponent(view.id)}`,
      ...(isOver ? {} : { 'retry-after': String(RETRY_AFTER_S) }),
    },
    jsonBody: view,
  };
}

export function registerHttpLoads(services: AppServices): void {
  const { loads, logger } = services;
  const idOf = (request: HttpRequest): string => request.params.id as string;

  functions.app.http('loads-start', {
    methods: ['POST'],
    route: 'loads',
    authLevel: 'function',
    extraInputs: [durableClient],
    handler: answering(logger, async (request, context) => {
      const waitMs = preferredWaitMs(request.headers.get('prefer'));
      const body = await readJson(request, MAX_REQUEST_BYTES);
      await requireReady(services);
      const view = await loads.start(body, loadStarterOf(context));
      return answerOf(request, waitMs === 0 ? view : await loads.waitForEnd(view.id, waitMs));
    }),
  });

  functions.app.http('loads-list', {
    methods: ['GET'],
    route: 'loads',
    authLevel: 'function',
    handler: answering(logger, async ({ query }) => ({
      jsonBody: await loads.list({
        limit: limitOf(query),
        ...optional(query, 'state'),
        ...optional(query, 'continuation'),
      }),
    })),
  });

  functions.app.http('loads-orphans', {
    methods: ['GET'],
    route: 'loads/orphans',
    authLevel: 'function',
    handler: answering(logger, async () => ({ jsonBody: { orphans: await services.orphans() } })),
  });

  functions.app.http('loads-show', {
    methods: ['GET'],
    route: 'loads/{id}',
    authLevel: 'function',
    handler: answering(logger, async (request) => {
      const waitMs = preferredWaitMs(request.headers.get('prefer'));
      if (waitMs > 0) await loads.waitForEnd(idOf(request), waitMs);
      const { query } = request;
      const page = { limit: limitOf(query), ...optional(query, 'continuation') };
      return { jsonBody: await loads.details(idOf(request), page) };
    }),
  });

  functions.app.http('loads-diagnosis', {
    methods: ['GET'],
    route: 'loads/{id}/diagnosis',
    authLevel: 'function',
    handler: answering(logger, async (request) => ({ jsonBody: await services.diagnose(idOf(request)) })),
  });

  functions.app.http('loads-cancel', {
    methods: ['DELETE'],
    route: 'loads/{id}',
    authLevel: 'function',
    extraInputs: [durableClient],
    handler: answering(logger, async (request, context) =>
      answerOf(request, await loads.cancel(idOf(request), loadStarterOf(context))),
    ),
  });
}
