import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { eventually, type LocalKusto, startLocalKusto } from './local-kusto.js';

/** Of the batching policy: the default of the service. */
const BATCHING_MS = 300_000;

type Json = Record<string, unknown>;

interface Status {
  readonly succeeded: number;
  readonly failed: number;
  readonly inProgress: number;
  readonly canceled: number;
}

let kusto: LocalKusto;
let files: http.Server;
let tables = 0;
/** Bodies, or the status to refuse with, by path. */
const served = new Map<string, Buffer | number>();

before(async () => {
  kusto = await startLocalKusto();
  files = http.createServer((request, response) => {
    const found = served.get(request.url ?? '') ?? 404;
    response.statusCode = typeof found === 'number' ? found : 200;
    response.end(typeof found === 'number' || request.method === 'HEAD' ? '' : found);
  });
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
});

after(async () => {
  files.close();
  await kusto.stop();
});

async function newTable(properties = ''): Promise<string> {
  const name = `L${++tables}`;
  await kusto.command(`.create table ${name} (a:long, b:string) ${properties}`);
  return name;
}

function serve(content: Buffer | string | number): string {
  const path = `/${randomUUID()}.csv`;
  served.set(path, typeof content === 'string' ? Buffer.from(content) : content);
  return `http://127.0.0.1:${(files.address() as AddressInfo).port}${path}`;
}

interface Submitted {
  readonly table: string;
  readonly id: unknown;
}

async function submit(
  table: string,
  urls: readonly string[],
  properties: Json = {},
  rawSize = 4,
): Promise<Submitted> {
  const blobs = urls.map((url) => ({ url, sourceId: randomUUID(), rawSize }));
  const { status, body } = await kusto.post(`/v1/rest/ingestion/queued/Db/${table}`, {
    blobs,
    properties: { format: 'csv', enableTracking: true, ...properties },
  });
  assert.equal(status, 200, JSON.stringify(body));
  return { table, id: body['ingestionOperationId'] };
}

async function look({ table, id }: Submitted): Promise<Json> {
  return (await kusto.get(`/v1/rest/ingestion/queued/Db/${table}/${id}?details=true`)).body;
}

function settled(submitted: Submitted): Promise<Json> {
  return eventually(
    () => look(submitted),
    (body) => (body['status'] as Status).inProgress === 0,
  );
}

async function batchingPasses(): Promise<void> {
  await kusto.fault({ target: 'clock', action: 'advance', delayMs: BATCHING_MS });
}

function codes(operation: Json): unknown[] {
  return (operation['details'] as Json[]).map((detail) => detail['errorCode'] || detail['status']);
}

test('hidden table takes blobs with its own mapping, tags, creation time, and without their first records', async () => {
  const table = await newTable('with (hidden = true)');
  const owner = await newTable();
  const swapped = '[{"column":"a","Ordinal":1},{"column":"b","Ordinal":0}]';
  await kusto.command(`.create table ${table} ingestion csv mapping 'Own' '${swapped}'`);
  await kusto.command(`.create table ${owner} ingestion csv mapping 'Other' '${swapped}'`);
  const properties = {
    tags: ['drop-by:load', 'x'],
    creationTime: '2024-05-06T07:08:09Z',
    ignoreFirstRecord: true,
    ingestionMappingReference: 'Own',
  };
  const urls = [serve('b,a\nx,1\n'), serve(gzipSync('b,a\ny,2\n'))];
  const first = await submit(table, urls, properties);
  assert.equal(((await look(first))['status'] as Status).inProgress, 2);
  await batchingPasses();
  assert.deepEqual((await settled(first))['status'], { succeeded: 2, failed: 0, inProgress: 0, canceled: 0 });
  const rows = await kusto.command(`${table} | sort by a asc | project r = strcat(a, b)`);
  assert.deepEqual(
    rows.map((row) => row['r']),
    ['1x', '2y'],
  );
  const [extent, ...others] = await kusto.command(
    `.show table ${table} extents | project Tags, On = tostring(MaxCreatedOn)`,
  );
  assert.deepEqual(others, []);
  assert.deepEqual(extent, { Tags: 'drop-by:load\r\nx', On: '2024-05-06T07:08:09.0000000Z' });
  const other = await submit(table, [serve('1,x\n')], {
    skipBatching: true,
    ingestionMappingReference: 'Other',
  });
  assert.deepEqual(codes(await settled(other)), ['BadRequest_MappingReferenceWasNotFound']);
});

test('blobs of other tags never share an extent, and those of one tag of several requests do', async () => {
  const table = await newTable();
  const submitted = [
    await submit(table, [serve('1,x\n'), serve('2,x\n')], { tags: ['drop-by:1', 'k'] }),
    await submit(table, [serve('3,x\n')], { tags: ['k', 'drop-by:1'] }),
    await submit(table, [serve('4,x\n')], { tags: ['drop-by:2'] }),
    await submit(table, [serve('5,x\n')], { tags: ['drop-by:1'] }),
  ];
  await batchingPasses();
  const ends = await Promise.all(submitted.map(settled));
  assert.deepEqual(
    ends.map((end) => (end['status'] as Status).succeeded),
    [2, 1, 1, 1],
  );
  const extents = await kusto.command(
    `${table} | summarize Ns = make_list(a), Tags = take_any(tostring(extent_tags())) by Id = extent_id() | project Ns = tostring(array_sort_asc(Ns)) | sort by Ns asc`,
  );
  assert.deepEqual(
    extents.map((row) => row['Ns']),
    ['[1,2,3]', '[4]', '[5]'],
  );
});

test('batch of more rows than one extent may have becomes several extents at once', async () => {
  const table = await newTable();
  await kusto.command(`.alter table ${table} policy sharding '{"ShardEngineMaxRowCount": 5}'`);
  const lines = (from: number) => Array.from({ length: 4 }, (_, row) => `${from + row},x\n`).join('');
  const submitted = await submit(table, [serve(lines(0)), serve(lines(4)), serve(lines(8))]);
  await batchingPasses();
  await settled(submitted);
  const extents = await kusto.command(`.show table ${table} extents | project RowCount, MaxCreatedOn`);
  assert.deepEqual(
    extents.map((row) => Number(row['RowCount'])),
    [5, 5, 2],
  );
  assert.equal(new Set(extents.map((row) => String(row['MaxCreatedOn']))).size, 1);
  assert.equal(await kusto.count(`${table} | distinct a`), 12);
});

test('every blob reaches an end: dropped table, absent and forbidden source, size, tag that exists', async () => {
  const table = await newTable();
  const dropped = await newTable();
  const gone = await submit(dropped, [serve('1,x\n'), serve('2,x\n')]);
  await kusto.command(`.drop table ${dropped}`);
  const bad = await submit(table, [serve(404), serve(403), serve('1,x\n')]);
  const huge = await submit(table, [serve('2,x\n')], {}, 6_442_450_945);
  const allowed = await submit(
    table,
    [serve('3,x\n')],
    { ignoreSizeLimit: true, tags: ['ingest-by:k'] },
    6_442_450_945,
  );
  assert.deepEqual(codes(await settled(huge)), ['BadRequest_FileTooLarge']);
  await settled(allowed);
  const repeated = await submit(table, [serve('4,x\n')], { ingestIfNotExists: ['k'] });
  assert.deepEqual(codes(await settled(repeated)), ['Skipped_IngestByTagAlreadyExists']);
  await batchingPasses();
  const ended = await settled(gone);
  assert.deepEqual(codes(ended), ['BadRequest_TableNotExist', 'BadRequest_TableNotExist']);
  assert.equal((ended['details'] as Json[])[0]!['failureStatus'], 'Permanent');
  assert.deepEqual(codes(await settled(bad)), ['Download_SourceNotFound', 'Download_Forbidden', 'Succeeded']);
  const rows = await kusto.command(`${table} | sort by a asc | project a`);
  assert.deepEqual(
    rows.map((row) => Number(row['a'])),
    [1, 3],
  );
});

for (const work of ['undone', 'done'] as const) {
  test(`blob that vanishes stays in progress for ever, with its work ${work}`, async () => {
    const table = await newTable();
    await kusto.fault({ target: 'operation', match: `Db.${table}`, action: 'vanish', work, times: 1 });
    const lost = await submit(table, [serve('1,x\n')], { skipBatching: true });
    await settled(await submit(table, [serve('2,x\n')], { skipBatching: true }));
    assert.equal(((await look(lost))['status'] as Status).inProgress, 1);
    assert.equal(await kusto.count(table), work === 'done' ? 2 : 1);
  });
}

test('creation time that retention does not reach back to fails each blob', async () => {
  const table = await newTable();
  await kusto.command(`.alter-merge table ${table} policy retention softdelete = 1d`);
  const early = await submit(table, [serve('1,x\n'), serve('2,x\n')], { creationTime: '2020-01-01' });
  await batchingPasses();
  const code = 'BadRequest_CreationTimeEarlierThanSoftDeletePeriod';
  assert.deepEqual(codes(await settled(early)), [code, code]);
  assert.equal(await kusto.count(table), 0);
});
