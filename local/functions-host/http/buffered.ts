import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FunctionDefinition } from '../functions.js';
import type { HttpCookie, HttpData, NamedData, TypedData } from '../protocol.js';
import type { InvocationResult } from '../supervisor.js';
import type { TriggerContext } from '../triggers/trigger.js';
import { type HttpCall, sendStatus } from './server.js';

/** Reads a body up to a limit; undefined when it is larger. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** Request headers as one text each; repeated ones joined with a comma. */
export function flatHeaders(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}

/** Query parameters; repeated ones joined with a comma, as ASP.NET prints them. */
export function flatQuery(url: URL): Record<string, string> {
  const names = new Set(url.searchParams.keys());
  return Object.fromEntries([...names].map((name) => [name, url.searchParams.getAll(name).join(',')]));
}

function wrap(values: Readonly<Record<string, string>>): Record<string, { value: string }> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
}

function attribute(name: string, value: unknown): string {
  return value === undefined || value === null || value === '' ? '' : `; ${name}=${String(value)}`;
}

const SAME_SITE: Readonly<Record<string, string>> = { lax: 'Lax', strict: 'Strict', explicitNone: 'None' };

/** Writes one cookie the way the real host does. */
export function formatCookie(cookie: HttpCookie): string {
  const seconds = cookie.expires?.value?.seconds;
  return (
    `${cookie.name}=${encodeURIComponent(cookie.value)}` +
    attribute('Domain', cookie.domain?.value) +
    attribute('Path', cookie.path?.value) +
    attribute('Expires', seconds === undefined ? undefined : new Date(seconds * 1000).toUTCString()) +
    attribute('Max-Age', cookie.maxAge?.value) +
    (cookie.secure?.value ? '; Secure' : '') +
    (cookie.httpOnly?.value ? '; HttpOnly' : '') +
    attribute('SameSite', SAME_SITE[cookie.sameSite ?? ''])
  );
}

function bodyBytes(body: TypedData | null | undefined): Buffer {
  if (!body) return Buffer.alloc(0);
  if (body.bytes) return Buffer.from(body.bytes);
  return Buffer.from(body.string ?? body.json ?? (body.int ?? body.double ?? '').toString());
}

function writeAnswer(response: ServerResponse, answer: HttpData): void {
  const status = Number(answer.statusCode ?? 200);
  const body = bodyBytes(answer.body);
  for (const [name, value] of Object.entries(answer.headers ?? {})) {
    if (!/^(transfer-encoding|connection|content-length)$/i.test(name)) response.setHeader(name, value);
  }
  const cookies = (answer.cookies ?? []).map(formatCookie);
  if (cookies.length > 0) response.setHeader('set-cookie', cookies);
  if (status !== 204 && status !== 304) response.setHeader('content-length', body.length);
  response.writeHead(status);
  response.end(body);
}

function findAnswer(
  fn: FunctionDefinition,
  result: Extract<InvocationResult, { ok: true }>,
): HttpData | undefined {
  if (result.returnValue?.http) return result.returnValue.http;
  const isHttp = ({ name }: NamedData) => fn.metadata.bindings[name]?.type?.toLowerCase() === 'http';
  return result.outputData.find(isHttp)?.data.http;
}

export interface BufferedTarget {
  fn: FunctionDefinition;
  context: TriggerContext;
  /** Largest body, in bytes; a larger one is answered with 413. */
  limitBytes: number;
}

/** Serves one request with the whole body in memory, as the real host does without HTTP streams. */
export async function handleBuffered(target: BufferedTarget, call: HttpCall): Promise<void> {
  const { request, response, params, url } = call;
  const body = await readBody(request, target.limitBytes);
  if (!body) return sendStatus(response, 413);
  const headers = flatHeaders(request);
  const result = await target.context.invoker.invoke(target.fn, {
    reason: 'HTTP request',
    traceParent: headers['traceparent'],
    traceState: headers['tracestate'],
    triggerMetadata: {},
    input: {
      http: {
        method: request.method,
        url: url.href,
        nullableHeaders: wrap(headers),
        nullableQuery: wrap(flatQuery(url)),
        nullableParams: wrap(params),
        body: body.length > 0 ? { bytes: body } : null,
      },
    },
  });
  if (!result.ok) return sendStatus(response, 500);
  const answer = findAnswer(target.fn, result);
  if (answer) writeAnswer(response, answer);
  else sendStatus(response, 204);
}
