import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  api,
  csvRows,
  endOf,
  leftovers,
  load,
  makeTable,
  numbersIn,
  putBlobs,
  startLoadStack,
  tagsOf,
} from '../helpers/load-stack.js';
import { kustoCommand, kustoQuery, type Stack } from '../helpers/stack.js';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Blobs of ten rows each, numbered through. */
const tens = (folder: string, count: number): Record<string, string> =>
  Object.fromEntries(
    upTo(count).map((n) => [`${folder}/${String(n).padStart(3, '0')}.csv`, csvRows(n * 10, 10)]),
  );

const bad = 'n,name\n"1","a"\n2\n3,b,c,d\n';

describe('loads through the host', () => {
  let stack: Stack;
  before(async () => {
    stack = await startLoadStack();
  });
  after(() => stack.stop());

  /** Starts a load and waits for its end. */
  async function run(body: Record<string, unknown>) {
    const started = await load(stack, body);
    assert.equal(started.status, 202, JSON.stringify(started.json));
    return endOf(stack, started.json.id);
  }

  test('a load of several blobs is committed once, and leaves nothing behind', async () => {
    await makeTable(stack, 'Good');
    const urls = await putBlobs(stack, {
      'good/a.csv': csvRows(0, 100),
      'good/b.csv.gz': csvRows(100, 100),
      'good/c.csv': csvRows(200, 50),
    });
    const body = { requestId: 'good-1', table: 'Good', sources: urls.map((url) => ({ url })) };
    const started = await load(stack, body);
    assert.equal(started.status, 202, JSON.stringify(started.json));
    assert.equal(started.headers.get('location'), '/api/loads/good-1');
    assert.ok(started.headers.get('retry-after'));
    assert.equal((await load(stack, body)).json.id, 'good-1');
    const other = await load(stack, { ...body, expectedRows: 250 });
    assert.deepEqual([other.status, other.json['code']], [409, 'REQUEST_ID_REUSED']);
    const view = await endOf(stack, 'good-1');
    assert.equal(view.state, 'committed', JSON.stringify(view, null, 1));
    assert.equal(view.rows.committed, 250);
    const repeated = await load(stack, body);
    assert.deepEqual([repeated.status, repeated.json.state], [200, 'committed']);
    assert.deepEqual(await numbersIn(stack, 'Good'), upTo(250));
    assert.deepEqual(await leftovers(stack), []);
  });

  test('one bad blob among forty: nothing of it is ever visible, and the answer names it', async () => {
    await makeTable(stack, 'OneBad');
    await putBlobs(stack, { ...tens('onebad', 39), 'onebad/bad.csv': bad });
    const [first] = await putBlobs(stack, { 'onebad/000.csv': csvRows(0, 10) });
    const prefix = first?.replace('000.csv', '');
    const started = await load(stack, { table: 'OneBad', sources: [{ prefix }] });
    assert.equal(started.status, 202, JSON.stringify(started.json));
    let seen = 0;
    const reader = setInterval(async () => {
      const [row] = await kustoQuery(stack, 'Samples', 'OneBad | count').catch(() => []);
      seen = Math.max(seen, Number(row?.[0] ?? 0));
    }, 50);
    const view = await endOf(stack, started.json.id);
    clearInterval(reader);
    assert.equal(view.state, 'rolledBack', JSON.stringify(view, null, 1));
    assert.equal(view.error?.code, 'LOAD_SOURCE_REFUSED');
    assert.match(view.error?.message ?? '', /onebad\/bad\.csv/);
    assert.match(view.error?.nextCommand ?? '', /diagnose/);
    assert.equal(seen, 0);
    assert.deepEqual(await numbersIn(stack, 'OneBad'), []);
    assert.deepEqual(await leftovers(stack), []);
  });

  test('an uploaded body is cut at record borders and counted', async () => {
    await makeTable(stack, 'Uploaded');
    const upload = (await api(stack, 'POST /uploads', { body: { database: 'Samples', table: 'Uploaded' } }))
      .json;
    const body = `n,name\n${csvRows(0, 30_000)}`;
    const headers = { ...(upload['headers'] as object) };
    const put = await fetch(String(upload['url']), { method: 'PUT', headers, body });
    assert.equal(put.status, 201);
    const view = await run({
      table: 'Uploaded',
      ignoreFirstRecord: true,
      expectedRows: 30_000,
      sources: [{ upload: upload['uploadId'] }],
    });
    assert.equal(view.state, 'committed', JSON.stringify(view, null, 1));
    assert.deepEqual(view.rows, { expected: 30_000, staged: 30_000, committed: 30_000 });
    assert.deepEqual(await numbersIn(stack, 'Uploaded'), upTo(30_000));
    assert.deepEqual(await leftovers(stack), []);
  });

  test('tags are on the committed extents, and a second load under them is skipped', async () => {
    await makeTable(stack, 'Tagged');
    const [url] = await putBlobs(stack, { 'tagged/a.csv': csvRows(0, 10) });
    const tags = { additional: ['from:test'], ingestBy: ['day-1'], ingestIfNotExists: ['day-1'] };
    const first = await run({ table: 'Tagged', sources: [{ url }], tags });
    assert.equal(first.state, 'committed', JSON.stringify(first, null, 1));
    assert.deepEqual(await tagsOf(stack, 'Tagged'), ['from:test', 'ingest-by:day-1']);
    const second = await run({ table: 'Tagged', sources: [{ url }], tags });
    assert.equal(second.state, 'skipped', JSON.stringify(second, null, 1));
    assert.equal(second['skippedBy'], 'ingest-by:day-1');
    assert.deepEqual(await numbersIn(stack, 'Tagged'), upTo(10));
  });

  test('a load that waits is cancelled by its caller, and undone', async () => {
    await makeTable(stack, 'Cancelled');
    const [url] = await putBlobs(stack, { 'cancelled/a.csv': csvRows(0, 10) });
    const { json } = await load(stack, { table: 'Cancelled', sources: [{ url }] });
    const asked = await api(stack, `DELETE /loads/${json.id}`);
    assert.equal(asked.status, 202);
    const view = await endOf(stack, json.id);
    assert.equal(view.state, 'cancelled', JSON.stringify(view, null, 1));
    assert.equal(view.error?.code, 'LOAD_CANCELLED');
    assert.deepEqual(await leftovers(stack), []);
    assert.equal((await api(stack, `DELETE /loads/${json.id}`)).status, 200);
    const listed = (await api(stack, 'GET /loads?state=cancelled')).json['loads'] as { id: string }[];
    assert.ok(listed.some(({ id }) => id === json.id));
  });

  test('the queued mode writes straight into the table, and its failure says what is there', async () => {
    await makeTable(stack, 'Straight');
    const [good, wrong] = await putBlobs(stack, {
      'straight/a.csv': csvRows(0, 10),
      'straight/bad.csv': bad,
    });
    const ok = await run({
      table: 'Straight',
      writeMode: 'Queued',
      sources: [{ url: good }],
      tags: { ingestBy: ['q'] },
    });
    assert.equal(ok.state, 'committed', JSON.stringify(ok, null, 1));
    assert.deepEqual(await numbersIn(stack, 'Straight'), upTo(10));
    assert.deepEqual(await tagsOf(stack, 'Straight'), ['ingest-by:q']);
    const [more] = await putBlobs(stack, { 'straight/b.csv': csvRows(10, 10) });
    const view = await run({
      table: 'Straight',
      writeMode: 'Queued',
      sources: [{ url: more }, { url: wrong }],
    });
    assert.equal(view.state, 'failedDirty', JSON.stringify(view, null, 1));
    assert.equal(view.error?.code, 'LOAD_PARTIAL');
    assert.deepEqual(await numbersIn(stack, 'Straight'), upTo(20));
    await kustoCommand(stack, 'Samples', String(view['repair']).split('\n')[0] ?? '');
    assert.deepEqual(await numbersIn(stack, 'Straight'), upTo(10));
    assert.deepEqual(await leftovers(stack), []);
  });

  test('a table is made from the schema, and a source with other columns is mapped by name', async () => {
    const [url] = await putBlobs(stack, { 'made/a.csv': csvRows(0, 10) });
    const made = await run({
      table: 'Made',
      sources: [{ url }],
      tableCreateOptions: 'CreateIfNotExist',
      schema: { n: 'long', name: 'string' },
      adjustSchema: 'FailIfNotMatch',
    });
    assert.equal(made.state, 'committed', JSON.stringify(made, null, 1));
    const [turned] = await putBlobs(stack, { 'made/b.csv': 'row 10,10\nrow 11,11\n' });
    const mapped = await run({
      table: 'Made',
      sources: [{ url: turned }],
      schema: { name: 'string', n: 'long' },
      adjustSchema: 'GenerateDynamicCsvMapping',
    });
    assert.equal(mapped.state, 'committed', JSON.stringify(mapped, null, 1));
    assert.deepEqual(await numbersIn(stack, 'Made'), upTo(12));
  });

  test('columns that are named by numbers keep their places', async () => {
    await kustoCommand(stack, 'Samples', ".create table Numbered (b: string, ['2']: long, ['1']: long)");
    const [url] = await putBlobs(stack, { 'numbered/a.csv': 'x,20,10\n' });
    const view = await run({ table: 'Numbered', sources: [{ url }] });
    assert.equal(view.state, 'committed', JSON.stringify(view, null, 1));
    assert.deepEqual(await kustoQuery(stack, 'Samples', 'Numbered'), [['x', 20, 10]]);
  });

  test('a staging table of the caller is emptied and kept, and keeps its rows when the load fails', async () => {
    await makeTable(stack, 'Target');
    await makeTable(stack, 'MyStage');
    const [good, wrong] = await putBlobs(stack, { 'mine/a.csv': csvRows(0, 10), 'mine/bad.csv': bad });
    const ok = await run({ table: 'Target', tempTableName: 'MyStage', sources: [{ url: good }] });
    assert.equal(ok.state, 'committed', JSON.stringify(ok, null, 1));
    assert.deepEqual([await numbersIn(stack, 'Target'), await numbersIn(stack, 'MyStage')], [upTo(10), []]);
    const failed = await run({
      table: 'Target',
      tempTableName: 'MyStage',
      sources: [{ url: good }, { url: wrong }],
    });
    assert.equal(failed.state, 'rolledBack', JSON.stringify(failed, null, 1));
    assert.deepEqual(
      [await numbersIn(stack, 'Target'), await numbersIn(stack, 'MyStage')],
      [upTo(10), upTo(10)],
    );
    const refused = await run({ table: 'Target', tempTableName: 'MyStage', sources: [{ url: good }] });
    assert.equal(refused.error?.code, 'LOAD_TEMP_TABLE_INVALID');
  });
});
