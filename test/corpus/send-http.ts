import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { HttpCase } from './case.js';
import { database } from './pipeline.js';

/** Longest wait for one answer. */
const answerTimeoutMs = 60_000;

export interface HttpAnswer {
  /** 0 when there was none. */
  readonly status: number;
  readonly code?: string;
  readonly operationId?: string;
  readonly elapsedMs: number;
}

interface Received {
  readonly status: number;
  readonly text: string;
}

/** Writes the body and reads the answer at the same time: a refusal may come before the body ends. */
async function exchange(
  address: URL,
  one: Pick<HttpCase, 'headers' | 'body' | 'cutOff'>,
  method: string,
): Promise<Received> {
  const call = request(address, { method, headers: one.headers ?? {}, timeout: answerTimeoutMs });
  call.on('timeout', () => call.destroy(new Error('no answer in time')));
  const answered = once(call, 'response') as Promise<[IncomingMessage]>;
  answered.catch(() => undefined);
  let early = false;
  call.once('response', () => {
    early = true;
  });
  await write(call, one, () => early);
  if (one.cutOff === true) {
    call.destroy();
    return { status: 0, text: '' };
  }
  const [response] = await answered;
  const parts: Buffer[] = [];
  for await (const part of response) {
    parts.push(part as Buffer);
  }
  call.destroy();
  return { status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') };
}

async function write(
  call: ClientRequest,
  one: Pick<HttpCase, 'body' | 'cutOff'>,
  answered: () => boolean,
): Promise<void> {
  // What the connection says after an early answer is no news.
  call.on('error', () => undefined);
  for (const piece of one.body()) {
    if (answered() || call.destroyed) {
      return;
    }
    await new Promise<void>((resolve) => {
      call.once('response', resolve);
      call.once('close', resolve);
      call.write(piece, () => {
        call.off('response', resolve);
        call.off('close', resolve);
        resolve();
      });
    });
  }
  if (one.cutOff === true) {
    await new Promise((resolve) => call.write(Buffer.from('http/cut'), resolve));
    return;
  }
  call.end();
}

async function upload(base: string, one: HttpCase, table: string): Promise<string> {
  if (one.upload === 'missing') {
    return 'never-given';
  }
  const asked = await fetch(new URL('/api/uploads', base), {
    method: 'POST',
    body: JSON.stringify({ database, table }),
  });
  const link = (await asked.json()) as { uploadId: string; url: string; headers: Record<string, string> };
  const body = Buffer.concat([...one.body()]);
  const put = await fetch(link.url, { method: 'PUT', headers: link.headers, body });
  if (!put.ok) {
    throw new Error(`${one.id}: PUT to the upload link answered ${put.status}`);
  }
  return link.uploadId;
}

export async function sendHttp(base: string, one: HttpCase): Promise<HttpAnswer> {
  const table = one.format === 'txt' ? 'HttpLines' : 'HttpRows';
  const address = new URL(`/api/ingest/${database}/${table}?format=${one.format}`, base);
  let body = one.body;
  if (one.upload !== undefined) {
    address.searchParams.set('upload', await upload(base, one, table));
    body = () => [];
  }
  const startedAt = performance.now();
  const { status, text } = await exchange(address, { ...one, body }, 'POST');
  const elapsedMs = performance.now() - startedAt;
  const answer = (text === '' ? {} : JSON.parse(text)) as { code?: string; operationId?: string };
  return {
    status,
    elapsedMs,
    ...(answer.code === undefined ? {} : { code: answer.code }),
    ...(answer.operationId === undefined ? {} : { operationId: answer.operationId }),
  };
}
