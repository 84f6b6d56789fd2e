import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { LocalCertificate } from '../../shared/tls.js';
import type { EngineClock, FaultHit, Faults } from '../faults/types.js';
import { type Listening, listen } from './listen.js';

interface StorageProxyOptions {
  readonly service: 'blob' | 'queue' | 'table';
  /** Address of the real service with the account: `http://127.0.0.1:10000/devstoreaccount1`. */
  readonly target: string;
  readonly port: number;
  readonly faults: Faults;
  readonly clock: EngineClock;
  readonly certificate?: LocalCertificate;
}

export interface StorageProxy {
  /** What clients use in place of the target. */
  readonly url: string;
  close(): Promise<void>;
}

/** Headers that belong to one connection and are not passed on. */
const HOP_HEADERS = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'];

interface Forwarding {
  readonly target: URL;
  readonly send: typeof http.request;
  readonly agent: http.Agent;
}

/**
 * A reverse proxy before one storage service that applies its faults. Bodies pass through as streams. Signatures stay
 * valid: shared keys and SAS sign the path and headers, and neither is changed; the host is not signed.
 */
export async function startStorageProxy(options: StorageProxyOptions): Promise<StorageProxy> {
  const target = new URL(options.target);
  const isTls = target.protocol === 'https:';
  const agent = isTls
    ? new https.Agent({ keepAlive: true, ca: options.certificate?.certPem })
    : new http.Agent({ keepAlive: true });
  const forwarding: Forwarding = { target, agent, send: isTls ? https.request : http.request };
  const listening: Listening = await listen({
    port: options.port,
    name: `storage (${options.service})`,
    portFlag: '--port-storage',
    handler: (request, response) => handle(request, response, options, forwarding),
    ...(options.certificate !== undefined && { certificate: options.certificate }),
  });
  const scheme = options.certificate === undefined ? 'http' : 'https';
  return {
    url: `${scheme}://127.0.0.1:${listening.port}${target.pathname.replace(/\/$/, '')}`,
    close: async () => {
      await listening.close();
      agent.destroy();
    },
  };
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  { faults, clock, service }: StorageProxyOptions,
  forwarding: Forwarding,
): Promise<void> {
  const [path = '/'] = (request.url ?? '/').split('?');
  const hit = faults.check(service, `${request.method} ${path}`);
  const isPut = service === 'queue' && request.method === 'POST' && path.endsWith('/messages');
  switch (hit?.action) {
    case undefined:
      return forward(request, response, forwarding);
    case 'slow':
      await new Promise<void>((resolve) => clock.after(hit.delayMs, resolve));
      return forward(request, response, forwarding);
    case 'loseAnswer':
      await forwardBody(request, await readAll(request), forwarding);
      request.socket.destroy();
      return;
    case 'hang':
      request.resume();
      return;
    case 'vanish':
    case 'duplicate':
      return isPut
        ? putTimes(hit.action === 'vanish' ? 0 : 2, request, response, forwarding)
        : forward(request, response, forwarding);
    default:
      return refuse(request, response, hit as FaultHit);
  }
}

function outgoing(request: IncomingMessage, { target, send, agent }: Forwarding): http.ClientRequest {
  const headers = { ...request.headers };
  for (const name of HOP_HEADERS.filter((hop) => hop !== 'transfer-encoding')) {
    delete headers[name];
  }
  headers['host'] = target.host;
  return send({
    protocol: target.protocol,
    hostname: target.hostname,
    port: target.port,
    method: request.method,
    path: request.url,
    headers,
    agent,
  });
}

function answerOf(sent: http.ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve);
    sent.once('error', reject);
  });
}

async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  forwarding: Forwarding,
): Promise<void> {
  const sent = outgoing(request, forwarding);
  response.once('close', () => sent.destroy());
  const answered = answerOf(sent);
  // An error of the body's way shows as an error of the answer.
  pipeline(request, sent).catch((error: Error) => sent.destroy(error));
  await passOn(await answered, response);
}

async function passOn(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  const headers = { ...answer.headers };
  for (const name of HOP_HEADERS) {
    delete headers[name];
  }
  response.writeHead(answer.statusCode ?? 502, headers);
  await pipeline(answer, response);
}

/** The body of a request that is sent whole: a lost answer or a doubled message needs it more than once. */
const MAX_HELD_BYTES = 300 * 1024 * 1024;

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_HELD_BYTES) {
      throw new Error(`a faulted storage request exceeds ${MAX_HELD_BYTES} bytes`);
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** Sends the request and reads its answer to the end. */
async function forwardBody(
  request: IncomingMessage,
  body: Buffer,
  forwarding: Forwarding,
): Promise<{ readonly answer: IncomingMessage; readonly text: Buffer }> {
  const sent = outgoing(request, forwarding);
  const answered = answerOf(sent);
  sent.end(body);
  const answer = await answered;
  return { answer, text: await readAll(answer) };
}

/** Puts a queue message twice, or only says so. */
async function putTimes(
  times: 0 | 2,
  request: IncomingMessage,
  response: ServerResponse,
  forwarding: Forwarding,
): Promise<void> {
  const body = await readAll(request);
  if (times === 0) {
    response.writeHead(201, { 'content-type': 'application/xml', 'x-ms-version': '2021-12-02' });
    response.end(vanishedMessage());
    return;
  }
  await forwardBody(request, body, forwarding);
  const { answer, text } = await forwardBody(request, body, forwarding);
  const headers = { ...answer.headers };
  for (const name of HOP_HEADERS) {
    delete headers[name];
  }
  response.writeHead(answer.statusCode ?? 502, { ...headers, 'content-length': text.length });
  response.end(text);
}

function vanishedMessage(): string {
  const now = new Date().toUTCString();
  const fields = {
    MessageId: '00000000-0000-0000-0000-000000000000',
    InsertionTime: now,
    ExpirationTime: new Date(Date.now() + 7 * 86_400_000).toUTCString(),
    PopReceipt: 'vanished',
    TimeNextVisible: now,
  };
  const inner = Object.entries(fields)
    .map(([name, value]) => `<${name}>${value}</${name}>`)
    .join('');
  return `<?xml version="1.0" encoding="utf-8"?><QueueMessagesList><QueueMessage>${inner}</QueueMessage></QueueMessagesList>`;
}

const REFUSALS: Readonly<Record<string, readonly [status: number, code: string, message: string]>> = {
  throttle: [503, 'ServerBusy', 'The server is busy.'],
  transient: [500, 'InternalError', 'The server encountered an internal error.'],
  permanent: [404, 'ResourceNotFound', 'The specified resource does not exist.'],
  forbid: [403, 'AuthorizationFailure', 'This request is not authorized to perform this operation.'],
};

/** An error answer in the storage services' form. The request's body is read away so that the client sees the answer. */
async function refuse(request: IncomingMessage, response: ServerResponse, hit: FaultHit): Promise<void> {
  request.resume();
  const [status, standardCode, text] = REFUSALS[hit.action] as readonly [number, string, string];
  const code = hit.code ?? standardCode;
  const message = `${hit.message ?? text} (fault ${hit.id})`;
  response.writeHead(status, {
    'content-type': 'application/xml',
    'x-ms-error-code': code,
    'x-ms-version': '2021-12-02',
  });
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  response.end(request.method === 'HEAD' ? undefined : body);
}
