import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { Client, KustoConnectionStringBuilder } from 'azure-kusto-data';
import {
  DataFormat,
  IngestionProperties,
  ManagedStreamingIngestClient,
  StreamingIngestClient,
} from 'azure-kusto-ingest';
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
