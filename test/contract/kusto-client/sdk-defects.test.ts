import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import {
  BlobServiceClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import {
  generateQueueSASQueryParameters,
  StorageSharedKeyCredential as QueueKeyCredential,
  QueueSASPermissions,
  QueueServiceClient,
} from '@azure/storage-queue';
import { Client, KustoConnectionStringBuilder } from 'azure-kusto-data';
import {
  DataFormat,
  IngestClient,
  IngestionProperties,
  ManagedStreamingIngestClient,
  StreamingIngestClient,
} from 'azure-kusto-ingest';
import { AZURITE_ACCOUNT, AZURITE_KEY, type Azurite, startAzurite } from '../../../local/shared/azurite.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { type StubServer, startStub } from '../../helpers/stub-server.js';

/**
 * Defects of the Node SDK for which the app owns a step. Each test shows the defect: when one fails, the SDK was
 * mended, and the step may be given back.
 */
const stubs: StubServer[] = [];
after(() => Promise.all(stubs.map((stub) => stub.stop())));

async function stubOf(answer: Parameters<typeof startStub>[0]): Promise<StubServer> {
  const stub = await startStub((request) =>
    request.url.includes('auth/metadata') ? { status: 404 } : answer(request),
  );
  stubs.push(stub);
  return stub;
}

const properties = (table = 'T') =>
  new IngestionProperties({ database: 'D', table, format: DataFormat.JSON, ingestionMappingReference: 'M' });

test('the SDK rounds a long above 2^53; our reader does not', async () => {
  const stub = await stubOf(() => ({
    body: '{"Tables":[{"TableName":"T","Columns":[{"ColumnName":"n","ColumnType":"long"}],"Rows":[[9007199254740993]]}]}',
  }));
  const client = new Client(new KustoConnectionStringBuilder(stub.url));
  const answer = await client.executeMgmt('D', '.show x');
  const [row] = [...(answer.primaryResults[0]?.rows() ?? [])];
  assert.equal(String(row?.getValueAt(0)), '9007199254740992');
});

test('the SDK does not escape names in the address of a streaming call', async () => {
  const stub = await stubOf(() => ({ body: '{"Tables":[]}' }));
  const client = new StreamingIngestClient(new KustoConnectionStringBuilder(stub.url));
  await client.ingestFromStream(Readable.from([Buffer.from('{}')]), properties('a?b'));
  assert.match(stub.requests.at(-1)?.url ?? '', /\/D\/a\?b\?streamFormat/);
});

test('the SDK’s managed client tries a permanent streaming error three times, and hides it', async () => {
  const stub = await stubOf((request) =>
    request.url.startsWith('/v1/rest/ingest/')
      ? {
          status: 400,
          body: { error: { code: 'BadRequest_TableNotExist', message: 'no such table', '@permanent': true } },
        }
      : { status: 400, body: { error: { code: 'X', message: 'queued path was taken', '@permanent': true } } },
  );
  const connection = () => new KustoConnectionStringBuilder(stub.url);
  const client = new ManagedStreamingIngestClient(connection(), connection());
  const failure = await client
    .ingestFromStream(Readable.from([Buffer.from('{}')]), properties())
    .catch((error: unknown) => error);
  assert.equal(stub.requests.filter(({ url }) => url.startsWith('/v1/rest/ingest/')).length, 3);
  assert.doesNotMatch(String(failure), /no such table/);
  client.close();
});

test('the SDK asks for the cloud once per call that begins in parallel', async () => {
  const stub = await stubOf(() => ({ body: '{"Tables":[{"TableName":"T","Columns":[],"Rows":[]}]}' }));
  const client = new Client(new KustoConnectionStringBuilder(stub.url));
  await Promise.all(Array.from({ length: 5 }, () => client.executeMgmt('D', '.show x')));
  assert.equal(stub.requests.filter(({ url }) => url.includes('auth/metadata')).length, 5);
});

/** An ingest endpoint whose resources lie in Azurite. */
async function stubWithStorage(azurite: Azurite, containers: readonly string[]): Promise<StubServer> {
  const key = new StorageSharedKeyCredential(AZURITE_ACCOUNT, AZURITE_KEY);
  const expiresOn = new Date(Date.now() + 3_600_000);
  const containerUrl = (containerName: string): string => {
    const permissions = ContainerSASPermissions.parse('racwl');
    return `${azurite.blobUrl}/${containerName}?${generateBlobSASQueryParameters({ containerName, permissions, expiresOn }, key)}`;
  };
  const queues = QueueServiceClient.fromConnectionString(azurite.connectionString);
  await queues.createQueue('incoming');
  const queueKey = new QueueKeyCredential(AZURITE_ACCOUNT, AZURITE_KEY);
  const queueSas = generateQueueSASQueryParameters(
    { queueName: 'incoming', permissions: QueueSASPermissions.parse('a'), expiresOn },
    queueKey,
  );
  const rows = [
    ...containers.map((name) => ['TempStorage', containerUrl(name)]),
    ['SecuredReadyForAggregationQueue', `${azurite.queueUrl}/incoming?${queueSas}`],
    ['FailedIngestionsQueue', `${azurite.queueUrl}/incoming?${queueSas}`],
    ['SuccessfulIngestionsQueue', `${azurite.queueUrl}/incoming?${queueSas}`],
    ['IngestionsStatusTable', `${azurite.tableUrl}/status?sig=x`],
  ];
  const column = (ColumnName: string) => ({ ColumnName, ColumnType: 'string' });
  return stubOf((request) => {
    const { csl = '' } = JSON.parse(String(request.body) || '{}') as { csl?: string };
    const table = csl.includes('identity')
      ? { TableName: 'T', Columns: [column('AuthorizationContext')], Rows: [['token']] }
      : { TableName: 'T', Columns: [column('ResourceTypeName'), column('StorageRoot')], Rows: rows };
    return { body: { Tables: [table] } };
  });
}

const lines = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `{"n":${n},"fill":"${'x'.repeat(200)}"}\n`);

test('the SDK’s managed client breaks a stream over 4 MiB', async (t) => {
  const azurite = await startAzurite();
  t.after(() => azurite.stop());
  const blobs = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient('temp');
  await blobs.create();
  const stub = await stubWithStorage(azurite, ['temp']);
  const connection = () => new KustoConnectionStringBuilder(stub.url);
  const client = new ManagedStreamingIngestClient(connection(), connection());
  const sent = lines(30_000);
  // Pieces that do not end with a line, as they come from a network.
  const bytes = Buffer.from(sent.join(''));
  const pieces = Array.from({ length: Math.ceil(bytes.length / 65_000) }, (_, n) =>
    bytes.subarray(n * 65_000, (n + 1) * 65_000),
  );
  await client.ingestFromStream(Readable.from(pieces), properties());
  client.close();
  const names: string[] = [];
  for await (const blob of blobs.listBlobsFlat()) names.push(blob.name);
  const stored = await blobs.getBlobClient(names[0] ?? '').downloadToBuffer();
  assert.equal(stored.length, bytes.length);
  assert.ok(!stored.equals(bytes), 'the blob is what was sent: the defect is gone');
});

test('the SDK’s queued client hangs when its first container refuses a stream', async (t) => {
  const azurite = await startAzurite();
  t.after(() => azurite.stop());
  await BlobServiceClient.fromConnectionString(azurite.connectionString).createContainer('good');
  const stub = await stubWithStorage(azurite, ['absent-1', 'absent-2', 'good']);
  const client = new IngestClient(new KustoConnectionStringBuilder(stub.url));
  const call = client.ingestFromStream(Readable.from([Buffer.from('{}\n')]), properties()).then(
    () => 'done',
    () => 'failed',
  );
  // Long after an upload of three bytes to this machine is over.
  const outcome = await Promise.race([call, systemClock.sleep(4_000).then(() => 'hangs')]);
  assert.equal(outcome, 'hangs');
  client.close();
});
