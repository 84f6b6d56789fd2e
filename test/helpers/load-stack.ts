import { gzipSync } from 'node:zlib';
import { BlobServiceClient } from '@azure/storage-blob';
import { passBatchingTime } from './kusto-admin.js';
import { kustoCommand, kustoQuery, type Stack, type StackOptions, startStack, until } from './stack.js';

/** Container of the stack's own account that loads may read. */
const LOAD_CONTAINER = 'loads';

function loadPipeline(more = ''): string {
  return [
    'kusto: { cluster: "%KUSTO_CLUSTER%", auth: { kind: "%KUSTO_AUTH%" } }',
    'http: { tables: ["Samples.*"] }',
    `load: { storage: [{ container: ${LOAD_CONTAINER} }], reapEveryMs: 2s }`,
    more,
  ].join('\n');
}

/** The stack for loads; durable queues are looked at often. */
export function startLoadStack(options: Partial<StackOptions> = {}): Promise<Stack> {
  return startStack({
    pipeline: loadPipeline(),
    ...options,
    settings: { KUSTO_AUTH: 'none', ...options.settings },
  });
}

export interface View {
  readonly id: string;
  readonly state: string;
  readonly step: string;
  readonly rows: { readonly expected?: number; readonly staged?: number; readonly committed?: number };
  readonly error?: { readonly code: string; readonly message: string; readonly nextCommand: string };
  readonly [key: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: View & Record<string, unknown>;
}

export interface Call {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A call of the app's API, such as `POST /loads`. */
export async function api(stack: Stack, what: string, { body, headers = {} }: Call = {}): Promise<Answer> {
  const [method = '', path = ''] = what.split(' ');
  const url = new URL(`api${path}`, `${stack.hosts.at(-1)?.ready.url}/`);
  const response = await fetch(url, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: text === '' ? {} : JSON.parse(text) };
}

/** Starts a load of CSV blobs into a table of the database Samples. */
export const load = (stack: Stack, body: Readonly<Record<string, unknown>>): Promise<Answer> =>
  api(stack, 'POST /loads', { body: { database: 'Samples', format: 'csv', ...body } });

function loadContainer(stack: Pick<Stack, 'azurite'>) {
  return BlobServiceClient.fromConnectionString(stack.azurite.connectionString).getContainerClient(
    LOAD_CONTAINER,
  );
}

/** Writes blobs of the load container; their addresses. */
export async function putBlobs(
  stack: Stack,
  blobs: Readonly<Record<string, string | Buffer>>,
): Promise<string[]> {
  const container = loadContainer(stack);
  await container.createIfNotExists();
  const names = Object.keys(blobs);
  for (const name of names) {
    const body = blobs[name] as string | Buffer;
    const bytes = name.endsWith('.gz') && typeof body === 'string' ? gzipSync(body) : Buffer.from(body);
    await container.getBlockBlobClient(name).upload(bytes, bytes.length);
  }
  return names.map((name) => `${container.url}/${name}`);
}

/** Rows `n,name` with numbers from `from`. */
export function csvRows(from: number, count: number): string {
  return Array.from({ length: count }, (_, index) => `${from + index},row ${from + index}\n`).join('');
}

/** Waits for a load's end, letting the service's batching time pass at once. */
export async function endOf(stack: Stack, id: string, timeoutMs = 120_000): Promise<View> {
  return until(
    async () => {
      const { json } = await api(stack, `GET /loads/${id}`);
      if (json.step === 'wait') await passBatchingTime(stack);
      return json;
    },
    ({ state }) => state !== 'running',
    timeoutMs,
  );
}

export const makeTable = (stack: Stack, name: string): Promise<unknown> =>
  kustoCommand(stack, 'Samples', `.create table ${name} (n: long, name: string)`);

/** Numbers of the table, sorted. */
export async function numbersIn(stack: Stack, table: string): Promise<number[]> {
  return (await kustoQuery(stack, 'Samples', `${table} | project n | sort by n asc`)).map(([n]) => Number(n));
}

/** What loads must not leave: hidden tables, blobs of loads and uploads. */
export async function leftovers(stack: Stack): Promise<string[]> {
  const tables = await kustoCommand(
    stack,
    'Samples',
    '.show tables with (IncludeHiddenTables=true) | where TableName startswith "kf_load_" | project TableName',
  );
  const service = BlobServiceClient.fromConnectionString(stack.azurite.connectionString);
  const blobs: string[] = [];
  for (const [name, prefix] of [
    ['kusto-staging', 'loads/'],
    ['uploads', ''],
  ] as const) {
    const container = service.getContainerClient(name);
    if (!(await container.exists())) continue;
    for await (const blob of container.listBlobsFlat({ prefix })) blobs.push(`${name}/${blob.name}`);
  }
  return [...tables.map(([name]) => String(name)), ...blobs];
}

/** Tags of the table's extents, once the marker of the load that brought them is gone. */
export async function tagsOf(stack: Stack, table: string): Promise<string[]> {
  const rows = await until(
    () => kustoCommand(stack, 'Samples', `.show table ${table} extents | project Tags`),
    (found) => !found.some(([tags]) => String(tags).includes('drop-by:')),
  );
  return [...new Set(rows.flatMap(([tags]) => String(tags).split('\r\n')))].filter(Boolean).sort();
}
