import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  BlobDescriptor,
  DataFormat,
  IngestionProperties,
  ManagedStreamingIngestClient,
  StreamingIngestClient,
} from 'azure-kusto-ingest';
import { eventually, type LocalKusto, startLocalKusto } from './local-kusto.js';

type Options = NonNullable<ConstructorParameters<typeof IngestionProperties>[0]>;

let kusto: LocalKusto;
let tables = 0;

before(async () => {
  kusto = await startLocalKusto();
});

after(() => kusto.stop());

async function newTable(enabled = true): Promise<string> {
  const name = `S${++tables}`;
  await kusto.command(`.create table ${name} (a:long, b:string, d:dynamic)`);
  if (enabled) await kusto.command(`.alter table ${name} policy streamingingestion enable`);
  return name;
}

function properties(table: string, more: Options = {}): IngestionProperties {
  return new IngestionProperties({ database: 'Db', table, format: DataFormat.MULTIJSON, ...more });
}

async function stream(
  table: string,
  query: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${kusto.server.url}/v1/rest/ingest/Db/${table}?${query}`, {
    method: 'POST',
    body,
    headers,
  });
  return {
    status: response.status,
    body: (await response.json()) as { Tables?: unknown; error?: Record<string, unknown> },
  };
}

test('rows streamed by the official client are in the table when it returns', async () => {
  const table = await newTable();
  const client = new StreamingIngestClient(kusto.connection(), properties(table));
  await client.ingestFromStream(Readable.from(['{"a":9007199254740993,"b":"é","d":{"x":1.0}}\n{"a":2}']));
  assert.equal(await kusto.count(table), 2);
  const rows = await kusto.command(`${table} | where b == 'é' | project s = tostring(a), d`);
  assert.equal(rows[0]!['s'], '9007199254740993');
});

test('a blob is streamed by its address', async () => {
  const table = await newTable();
  const client = new StreamingIngestClient(kusto.connection(), properties(table, { format: DataFormat.CSV }));
  await client.ingestFromBlob(new BlobDescriptor(await kusto.put('s.csv', '1,x,{}\n')));
  assert.equal(await kusto.count(table), 1);
});

test('the managed client streams, and queues where streaming is off', async () => {
  const on = await newTable();
  const off = await newTable(false);
  const managed = (table: string) =>
    new ManagedStreamingIngestClient(
      kusto.connection(),
      kusto.connection(),
      properties(table, { format: DataFormat.CSV, flushImmediately: true }),
    );
  await managed(on).ingestFromStream(Readable.from([Buffer.from('1,x,{}\n')]));
  assert.equal(await kusto.count(on), 1);
  await managed(off).ingestFromStream(Readable.from([Buffer.from('1,x,{}\n')]));
  await eventually(
    () => kusto.count(off),
    (count) => count === 1,
  );
});

test('streaming into a table whose policy is off is refused for good, with words clients look for', async () => {
  const { status, body } = await stream(await newTable(false), 'streamFormat=csv', '1,x,{}');
  assert.equal(status, 400);
  assert.equal(body.error!['code'], 'BadRequest_StreamingIngestionPolicyNotEnabled');
  assert.equal(body.error!['@permanent'], true);
  assert.match(String(body.error!['@message']), /streaming.*disabled/i);
});

test('formats in any case, gzip and mappings by name work; a missing mapping is refused', async () => {
  const table = await newTable();
  const mapping = `'[{"column":"a","path":"$.deep.x"}]'`;
  await kusto.command(`.create table ${table} ingestion json mapping "m" ${mapping}`);
  const gzip = { 'content-encoding': 'gzip' };
  const good = await stream(
    table,
    'streamFormat=MultiJSON&mappingName=m',
    gzipSync('{"deep":{"x":7}}'),
    gzip,
  );
  assert.equal(good.status, 200);
  assert.deepEqual((good.body.Tables as { Rows: unknown[][] }[])[0]!.Rows[0]![0], 1);
  assert.equal((await kusto.command(table))[0]!['a'], 7);
  const bad = await stream(table, 'streamFormat=json&mappingName=none', '{}');
  assert.equal(bad.body.error!['code'], 'BadRequest_MappingReferenceWasNotFound');
});

test('more than 4 MB is refused as too large', async () => {
  const table = await newTable();
  const big = `1,${'x'.repeat(4 * 1024 * 1024)},{}`;
  assert.equal((await stream(table, 'streamFormat=csv', big)).status, 413);
  const url = await kusto.put('big.csv', gzipSync(big));
  const byUri = await stream(table, 'streamFormat=csv&sourceKind=uri', JSON.stringify({ SourceUri: url }));
  assert.equal(byUri.status, 413);
  assert.equal(await kusto.count(table), 0);
});

test('bad data is refused with the code it has in a batch', async () => {
  const table = await newTable();
  const { status, body } = await stream(table, 'streamFormat=csv', '1,x,{}\n2,y\n');
  assert.equal(status, 400);
  assert.equal(body.error!['code'], 'Stream_WrongNumberOfFields');
});

test('a thousand requests leave few extents, every row, and quick answers', async () => {
  const table = await newTable();
  const times: number[] = [];
  const lane = async (from: number): Promise<void> => {
    for (let i = from; i < 1000; i += 16) {
      const start = performance.now();
      const { status } = await stream(table, 'streamFormat=json', `{"a":${i},"b":"row ${i}","d":{"i":${i}}}`);
      assert.equal(status, 200);
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, i) => lane(i)));
  assert.equal(await kusto.count(table), 1000);
  const sum = await kusto.command(`${table} | summarize s = sum(a), n = dcount(a)`);
  assert.equal(sum[0]!['s'], 499_500);
  const extents = await kusto.command(`.show table ${table} extents`);
  assert.ok(extents.length < 100, `${extents.length} extents`);
  times.sort((x, y) => x - y);
  assert.ok(times[990]! < 5_000, `p99 ${times[990]} ms`);
});
