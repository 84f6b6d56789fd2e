import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { settledWithin } from '../clock.js';
import type { FunctionDefinition } from '../functions.js';
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
  /** The worker's own HTTP server. */
  workerUri: string;
  /** Largest request body, in bytes; undefined = none, because a stream is never held in memory. */
  limitBytes: number | undefined;
}

function openUpstream(target: ProxyTarget, call: HttpCall, invocationId: string): ClientRequest {
  const base = new URL(target.workerUri);
  return httpRequest({
    host: base.hostname,
    port: base.port,
    method: call.request.method,
    path: call.request.url,
    agent: false,
    headers: {
      ...passedOn(call.request.headers),
      host: base.host,
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

/** Serves one request by proxying it to the worker, both bodies as streams with back-pressure. */
export async function handleProxied(target: ProxyTarget, call: HttpCall): Promise<void> {
  const { context, fn } = target;
  const invocationId = context.clock.newId();
  const headers = flatHeaders(call.request);
  const upstream = openUpstream(target, call, invocationId);
  call.response.once('close', () => upstream.destroy());
  const answered = new Promise<void>((resolve) => {
    upstream.once('response', (answer) => void relay(call, answer).then(resolve));
  });
  upstream.on('error', () => undefined);
  sendBody(target, call, upstream);
  const result = await context.invoker.invoke(fn, {
    reason: 'HTTP request',
    invocationId,
    traceParent: headers['traceparent'],
    traceState: headers['tracestate'],
    input: { http: {} },
    triggerMetadata: {
      ...Object.fromEntries(Object.entries(call.params).map(([name, value]) => [name, { string: value }])),
      Headers: { json: JSON.stringify(headers) },
      Query: { json: JSON.stringify(flatQuery(call.url)) },
    },
  });
  if (result.ok) {
    if (!call.response.headersSent) await settledWithin(answered, ANSWER_GRACE_MS);
    if (call.response.headersSent) await answered;
    else sendStatus(call.response, 204);
  } else if (call.response.headersSent) call.response.destroy();
  else sendStatus(call.response, 500);
  upstream.destroy();
}
