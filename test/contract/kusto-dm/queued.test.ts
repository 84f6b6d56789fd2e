import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  BlobDescriptor,
  DataFormat,
  IngestClient,
  IngestionProperties,
  ReportLevel,
  ReportMethod,
  StreamDescriptor,
} from 'azure-kusto-ingest';
import { eventually, type LocalKusto, startLocalKusto } from './local-kusto.js';

type Options = NonNullable<ConstructorParameters<typeof IngestionProperties>[0]>;

let kusto: LocalKusto;
let tables = 0;

before(async () => {
  kusto = await startLocalKusto();
});

after(() => kusto.stop());

async function newTable(columns = 'a:long, b:string'): Promise<string> {
  const name = `T${++tables}`;
  await kusto.command(`.create table ${name} (${columns})`);
  return name;
}

function clientFor(table: string, options: Options = {}): IngestClient {
  const properties = new IngestionProperties({
    database: 'Db',
    table,
    format: DataFormat.CSV,
    flushImmediately: true,
    reportLevel: ReportLevel.FailuresAndSuccesses,
    reportMethod: ReportMethod.Queue,
    ...options,
  });
  return new IngestClient(kusto.connection(), properties);
}

async function rowsIn(table: string, count: number): Promise<void> {
  await eventually(
    () => kusto.count(table),
    (found) => found >= count,
  );
  assert.equal(await kusto.count(table), count);
}

/** Puts a message on the ingestion queue as an SDK other than Node's would. */
async function enqueue(message: Readonly<Record<string, unknown>> | string): Promise<void> {
  const text =
    typeof message === 'string' ? message : Buffer.from(JSON.stringify(message)).toString('base64');
  const [root, sas] = (await kusto.resource('SecuredReadyForAggregationQueue')).split('?');
  const response = await fetch(`${root}/messages?${sas}`, {
    method: 'POST',
    headers: { 'x-ms-version': '2021-12-02' },
    body: `<QueueMessage><MessageText>${text}</MessageText></QueueMessage>`,
  });
  assert.equal(response.status, 201);
}

async function token(): Promise<string> {
  return String((await kusto.command('.get kusto identity token'))[0]!['AuthorizationContext']);
}

async function failureOf(sourceId: string): Promise<Record<string, unknown>> {
  const failures = await kusto.reports('FailedIngestionsQueue', 1);
  const found = failures.find((report) => report['IngestionSourceId'] === sourceId);
  return found ?? (await failureOf(sourceId));
}

test('a file, a stream and a blob sent by the official client are in the table', async () => {
  const table = await newTable();
  const client = clientFor(table);
  const folder = await mkdtemp(join(tmpdir(), 'queued-'));
  try {
    await writeFile(join(folder, 'x.csv'), '1,file\n');
    await client.ingestFromFile(join(folder, 'x.csv'));
    await client.ingestFromStream(new StreamDescriptor(Readable.from(['2,"a\nstream"\n'])));
    await client.ingestFromBlob(new BlobDescriptor(await kusto.put('own.csv', '3,blob\n'), 7));
    await rowsIn(table, 3);
    const rows = await kusto.command(`${table} | order by a asc`);
    assert.deepEqual(
      rows.map((row) => row['b']),
      ['file', 'a\nstream', 'blob'],
    );
    const successes = await kusto.reports('SuccessfulIngestionsQueue', 3);
    assert.equal(successes[0]!['Table'], table);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a bad blob fails alone and its neighbours are ingested in one extent', async () => {
  const table = await newTable();
  await kusto.command(`.alter table ${table} policy ingestionbatching '{"MaximumNumberOfItems":3}'`);
  const client = clientFor(table, { flushImmediately: false });
  const bad = randomUUID();
  await client.ingestFromBlob(new BlobDescriptor(await kusto.put('good1.csv', '1,x\n'), 4));
  await client.ingestFromBlob(new BlobDescriptor(await kusto.put('bad.csv', '1,x\n2\n'), 6, bad));
  await client.ingestFromBlob(new BlobDescriptor(await kusto.put('good2.csv', '2,y\n'), 4));
  await rowsIn(table, 2);
  const failure = await failureOf(bad);
  assert.equal(failure['ErrorCode'], 'Stream_WrongNumberOfFields');
  assert.equal(failure['FailureStatus'], 'Permanent');
  const extents = await kusto.command(`${table} | summarize by extent_id()`).catch(() => undefined);
  if (extents !== undefined) assert.equal(extents.length, 1);
});

test('a batch waits for its time on the clock of the engine', async () => {
  const table = await newTable();
  const client = clientFor(table, { flushImmediately: false });
  await client.ingestFromBlob(new BlobDescriptor(await kusto.put('later.csv', '1,x\n'), 4));
  await kusto.command(`.create table ${table}probe (a:long, b:string)`);
  await clientFor(`${table}probe`).ingestFromBlob(
    new BlobDescriptor(await kusto.put('probe.csv', '1,x\n'), 4),
  );
  await rowsIn(`${table}probe`, 1);
  assert.equal(await kusto.count(table), 0);
  await eventually(
    async () => {
      await kusto.fault({ target: 'clock', action: 'advance', delayMs: 301_000, times: 1 });
      return kusto.count(table);
    },
    (count) => count === 1,
  );
});

test('the same blob twice in one batch is ingested once', async () => {
  const table = await newTable();
  const client = clientFor(table, { flushImmediately: false });
  const url = await kusto.put('twice.csv', '1,x\n');
  const second = randomUUID();
  await client.ingestFromBlob(new BlobDescriptor(url, 4));
  await client.ingestFromBlob(new BlobDescriptor(url, 4, second));
  const failures = await kusto.reports('FailedIngestionsQueue', 1);
  assert.equal(failures[0]!['ErrorCode'], 'BlobAlreadyReceived_BlobAlreadyFoundInBatch');
  await clientFor(table).ingestFromBlob(new BlobDescriptor(await kusto.put('flush.csv', '2,y\n'), 4));
  await rowsIn(table, 2);
});

test('a source whose tag the table has is skipped', async () => {
  const table = await newTable();
  const options = { ingestByTags: ['load-1'], ingestIfNotExists: '["load-1"]' };
  const client = clientFor(table, options);
  await client.ingestFromBlob(new BlobDescriptor(await kusto.put('once.csv', '1,x\n'), 4));
  await rowsIn(table, 1);
  await kusto.reports('SuccessfulIngestionsQueue', 1);
  await client.ingestFromBlob(new BlobDescriptor(await kusto.put('again.csv', '1,x\n'), 4));
  await kusto.reports('SuccessfulIngestionsQueue', 1);
  assert.equal(await kusto.count(table), 1);
});

test('missing tables, mappings and blobs, refused blobs and unknown formats fail with their codes', async () => {
  const table = await newTable();
  const missing = (await kusto.put('there.csv', '1,x\n')).replace('there.csv', 'nowhere.csv');
  const forbidden = (await kusto.put('locked.csv', '1,x\n')).replace(/sig=[^&]*/, 'sig=AAAA');
  const good = await kusto.put('fine.csv', '1,x\n');
  const cases: readonly (readonly [string, string, string, Readonly<Record<string, unknown>>])[] = [
    ['BadRequest_TableNotExist', 'Nope', good, {}],
    ['BadRequest_MappingReferenceWasNotFound', table, good, { ingestionMappingReference: 'm' }],
    ['Download_SourceNotFound', table, missing, {}],
    ['Download_Forbidden', table, forbidden, {}],
    ['BadRequest_FormatNotSupported', table, good, { format: 'orc' }],
    ['BadRequest_InvalidMapping', table, good, { ingestionMapping: '[{"column":"a"}]' }],
    ['BadRequest_DuplicateMapping', table, good, { ingestionMapping: '[]', ingestionMappingReference: 'm' }],
    ['BadRequest_EmptyBlob', table, await kusto.put('empty.csv', ''), {}],
    ['BadRequest_InvalidKustoIdentityToken', table, good, { authorizationContext: 'stolen' }],
  ];
  for (const [code, target, blob, properties] of cases) {
    const id = randomUUID();
    await enqueue({
      Id: id,
      BlobPath: blob,
      DatabaseName: 'Db',
      TableName: target,
      RawDataSize: 4,
      FlushImmediately: true,
      ReportLevel: 0,
      ReportMethod: 0,
      AdditionalProperties: { authorizationContext: await token(), format: 'csv', ...properties },
    });
    assert.equal((await failureOf(id))['ErrorCode'], code);
  }
});

test('a message in camelCase with words for numbers is understood and reports to the status table', async () => {
  const table = await newTable();
  const id = randomUUID();
  await enqueue({
    id,
    blobPath: await kusto.put('camel.json.gz', gzipSync('{"a":9007199254740993,"b":"x"}\n')),
    databaseName: 'Db',
    tableName: table,
    rawDataSize: 30,
    flushImmediately: true,
    retainBlobOnSuccess: false,
    reportLevel: 'FailuresAndSuccesses',
    reportMethod: 'Table',
    ingestionStatusInTable: { tableConnectionString: 'x', partitionKey: id, rowKey: id },
    additionalProperties: { authorizationContext: await token(), format: 'json', tags: '["drop-by:x"]' },
  });
  await rowsIn(table, 1);
  const [root, sas] = (await kusto.resource('IngestionsStatusTable')).split('?');
  const url = `${root}(PartitionKey='${id}',RowKey='${id}')?${sas}`;
  const entity = await eventually(
    async () => (await fetch(url, { headers: { accept: 'application/json;odata=nometadata' } })).json(),
    (value) => (value as Record<string, unknown>)['Status'] === 'Succeeded',
  );
  assert.equal((entity as Record<string, unknown>)['Table'], table);
});

test('a source that never stops failing is given up as exhausted', async () => {
  const table = await newTable();
  await kusto.fault({ target: 'operation', action: 'transient', match: `Db.${table} `, times: 20 });
  const id = randomUUID();
  await clientFor(table).ingestFromBlob(new BlobDescriptor(await kusto.put('flaky.csv', '1,x\n'), 4, id));
  const advance = setInterval(() => {
    kusto.fault({ target: 'clock', action: 'advance', delayMs: 10_000, times: 1 }).catch(() => undefined);
  }, 50);
  try {
    const failure = await failureOf(id);
    assert.equal(failure['ErrorCode'], 'General_RetryAttemptsExceeded');
    assert.equal(failure['FailureStatus'], 'Exhausted');
  } finally {
    clearInterval(advance);
  }
});

test('a source that fails once is ingested on the next attempt', async () => {
  const table = await newTable();
  await kusto.fault({ target: 'operation', action: 'transient', match: `Db.${table} `, times: 1 });
  await clientFor(table).ingestFromBlob(new BlobDescriptor(await kusto.put('once-flaky.csv', '1,x\n'), 4));
  await rowsIn(table, 1);
});

test('a message that is no message is given up and the queue goes on', async () => {
  const table = await newTable();
  await enqueue('bm90IGpzb24=');
  await clientFor(table).ingestFromBlob(new BlobDescriptor(await kusto.put('next.csv', '1,x\n'), 4));
  await rowsIn(table, 1);
  const failures = await kusto.reports('FailedIngestionsQueue', 1);
  assert.ok(failures.some((failure) => failure['ErrorCode'] === 'BadRequest_CorruptedMessage'));
});

test('clients find at least one resource of each kind, and export containers', async () => {
  const rows = await kusto.command('.get ingestion resources');
  const types = new Set(rows.map((row) => row['ResourceTypeName']));
  assert.deepEqual([...types].sort(), [
    'FailedIngestionsQueue',
    'IngestionsStatusTable',
    'SecuredReadyForAggregationQueue',
    'SuccessfulIngestionsQueue',
    'TempStorage',
  ]);
  assert.ok(rows.every((row) => /^http:\/\/[^?]+\?.*sig=/.test(String(row['StorageRoot']))));
  assert.ok(String((await kusto.command('.show export containers'))[0]!['StorageRoot']).includes('sig='));
  assert.ok(String((await kusto.command('.create tempstorage'))[0]!['StorageRoot']).includes('sig='));
});
