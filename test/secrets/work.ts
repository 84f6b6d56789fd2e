import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { EventHubProducerClient } from '@azure/event-hubs';
import { BlobSASPermissions, BlobServiceClient } from '@azure/storage-blob';
import { runCli } from '../helpers/cli.js';
import {
  addFault,
  clearPrincipals,
  passBatchingTime,
  removeFaults,
  setPrincipal,
} from '../helpers/kusto-admin.js';
import { kustoQuery, until } from '../helpers/stack.js';
import type { Place } from './canaries.js';
import { OPERATOR, type World } from './world.js';

/** What the work made callers see. */
export interface Seen {
  readonly places: Place[];
  /** Answers of `POST /api/uploads`, whose purpose is a link. */
  readonly uploadLinks: string[];
  /** Addresses with a SAS that callers gave as sources of loads. */
  readonly loadLinks: string[];
}

const rows = (mark: string, count: number): string =>
  Array.from({ length: count }, (_, n) => `${JSON.stringify({ id: `${mark}-${n}`, mark })}\n`).join('');

/** One app under work: keeps every answer and everything the command line prints. */
class Worker {
  readonly #world: World;
  readonly #name: 'rest' | 'message';
  readonly #seen: Seen;

  constructor(world: World, name: 'rest' | 'message', seen: Seen) {
    this.#world = world;
    this.#name = name;
    this.#seen = seen;
  }

  get #base(): string {
    return this.#world.apps[this.#name].ready.url.replace(/\/$/, '');
  }

  async call(
    method: string,
    path: string,
    init: RequestInit = {},
  ): Promise<{ status: number; text: string }> {
    const { functionKey } = this.#world.secrets;
    const join = path.includes('?') ? '&' : '?';
    const response = await fetch(`${this.#base}/api${path}${join}code=${functionKey}`, {
      method,
      ...init,
      headers: { 'x-functions-key': functionKey, ...init.headers },
    });
    const text = await response.text();
    const name = `${this.#name} ${method} ${path}`;
    const kind = path === '/uploads' && response.status === 201 ? 'upload link' : 'answer';
    const headers = JSON.stringify([...response.headers]);
    this.#seen.places.push({ kind, name, text: `${response.status} ${headers}\n${text}` });
    if (kind === 'upload link') this.#seen.uploadLinks.push(text);
    return { status: response.status, text };
  }

  async cli(...args: string[]): Promise<void> {
    const key = ['--key', this.#world.secrets.functionKey];
    const outcome = await runCli([...args, '--url', this.#base, ...key], this.#world.settings[this.#name]);
    const name = `${this.#name} kusto-functions ${args.join(' ')}`;
    this.#seen.places.push({ kind: 'cli', name, text: `${outcome.out}\n${outcome.err}` });
  }

  async events(bodies: readonly string[]): Promise<void> {
    const { EVENTHUB = '' } = this.#world.settings[this.#name];
    const producer = new EventHubProducerClient(EVENTHUB, this.#name);
    await producer.sendBatch(bodies.map((body) => ({ body: Buffer.from(body) })));
    await producer.close();
  }

  async ingest(
    query: string,
    body: string | Uint8Array,
    headers: Record<string, string> = {},
  ): Promise<void> {
    await this.call('POST', `/ingest/Secrets/${query}`, {
      body: body as NonNullable<RequestInit['body']>,
      headers,
    });
  }

  async looks(): Promise<void> {
    for (const path of ['/health', '/doctor', '/pipelines', '/openapi.json', '/shipments', '/dead-letters']) {
      await this.call('GET', path);
    }
  }

  async upload(mark: string): Promise<void> {
    const body = JSON.stringify({ database: 'Secrets', table: 'Rows' });
    const made = JSON.parse((await this.call('POST', '/uploads', { body })).text) as {
      uploadId: string;
      url: string;
      headers: Record<string, string>;
    };
    const { url, headers, uploadId } = made;
    await fetch(url, { method: 'PUT', headers, body: rows(mark, 5) });
    await this.ingest(`Rows?format=json&upload=${uploadId}`, '');
    await this.call('GET', `/operations/${uploadId}`);
  }
}

async function countOf(world: World, mark: string): Promise<number> {
  const query = `union Rows, Streamed, Service, Refused | where mark == "${mark}" | count`;
  const [row] = await kustoQuery(world.stack, 'Secrets', query);
  return Number(row?.[0]);
}

/** What a service might repeat of a request that it refuses. */
function echo({ secrets }: World): string {
  const { echoedSignature, applicationToken, accessToken, clientSecret, accountKey } = secrets;
  return (
    `Cannot read https://a.blob.core.windows.net/c/b?sv=1&sp=r&sig=${encodeURIComponent(echoedSignature)} ` +
    `(Authorization: Bearer ${applicationToken}, Bearer ${accessToken}; ` +
    `client_secret=${encodeURIComponent(clientSecret)}; AccountKey=${accountKey}; ${applicationToken})`
  );
}

/** Good work: events by every route, bodies, an upload. */
async function succeed(world: World, worker: Worker, mark: string): Promise<void> {
  await worker.events([...rows(mark, 20).trim().split('\n'), '{"broken', 'no json', '']);
  await worker.ingest('Rows?format=json', rows(mark, 5), { 'idempotency-key': mark });
  await worker.ingest('Rows?format=json', rows(mark, 5), { 'idempotency-key': mark });
  await worker.ingest('Rows?format=json', gzipSync(rows(mark, 5)), { 'content-encoding': 'gzip' });
  await worker.ingest('Rows?format=json', `${rows(mark, 5)}{"broken\n`);
  await worker.upload(mark);
  await until(
    () => countOf(world, mark),
    (count) => count >= 3 * 20 + 4 * 5,
  );
  await worker.looks();
}

/** Requests that are refused, with secrets in the places where callers may put them. */
async function beRefused(world: World, worker: Worker): Promise<void> {
  const { echoedSignature, accessToken } = world.secrets;
  const headers = { authorization: `Bearer ${accessToken}` };
  await worker.ingest('Rows?format=xml', 'x', headers);
  await worker.ingest('Rows?format=json&sv=1', 'x', headers);
  await worker.ingest('Rows?format=json', 'x'.repeat(1_200_000), headers);
  await worker.ingest('Rows?format=json&upload=nothing', '', headers);
  await worker.ingest(`No/Such?format=json`, 'x', headers);
  await worker.call('GET', '/operations/none');
  await worker.call('POST', '/shipments/none/retry');
  await worker.call('GET', '/dead-letters?kind=odd');
  await worker.call('POST', '/dead-letters/replay', { body: '{"limit":' });
  await worker.call('POST', '/uploads', { body: JSON.stringify({ database: 'a', table: 'b' }) });
  await worker.cli('check', '--json');
  await worker.cli('ingest', `https://a.blob/c?sig=${encodeURIComponent(echoedSignature)}`, '--table', 'a');
}

/** The service fails in every way, and its messages repeat secrets. */
async function beFailed(world: World, worker: Worker, mark: string): Promise<void> {
  const { stack } = world;
  const message = echo(world);
  const faults: readonly Record<string, unknown>[] = [
    { target: 'engine', action: 'permanent', message, times: 6 },
    { target: 'engine', action: 'forbid', message, times: 6 },
    { target: 'engine', action: 'transient', message, times: 3 },
    { target: 'dm', action: 'permanent', message, times: 3 },
    { target: 'dm', action: 'forbid', message, times: 3 },
    { target: 'dm', action: 'throttle', message, times: 2 },
    { target: 'blob', action: 'forbid', message, times: 2 },
    { target: 'queue', action: 'forbid', message, times: 2 },
  ];
  for (const [index, fault] of faults.entries()) {
    const id = await addFault(stack, fault);
    await worker.events([JSON.stringify({ id: `${mark}-${index}`, mark })]);
    await worker.ingest('Refused?format=json', rows(`${mark}-http`, 1));
    await worker.call('GET', '/doctor');
    await new Promise((resolve) => setTimeout(resolve, 500));
    await removeFaults(stack, id);
    // The checks are run anew, so that the next failure is met by an app that ingests.
    await worker.call('GET', '/doctor');
  }
}

/** The service takes a body and refuses its content: dead letters with its message. */
async function beRejected(world: World, worker: Worker, mark: string): Promise<void> {
  const rule = { target: 'operation', match: 'Secrets.Refused', action: 'fail', code: 'BadRequest_Echo' };
  const id = await addFault(world.stack, { ...rule, message: echo(world) });
  await worker.ingest('Refused?format=json', rows(mark, 2));
  await until(
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      return (await worker.call('GET', '/dead-letters?kind=delivery')).text;
    },
    (text) => text.includes('BadRequest_Echo'),
  );
  await removeFaults(world.stack, id);
}

/** A link to a blob of the account that loads may read. */
async function linkOf(world: World, name: 'rest' | 'message', mark: string, body: string): Promise<string> {
  const service = BlobServiceClient.fromConnectionString(world.settings[name]['STAGING'] ?? '');
  const container = service.getContainerClient(`loads-${name}`);
  await container.createIfNotExists();
  const blob = container.getBlockBlobClient(`${mark}.json`);
  await blob.upload(body, Buffer.byteLength(body));
  const expiresOn = new Date(Date.now() + 3_600_000);
  return blob.generateSasUrl({
    permissions: BlobSASPermissions.parse('r'),
    expiresOn,
    version: '2023-11-03',
  });
}

/** Loads by links of their caller: one that is committed, one that the service refuses, one that is never allowed. */
async function beLoaded(world: World, worker: Worker, name: 'rest' | 'message', seen: Seen): Promise<void> {
  const message = echo(world);
  const rule = {
    target: 'operation',
    match: `load-bad-${name}`,
    action: 'fail',
    code: 'BadRequest_Echo',
    message,
  };
  const fault = await addFault(world.stack, rule);
  for (const mark of [`load-good-${name}`, `load-bad-${name}`]) {
    const url = await linkOf(world, name, mark, rows(mark, 5));
    seen.loadLinks.push(`${url}\n`);
    const request = {
      requestId: mark,
      database: 'Secrets',
      table: 'Rows',
      format: 'json',
      sources: [{ url }],
    };
    await worker.call('POST', '/loads', { body: JSON.stringify(request) });
    await worker.call('POST', '/loads', { body: JSON.stringify({ ...request, format: 'csv' }) });
    const text = await until(
      async () => {
        await passBatchingTime(world.stack);
        return (await worker.call('GET', `/loads/${mark}`)).text;
      },
      (answer) => !answer.includes('"state":"running"'),
    );
    const wanted = mark.includes('good') ? 'committed' : 'rolledBack';
    if (!text.includes(`"state":"${wanted}"`)) throw new Error(`${mark} is not ${wanted}: ${text}`);
    await worker.call('GET', `/loads/${mark}/diagnosis`);
    await worker.call('POST', '/loads', {
      body: JSON.stringify({
        ...request,
        requestId: `${mark}-no`,
        sources: [{ url: url.replace('/loads-', '/other-') }],
      }),
    });
  }
  await removeFaults(world.stack, fault);
  await worker.call('GET', '/loads');
  await worker.call('GET', '/loads/orphans');
}

/** The identity is not known, or the login server refuses it. */
async function beUnknown(world: World, worker: Worker): Promise<void> {
  const { stack, secrets } = world;
  await clearPrincipals(stack);
  await setPrincipal(stack, { token: OPERATOR, roles: { '*': ['admin'] } });
  await worker.call('GET', '/doctor');
  await worker.call('GET', '/health');
  await worker.ingest('Rows?format=json', rows('unknown', 1));
  await worker.cli('apply');
  await worker.cli('doctor', '--local');
  for (const token of [secrets.applicationToken, secrets.accessToken]) {
    await setPrincipal(stack, { token, roles: { '*': ['admin'] } });
  }
  world.refusal.on = true;
  await worker.cli('doctor', '--local', '--json');
  await worker.cli('apply');
  world.refusal.on = false;
  await worker.call('GET', '/doctor');
}

/** The storage account goes away and comes back. */
async function loseStorage(world: World, worker: Worker, mark: string): Promise<void> {
  world.door.close();
  await worker.events(rows(mark, 3).trim().split('\n'));
  await worker.ingest('Rows?format=json', rows(mark, 3));
  await worker.call('GET', '/dead-letters');
  await worker.call('GET', '/doctor');
  await worker.cli('doctor', '--local');
  world.door.open();
  await worker.call('GET', '/doctor');
}

async function operate(worker: Worker): Promise<void> {
  await worker.call('GET', '/dead-letters?limit=1000');
  await worker.cli('dead-letters', 'list', '--json');
  await worker.call('POST', '/dead-letters/replay', { body: '{"kind":"delivery"}' });
  await worker.cli('dead-letters', 'replay', '--kind', 'decode');
  await worker.cli('shipments', 'list');
  await worker.cli('doctor');
  await worker.looks();
}

async function workOn(world: World, name: 'rest' | 'message', seen: Seen): Promise<void> {
  const worker = new Worker(world, name, seen);
  await succeed(world, worker, `good-${name}`);
  await beRefused(world, worker);
  await beRejected(world, worker, `rejected-${name}`);
  await beLoaded(world, worker, name, seen);
  await beFailed(world, worker, `bad-${name}`);
  await beUnknown(world, worker);
  await loseStorage(world, worker, `lost-${name}`);
  await operate(worker);
}

/** Does every kind of work with both apps, and asks the one that is configured wrongly. */
export async function doTheWork(world: World, say: (line: string) => void): Promise<Seen> {
  const seen: Seen = { places: [], uploadLinks: [], loadLinks: [] };
  for (const name of ['rest', 'message'] as const) {
    say(`working with the app "${name}"`);
    await workOn(world, name, seen);
  }
  const base = world.broken.ready.url.replace(/\/$/, '');
  for (const path of ['health', 'doctor']) {
    const text = await (await fetch(`${base}/api/${path}`)).text();
    seen.places.push({ kind: 'answer', name: `broken ${path}`, text });
  }
  const file = join(world.stack.appDir, 'broken.yaml');
  for (const args of [['check'], ['check', '--json'], ['apply'], ['doctor', '--local']]) {
    const { out, err } = await runCli([...args, '--file', file], world.settings.rest);
    seen.places.push({ kind: 'cli', name: `broken ${args.join(' ')}`, text: `${out}\n${err}` });
  }
  return seen;
}
