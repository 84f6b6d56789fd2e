import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Client, KustoConnectionStringBuilder } from 'azure-kusto-data';
import {
  BlobDescriptor,
  DataFormat,
  IngestClient,
  IngestionProperties,
  IngestStatusQueues,
  ManagedStreamingIngestClient,
  ReportLevel,
  ReportMethod,
  StreamingIngestClient,
} from 'azure-kusto-ingest';
import { until } from '../../helpers/stack.js';

/**
 * Run by a test, where https is used with the server's certificate trusted: every kind of call that the official
 * clients make. Prints one line of JSON with what they saw.
 */
const [, , engine = '', dm = '', folder = '', report = ''] = process.argv;

type Options = NonNullable<ConstructorParameters<typeof IngestionProperties>[0]>;

const client = new Client(new KustoConnectionStringBuilder(engine));
const closers: { close(): void }[] = [client];

function kept<T extends { close(): void }>(one: T): T {
  closers.push(one);
  return one;
}

function properties(table: string, more: Options = {}): IngestionProperties {
  return new IngestionProperties({ database: 'Samples', table, format: DataFormat.CSV, ...more });
}

async function numbers(table: string, atLeast: number): Promise<number[]> {
  const read = async () => {
    const result = await client.execute('Samples', `${table} | sort by a asc | project a`);
    return [...(result.primaryResults[0]?.rows() ?? [])].map((row) => Number(row.getValueAt(0)));
  };
  return until(read, (found) => found.length >= atLeast);
}

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** Management, and queries in both forms. */
async function queries() {
  const created = await client.executeMgmt('Samples', '.create table Q (a: long, b: string)');
  for (const table of ['F', 'S', 'On', 'Off']) {
    await client.executeMgmt('Samples', `.create table ${table} (a: long, b: string)`);
  }
  for (const table of ['S', 'On']) {
    await client.executeMgmt('Samples', `.alter table ${table} policy streamingingestion enable`);
  }
  const first = (result: typeof created) => result.primaryResults[0]?.rows().next().value?.getValueAt(0);
  const counted = await client.executeQuery('Samples', 'range x from 1 to 3 step 1 | count');
  const inV1 = await client.executeQueryV1('Samples', 'print 4');
  const refused = await client.executeQuery('Samples', 'NoSuchTable').then(
    () => 'nothing',
    (error: { response?: { data?: { error?: { '@permanent'?: boolean } } } }) =>
      error.response?.data?.error?.['@permanent'],
  );
  return [first(created), first(counted), first(inV1), refused];
}

const tracked = {
  flushImmediately: true,
  reportLevel: ReportLevel.FailuresAndSuccesses,
  reportMethod: report === 'table' ? ReportMethod.Table : ReportMethod.Queue,
};

function queuedClient(table: string, more: Options = {}): IngestClient {
  const builder = new KustoConnectionStringBuilder(dm);
  return kept(new IngestClient(builder, properties(table, { ...tracked, ...more })));
}

type IngestionResult = Awaited<ReturnType<IngestClient['ingestFromBlob']>>;

async function statusOf(result: IngestionResult): Promise<unknown> {
  const entity = await until(
    async () => (await result.getIngestionStatusCollection()) as unknown as Record<string, unknown>,
    ({ Status }) => Status === 'Succeeded' || Status === 'Failed',
  );
  return [entity['Status'], entity['Table'], entity['ErrorCode'] ?? ''];
}

/** A file, a stream and a blob, and one that fails; then what became of each. */
async function queued() {
  const uploader = queuedClient('Q');
  const own = await uploader.uploadToBlobWithRetry(await file('blob.csv', '3,blob\n'), 'own.csv');
  const results = await Promise.all([
    queuedClient('Q').ingestFromFile(await file('file.csv', '1,file\n')),
    queuedClient('Q').ingestFromStream(Readable.from(['2,stream\n'])),
    queuedClient('Q').ingestFromBlob(new BlobDescriptor(own, 7)),
    queuedClient('F', { ingestionMappingReference: 'NoSuchMapping' }).ingestFromBlob(
      new BlobDescriptor(own, 7),
    ),
  ]);
  const rows = await numbers('Q', 3);
  if (report === 'table') {
    return { rows, statuses: await Promise.all(results.map(statusOf)) };
  }
  const queues = new IngestStatusQueues(uploader);
  const told = async (queue: typeof queues.success, count: number) => {
    const seen: Record<string, unknown>[] = [];
    const pop = async () => {
      seen.push(...((await queue.pop(count)) as unknown as Record<string, unknown>[]));
      return seen;
    };
    await until(pop, (all) => all.length >= count);
    return seen.map((message) => [message['Table'], message['ErrorCode'] ?? '']);
  };
  return { rows, statuses: [...(await told(queues.success, 3)), ...(await told(queues.failure, 1))] };
}

async function streamed() {
  const streaming = kept(
    new StreamingIngestClient(new KustoConnectionStringBuilder(engine), properties('S')),
  );
  await streaming.ingestFromStream(Readable.from(['1,stream\n']));
  await streaming.ingestFromFile(await file('streamed.csv', '2,file\n'));
  const uploader = queuedClient('S');
  const own = await uploader.uploadToBlobWithRetry(await file('s-blob.csv', '3,blob\n'), 'streamed.csv');
  await streaming.ingestFromBlob(new BlobDescriptor(own));
  return numbers('S', 3);
}

/** With the streaming policy off the client tries, waits and goes by the queue. */
async function managed(table: string) {
  const builders = [engine, dm].map((url) => new KustoConnectionStringBuilder(url)) as [
    KustoConnectionStringBuilder,
    KustoConnectionStringBuilder,
  ];
  const options = properties(table, { flushImmediately: true });
  const ingest = kept(new ManagedStreamingIngestClient(...builders, options));
  await Promise.all([
    ingest.ingestFromStream(Readable.from([Buffer.from('1,stream\n')])),
    ingest.ingestFromFile(await file(`managed-${table}.csv`, '2,file\n')),
  ]);
  return numbers(table, 2);
}

/** How often the streaming endpoint was asked to take rows for a table. */
async function streamingCount(table: string) {
  const result = await client.execute(
    'Samples',
    `.show streamingingestion statistics | where Table == '${table}' | summarize sum(Count)`,
  );
  return Number([...(result.primaryResults[0]?.rows() ?? [])][0]?.getValueAt(0) ?? 0);
}

const asked = await queries();
const [byQueue, byStream, on, off] = await Promise.all([queued(), streamed(), managed('On'), managed('Off')]);
const streams = [await streamingCount('On'), await streamingCount('Off')];
process.stdout.write(`${JSON.stringify({ asked, ...byQueue, byStream, on, off, streams })}\n`);
for (const one of closers) {
  one.close();
}
