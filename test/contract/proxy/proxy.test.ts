import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Azurite, startAzurite } from '../../../local/shared/azurite.js';
import { createMessageTransport } from '../../../src/kusto/message-transport.azure.js';
import { createRestIngestion } from '../../../src/kusto/queued-rest.js';
import { createStreamingIngestion } from '../../../src/kusto/streaming.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { createBlobStore } from '../../../src/storage/blob.azure.js';
import { createSasUploader } from '../../../src/storage/sas-upload.azure.js';
import { SasUrl } from '../../../src/storage/sas-url.js';
import { createTableStore } from '../../../src/storage/table.azure.js';
import { kustoParts } from '../../helpers/kusto-parts.js';
import { type CountingProxy, startProxy } from '../../helpers/proxy.js';
import { type StubServer, startStub } from '../../helpers/stub-server.js';

let proxy: CountingProxy;
let stub: StubServer;
let azurite: Azurite;
before(async () => {
  proxy = await startProxy();
  stub = await startStub((request) =>
    request.url.includes('metadata')
      ? { status: 404 }
      : {
          body: {
            Tables: [{ Columns: [], Rows: [] }],
            ingestionOperationId: 'op',
            containerSettings: { containers: [] },
          },
        },
  );
  azurite = await startAzurite();
});
after(() => Promise.all([proxy.stop(), stub.stop(), azurite.stop()]));

const through = (url: string): number => proxy.seen.get(new URL(url).host) ?? 0;

test('engine, ingest and streaming calls go through the proxy', async () => {
  const { client, http, session } = kustoParts(stub.url, { proxyUrl: proxy.url });
  await client.command('Db', '.show tables');
  await client.ingestCommand('Db', '.show version');
  const options = { http, authorize: session.authorize, clock: systemClock };
  const rest = createRestIngestion({ ...options, ingestUrl: stub.url, cacheMs: 1_000 });
  assert.equal(await rest.isSupported(), true);
  const streaming = createStreamingIngestion({ ...options, engineUrl: stub.url });
  await streaming.stream({
    database: 'd',
    table: 't',
    format: 'json',
    body: gzipSync('{}'),
    clientRequestId: 'r',
  });
  assert.ok(through(stub.url) >= 1);
  const made = stub.requests.length;
  http.close();
  await proxy.stop();
  await assert.rejects(client.command('Db', '.show tables'), { code: 'KUSTO_UNREACHABLE' });
  assert.equal(stub.requests.length, made, 'nothing goes round the proxy');
  proxy = await startProxy();
});

test('blob, table and service container calls go through the proxy', async () => {
  const storage = { connectionString: azurite.connectionString, stagingContainer: 's', ledgerTable: 'l' };
  const blobs = createBlobStore({ storage, clock: systemClock, proxyUrl: proxy.url });
  await blobs.put('proxied', 'b', Buffer.from('x'));
  assert.ok(through(azurite.blobUrl) > 0);
  const before = through(azurite.blobUrl);
  const link = new URL((await blobs.uploadUrl('proxied', 'dir', 60_000)).reveal());
  link.pathname = link.pathname.replace(/\/dir$/, '');
  await createSasUploader({ proxyUrl: proxy.url })
    .upload(new SasUrl(link.href), 'dir', Buffer.from('y'))
    .catch(() => undefined);
  assert.ok(through(azurite.blobUrl) > before);
  const table = createTableStore({ storage, table: 'proxied', clock: systemClock, proxyUrl: proxy.url });
  await table.upsert({ partitionKey: 'p', rowKey: 'r', properties: { a: 1 } });
  assert.ok(through(azurite.tableUrl) > 0);
});

test('messages to the service’s queue and reads of its status table go through the proxy', async () => {
  const transport = createMessageTransport({ proxyUrl: proxy.url });
  const sas = (base: string, name: string) => new SasUrl(`${base}/${name}?sv=1&sp=a&sig=x`);
  const asked = [
    { base: azurite.queueUrl, ask: () => transport.enqueue(sas(azurite.queueUrl, 'queue'), 'message') },
    { base: azurite.tableUrl, ask: () => transport.readStatus(sas(azurite.tableUrl, 'table'), 'source') },
  ];
  for (const { base, ask } of asked) {
    const before = through(base);
    await assert.rejects(ask(), { code: 'STORAGE_FORBIDDEN' });
    assert.equal(through(base), before + 1);
  }
});
