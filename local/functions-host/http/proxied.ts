import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { settledWithin } from '../clock.js';
import type { FunctionDefinition } from '../functions.js';
import type { InvocationData } from '../invoker.js';
import type { TriggerContext } from '../triggers/trigger.js';
import { flatHeaders, flatQuery } from './buffered.js';
import { type HttpCall, sendStatus } from './server.js';

/** Header by which the functions library pairs a proxied request with its invocation. */
const INVOCATION_HEADER = 'x-ms-invocation-id';

/** How long an answer may lag behind the end of its function, in ms; a function that returns nothing sends none. */
const ANSWER_GRACE_MS = 1_000;

/** Headers that belong to one connection and are not passed on. */
const HOP_HEADERS = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  INVOCATION_HEADER,
]);

function passedOn(headers: IncomingMessage['headers']): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || HOP_HEADERS.has(name) ? [] : [[name, value]],
    ),
  );
}

export interface ProxyTarget {
  fn: FunctionDefinition;
  context: TriggerContext;
  /** Largest request body, in bytes; undefined = none, because a stream is never held in memory. */
  limitBytes: number | undefined;
}

function openUpstream(workerUri: string, call: HttpCall, invocationId: string): ClientRequest {
  const base = new URL(workerUri);
  return httpRequest({
    host: base.hostname,
    port: base.port,
    method: call.request.method,
    path: call.request.url,
    agent: false,
    headers: {
      ...passedOn(call.request.headers),
      host: base.host,
      // With `close` the worker would reset the connection after an answer sent before the body was read, and the
      // reset can overtake the answer. The connection is not used again all the same: it belongs to no agent.
      connection: 'keep-alive',
      'x-forwarded-host': call.url.host,
      'x-forwarded-proto': 'http',
      [INVOCATION_HEADER]: invocationId,
    },
  });
}

function limiter(limitBytes: number, onOver: () => void): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > limitBytes) onOver();
      done(null, chunk);
    },
  });
}

/**
 * Streams the request body to the worker. When the worker stops reading, the rest of the body is read and dropped,
 * so that the caller can still receive the answer.
 */
function sendBody(target: ProxyTarget, call: HttpCall, upstream: ClientRequest): void {
  const limit = target.limitBytes;
  const tooLarge = () => {
    sendStatus(call.response, 413);
    upstream.destroy();
  };
  const first = limit === undefined ? upstream : limiter(limit, tooLarge);
  if (first !== upstream) first.pipe(upstream);
  upstream.once('close', () => {
    call.request.unpipe(first);
    call.request.resume();
  });
  call.request.pipe(first);
}

async function relay(call: HttpCall, answer: IncomingMessage): Promise<void> {
  const { response } = call;
  if (response.headersSent) return;
  response.writeHead(answer.statusCode ?? 500, passedOn(answer.headers));
  await pipeline(answer, response).catch(() => response.destroy());
}

/** Waits until the worker accepted the connection; false when it did not. */
function connected(upstream: ClientRequest): Promise<boolean> {
  return new Promise((resolve) => {
    upstream.once('socket', (socket) => socket.once('connect', () => resolve(true)));
    upstream.on('error', () => resolve(false));
    upstream.once('close', () => resolve(false));
    upstream.flushHeaders();
  });
}

/** Serves one request by proxying it to the worker, both bodies as streams with back-pressure. */
export async function handleProxied(target: ProxyTarget, call: HttpCall): Promise<void> {
  const { context } = target;
  const worker = await context.worker();
  if (!worker?.httpUri) return sendStatus(call.response, 503);
  const invocationId = context.clock.newId();
  const upstream = openUpstream(worker.httpUri, call, invocationId);
  call.response.once('close', () => upstream.destroy());
  const answered = new Promise<void>((resolve) => {
    upstream.once('response', (answer) => void relay(call, answer).then(resolve));
  });
  // The function waits for this request, so it must not be started when the request cannot get there.
  if (!(await connected(upstream))) return sendStatus(call.response, 500);
  sendBody(target, call, upstream);
  const result = await context.invoker.invoke(target.fn, invocationData(call, invocationId, worker.pid));
  if (result.ok) {
    if (!call.response.headersSent) await settledWithin(answered, ANSWER_GRACE_MS);
    if (call.response.headersSent) await answered;
    else sendStatus(call.response, upstream.errored ? 502 : 204);
  } else if (call.response.headersSent) call.response.destroy();
  else sendStatus(call.response, 500);
  upstream.destroy();
}

function invocationData(call: HttpCall, invocationId: string, onlyOnPid: number): InvocationData {
  const headers = flatHeaders(call.request);
  return {
    reason: 'HTTP request',
    invocationId,
    onlyOnPid,
    traceParent: headers['traceparent'],
    traceState: headers['tracestate'],
    input: { http: {} },
    triggerMetadata: {
      ...Object.fromEntries(Object.entries(call.params).map(([name, value]) => [name, { string: value }])),
      Headers: { json: JSON.stringify(headers) },
      Query: { json: JSON.stringify(flatQuery(call.url)) },
    },
  };
}
