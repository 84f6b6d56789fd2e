import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { KfError } from '../runtime/errors.js';
import { scrub } from '../runtime/redact.js';

/** Connections to one host at a time. */
const MAX_SOCKETS = 64;
/** Longest answer kept unless the call says otherwise. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Headers that let a request to the cluster pass; empty without authentication. */
export type Authorize = (url: string) => Promise<Readonly<Record<string, string>>>;

/** One attempt a call, over kept-alive connections, through the proxy when there is one. Never follows redirects. */
export interface HttpClient {
  /**
   * Answers of every status resolve.
   * @throws KUSTO_UNREACHABLE, KUSTO_TRANSIENT, DEADLINE_EXCEEDED, CANCELLED. `fields.answerLost` is set when the
   * request had left in full, so that the service may have acted on it.
   */
  request(request: HttpRequest): Promise<HttpAnswer>;
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpAgent;
  close(): void;
}

export function createHttpClient(options: { readonly proxyUrl?: string } = {}): HttpClient {
  const pool = { keepAlive: true, maxSockets: MAX_SOCKETS };
  const proxy = options.proxyUrl === undefined ? undefined : new HttpsProxyAgent(options.proxyUrl, pool);
  const httpAgent = (proxy as HttpAgent | undefined) ?? new HttpAgent(pool);
  const httpsAgent = (proxy as HttpAgent | undefined) ?? new HttpsAgent(pool);
  return {
    request: (request) => send(request, new URL(request.url).protocol === 'https:' ? httpsAgent : httpAgent),
    httpAgent,
    httpsAgent,
    close: () => {
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
}

interface Progress {
  sent: boolean;
  timedOut: boolean;
}

async function send(request: HttpRequest, agent: HttpAgent): Promise<HttpAnswer> {
  const place = `${request.method} ${addressOf(request.url)}`;
  if (request.signal?.aborted === true)
    throw new KfError('CANCELLED', `${place}: cancelled before it was sent`);
  const progress: Progress = { sent: false, timedOut: false };
  const abort = new AbortController();
  const onAbort = (): void => abort.abort();
  request.signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => {
    progress.timedOut = true;
    abort.abort();
  }, request.timeoutMs);
  try {
    return await exchange(request, { agent, signal: abort.signal, progress });
  } catch (thrown) {
    throw networkFailure(thrown, place, { progress, cancelled: isAborted(request.signal) });
  } finally {
    clearTimeout(timer);
    request.signal?.removeEventListener('abort', onAbort);
  }
}

/** Asked anew each time: the compiler would carry the answer of the first question over the await. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function exchange(
  request: HttpRequest,
  context: { readonly agent: HttpAgent; readonly signal: AbortSignal; readonly progress: Progress },
): Promise<HttpAnswer> {
  const url = new URL(request.url);
  const length = request.body === undefined ? 0 : Buffer.byteLength(request.body);
  return new Promise((resolve, reject) => {
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const outgoing = start(url, {
      method: request.method,
      agent: context.agent,
      signal: context.signal,
      headers: {
        accept: 'application/json',
        ...request.headers,
        ...(request.method === 'POST' ? { 'content-length': length } : {}),
      },
    });
    outgoing.on('finish', () => {
      context.progress.sent = true;
    });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      readAnswer(incoming).then(resolve, reject);
    });
    outgoing.end(request.body);
  });
}

async function readAnswer(incoming: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`answer over ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk as Buffer);
  }
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) };
}

/** Origin and path: a query may be a secret. */
export function addressOf(url: string): string {
  const parsed = new URL(url);
  return `${parsed.origin}${parsed.pathname}`;
}

function networkFailure(
  thrown: unknown,
  place: string,
  state: { readonly progress: Progress; readonly cancelled: boolean },
): KfError {
  const code = (thrown as { code?: string }).code ?? '';
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const fields = { answerLost: state.progress.sent, ...(code === '' ? {} : { networkCode: code }) };
  if (state.progress.timedOut)
    return new KfError('DEADLINE_EXCEEDED', `${place}: no answer in time`, { fields });
  if (state.cancelled) return new KfError('CANCELLED', `${place}: cancelled`, { fields });
  return new KfError(
    state.progress.sent ? 'KUSTO_TRANSIENT' : 'KUSTO_UNREACHABLE',
    `${place}: ${scrub(message)}`,
    { fields },
  );
}
