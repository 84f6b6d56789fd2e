import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HostError, messageOf } from '../errors.js';
import { comparePrecedence, matchRoute, type RouteTemplate } from './route-template.js';

/** One request on its way to a function. */
export interface HttpCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Decoded route values. */
  readonly params: Readonly<Record<string, string>>;
  /** Absolute address the caller used. */
  readonly url: URL;
}

/** A function's place in the address space. */
export interface HttpRoute {
  readonly functionName: string;
  /** Upper-case methods; undefined = all. */
  readonly methods: ReadonlySet<string> | undefined;
  readonly template: RouteTemplate;
  handle(call: HttpCall): Promise<void>;
}

/** Answers a request below a fixed prefix; false = not mine. */
export type PathHandler = (path: readonly string[], call: HttpCall) => Promise<boolean>;

export interface HttpFrontend {
  readonly url: string;
  setRoutes(routes: readonly HttpRoute[]): void;
  /** Refuses new requests and resolves when the running ones are answered. */
  drain(): Promise<void>;
  /** Closes every connection. */
  close(): Promise<void>;
}

/** Sends a short JSON answer. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** Sends an answer without a body. */
export function sendStatus(response: ServerResponse, status: number): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'content-length': 0 });
  response.end();
}

/** Splits a path into decoded segments; undefined when an escape is broken. */
function decodePath(pathname: string): string[] | undefined {
  try {
    return pathname
      .replace(/^\/+|\/+$/g, '')
      .split('/')
      .filter((segment, _index, all) => all.length > 1 || segment !== '')
      .map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        taken
          ? new HostError(
              'port-taken',
              `port ${port} is in use; stop what listens there or pass another --port (0 = any free one)`,
            )
          : error,
      );
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

function dispatch(
  routes: readonly HttpRoute[],
  path: readonly string[],
  call: Omit<HttpCall, 'params'>,
): Promise<void> {
  const method = call.request.method ?? 'GET';
  for (const route of routes) {
    // A method the route does not list is no match at all: Azure answers 404, not 405 (azure-functions-host #10098).
    if (route.methods && !route.methods.has(method)) continue;
    const params = matchRoute(route.template, path);
    if (params) return route.handle({ ...call, params });
  }
  sendStatus(call.response, 404);
  return Promise.resolve();
}

interface FrontendState {
  routes: readonly HttpRoute[];
  draining: boolean;
  active: number;
  idle?: () => void;
}

async function handle(state: FrontendState, own: PathHandler, call: Omit<HttpCall, 'params'>): Promise<void> {
  const path = decodePath(call.url.pathname);
  if (!path) return sendStatus(call.response, 400);
  if (await own(path, { ...call, params: {} })) return;
  if (state.draining) return sendStatus(call.response, 503);
  await dispatch(state.routes, path, call);
}

function onRequest(
  state: FrontendState,
  own: PathHandler,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  state.active += 1;
  response.once('close', () => {
    state.active -= 1;
    if (state.active === 0) state.idle?.();
  });
  // A caller that hangs up is not an error of the host.
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  let url: URL;
  try {
    url = new URL(`http://${request.headers.host ?? 'localhost'}${request.url ?? '/'}`);
  } catch {
    sendStatus(response, 400);
    return;
  }
  handle(state, own, { request, response, url }).catch((error: unknown) => {
    if (response.headersSent) response.destroy();
    else sendJson(response, 500, { error: messageOf(error) });
  });
}

/**
 * Opens the host's HTTP port on loopback.
 * @throws HostError `port-taken`
 */
export async function openFrontend(port: number, own: PathHandler): Promise<HttpFrontend> {
  const state: FrontendState = { routes: [], draining: false, active: 0 };
  const server = createServer((request, response) => onRequest(state, own, request, response));
  // Uploads of many gigabytes take longer than Node's default limit of five minutes.
  server.requestTimeout = 0;
  const boundPort = await listen(server, port);
  return {
    url: `http://127.0.0.1:${boundPort}`,
    setRoutes(routes) {
      state.routes = [...routes].sort((left, right) => comparePrecedence(left.template, right.template));
    },
    async drain() {
      state.draining = true;
      if (state.active > 0) {
        await new Promise<void>((resolve) => {
          state.idle = resolve;
        });
      }
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
