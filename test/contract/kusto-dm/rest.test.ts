import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { eventually, type LocalKusto, startLocalKusto } from './local-kusto.js';

let kusto: LocalKusto;

before(async () => {
  kusto = await startLocalKusto();
  await kusto.command('.create table T (a:long, b:string)');
});

after(() => kusto.stop());

type Json = Record<string, unknown>;

function request(urls: readonly string[], properties: Json): Json {
  const blobs = urls.map((url) => ({ url, sourceId: randomUUID(), rawSize: 4 }));
  return { timestamp: new Date().toISOString(), blobs, properties: { format: 'csv', ...properties } };
}

async function settled(operation: unknown, details = false): Promise<Json> {
  const path = `/v1/rest/ingestion/queued/Db/T/${operation}${details ? '?details=true' : ''}`;
  return eventually(
    async () => (await kusto.get(path)).body,
    (body) => (body['status'] as Json)['inProgress'] === 0,
  );
}

test('the configuration names containers and limits', async () => {
  const { body } = await kusto.get('/v1/rest/ingestion/configuration');
  const containers = (body['containerSettings'] as Json)['containers'] as Json[];
  assert.ok(String(containers[0]!['path']).includes('sig='));
  assert.equal((body['ingestionSettings'] as Json)['maxBlobsPerBatch'], 20);
});

test('a tracked request is followed to its end, blob by blob', async () => {
  const good = await kusto.put('r1.csv', '1,x\n');
  const bad = await kusto.put('r2.csv', '1,"x\n');
  const body = request([good, bad], { enableTracking: true, skipBatching: true });
  const { status, body: answer } = await kusto.post('/v1/rest/ingestion/queued/Db/T', body);
  assert.equal(status, 200);
  const operation = await settled(answer['ingestionOperationId'], true);
  assert.deepEqual(operation['status'], { succeeded: 1, failed: 1, inProgress: 0, canceled: 0 });
  const failed = (operation['details'] as Json[]).find((detail) => detail['status'] === 'Failed')!;
  assert.equal(failed['errorCode'], 'Stream_ClosingQuoteMissing');
  assert.equal(failed['failureStatus'], 'Permanent');
  assert.equal(String(failed['url']).includes('sig='), false);
  assert.equal(await kusto.count('T'), 1);
  assert.equal((await settled(answer['ingestionOperationId']))['details'], undefined);
});

test('a fault refuses after queueing the blobs that hold a record, compressed or not', async () => {
  const rule = { target: 'operation', match: 'poisoned', action: 'fail', code: 'Stream_Odd' };
  await kusto.fault(rule);
  const urls = [
    await kusto.put('c1.csv', '11,fine\n'),
    await kusto.put('c2.csv', '12,fine\n13,poisoned\n'),
    await kusto.put('c3.csv.gz', gzipSync('14,poisoned\n')),
  ];
  const body = request(urls, { enableTracking: true, skipBatching: true });
  const { body: answer } = await kusto.post('/v1/rest/ingestion/queued/Db/T', body);
  const operation = await settled(answer['ingestionOperationId'], true);
  const codes = (operation['details'] as Json[]).map((detail) => detail['errorCode'] || detail['status']);
  assert.deepEqual(codes, ['Succeeded', 'Stream_Odd', 'Stream_Odd']);
});

test('without tracking there is no operation id', async () => {
  const body = request([await kusto.put('r3.csv', '2,y\n')], { skipBatching: true, tags: ['drop-by:x'] });
  const { body: answer } = await kusto.post('/v1/rest/ingestion/queued/Db/T', body);
  assert.equal(answer['ingestionOperationId'], '');
  await eventually(
    () => kusto.count('T | where a == 2'),
    (count) => count === 1,
  );
});

test('more than twenty blobs, no blob and unknown operations are refused', async () => {
  const path = '/v1/rest/ingestion/queued/Db/T';
  const many = request(
    Array.from({ length: 21 }, (_, i) => `http://127.0.0.1:1/x/${i}`),
    {},
  );
  assert.equal((await kusto.post(path, many)).status, 400);
  assert.equal((await kusto.post(path, request([], {}))).status, 400);
  assert.equal((await kusto.get(`${path}/${randomUUID()}`)).status, 404);
});

test('a fault that does the work twice doubles the rows', async () => {
  await kusto.command('.create table Twice (a:long, b:string)');
  await kusto.fault({ target: 'operation', action: 'duplicate', match: 'Db.Twice', times: 1 });
  const body = request([await kusto.put('r4.csv', '3,z\n')], { skipBatching: true });
  await kusto.post('/v1/rest/ingestion/queued/Db/Twice', body);
  await eventually(
    () => kusto.count('Twice'),
    (count) => count === 2,
  );
});
