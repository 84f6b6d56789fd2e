import {
  type KustoConnectionStringBuilder as Builder,
  Client,
  KustoConnectionStringBuilder,
} from 'azure-kusto-data';
import { createIngestionService } from '../../../local/kusto/dm/service.js';
import { createQueryEngine } from '../../../local/kusto/query/engine.js';
import { type KustoServer, startKustoServer } from '../../../local/kusto/server/server.js';
import { openStorage } from '../../../local/kusto/server/storage.js';
import type { CertificateFiles, LocalCertificate } from '../../../local/shared/tls.js';

const WAIT_MS = 30_000;
const PAUSE_MS = 25;

export interface LocalKusto {
  readonly server: KustoServer;
  connection(): Builder;
  command(text: string): Promise<Record<string, unknown>[]>;
  count(table: string): Promise<number>;
  /** Rows of a failure or success queue, once there are `atLeast`. */
  reports(kind: 'FailedIngestionsQueue' | 'SuccessfulIngestionsQueue', atLeast: number): Promise<Report[]>;
  fault(rule: Readonly<Record<string, unknown>>): Promise<void>;
  resource(type: string): Promise<string>;
  put(name: string, body: string | Uint8Array): Promise<string>;
  post(path: string, body: unknown): Promise<{ status: number; body: Record<string, unknown> }>;
  get(path: string): Promise<{ status: number; body: Record<string, unknown> }>;
  stop(): Promise<void>;
}

export type Report = Readonly<Record<string, unknown>>;

export async function eventually<T>(read: () => Promise<T>, until: (value: T) => boolean): Promise<T> {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    const value = await read();
    if (until(value)) return value;
    if (Date.now() > end) throw new Error(`not reached within ${WAIT_MS} ms; last: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function answer(response: Response) {
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function takeReports(queueUrl: string): Promise<Report[]> {
  const url = new URL(queueUrl);
  url.pathname += '/messages';
  url.searchParams.set('numofmessages', '32');
  const xml = await (await fetch(url, { headers: { 'x-ms-version': '2021-12-02' } })).text();
  return [...xml.matchAll(/<MessageText>([^<]*)<\/MessageText>/g)].map(
    (match) => JSON.parse(Buffer.from(match[1]!, 'base64').toString('ascii')) as Report,
  );
}

export interface StartOptions {
  readonly dataDirectory?: string;
  /** First of three ports of the storage clients are sent to; any free ones without it. */
  readonly storagePort?: number;
  readonly tls?: { readonly certificate: LocalCertificate; readonly certificateFiles: CertificateFiles };
}

/** The local Kusto in this process with its own Azurite. */
export async function startLocalKusto(options: StartOptions = {}): Promise<LocalKusto> {
  const { dataDirectory, storagePort = 0, tls } = options;
  const kept = dataDirectory === undefined ? {} : { dataDirectory };
  const server = await startKustoServer({
    port: 0,
    queryEngine: createQueryEngine(),
    databases: ['Db'],
    ingestion: createIngestionService,
    storage: (parts) => openStorage({ port: storagePort, ...kept, ...tls }, parts),
    ...kept,
    ...(tls !== undefined && { certificate: tls.certificate }),
  });
  const connection = () => new KustoConnectionStringBuilder(server.url);
  const client = new Client(connection());
  const command = async (text: string) => {
    const result = await client.execute('Db', text).catch((error: unknown) => {
      const data = (error as { response?: { data?: unknown } }).response?.data;
      throw new Error(`${text}: ${JSON.stringify(data ?? String(error))}`);
    });
    return result.primaryResults[0]!.toJSON<Record<string, unknown>>().data;
  };
  const resource = async (type: string) => {
    const rows = await command('.get ingestion resources');
    return String(rows.find((row) => row['ResourceTypeName'] === type)!['StorageRoot']);
  };
  return {
    server,
    connection,
    command,
    count: async (table) => Number((await command(`${table} | count`))[0]!['Count']),
    resource,
    reports: async (kind, atLeast) => {
      const queue = await resource(kind);
      const seen: Report[] = [];
      return eventually(
        async () => {
          seen.push(...(await takeReports(queue)));
          return seen;
        },
        (list) => list.length >= atLeast,
      );
    },
    fault: async (rule) => {
      const body = JSON.stringify(rule);
      const response = await fetch(`${server.admin}/faults`, { method: 'POST', body });
      if (!response.ok) throw new Error(await response.text());
    },
    put: async (name, body) => {
      const [root, sas] = (await resource('TempStorage')).split('?');
      const url = `${root}/${name}?${sas}`;
      const headers = { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': '2021-12-02' };
      const response = await fetch(url, { method: 'PUT', headers, body: Buffer.from(body) });
      if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
      return url;
    },
    post: async (path, body) =>
      answer(await fetch(`${server.url}${path}`, { method: 'POST', body: JSON.stringify(body) })),
    get: async (path) => answer(await fetch(`${server.url}${path}`)),
    stop: () => server.stop(),
  };
}
