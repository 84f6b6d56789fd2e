import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createQueryEngine } from '../../../local/kusto/query/engine.js';
import type { KustoServer } from '../../../local/kusto/server/server.js';
import { command, post, startEngine, type V1Table } from './engine.js';

const WRITERS = 4;
const APPENDS_EACH = 30;
const ROWS_EACH = 3;

interface V2Frame {
  readonly TableKind?: string;
  readonly Rows: readonly (readonly unknown[])[];
}

interface Seen {
  readonly rows: readonly (readonly unknown[])[];
  readonly cursor: string;
}

async function readV2(server: KustoServer, csl: string): Promise<Seen> {
  const response = await post(server, '/v2/rest/query', { db: 'Samples', csl });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const frames = JSON.parse(text) as V2Frame[];
  const properties = frames.find(({ TableKind }) => TableKind === 'QueryProperties')?.Rows ?? [];
  const row = properties.find((cells) => cells[1] === 'Cursor');
  assert.equal(typeof row?.[2], 'string', text);
  const rows = frames.find(({ TableKind }) => TableKind === 'PrimaryResult')?.Rows ?? [];
  return { rows, cursor: String(row?.[2]) };
}

async function write(server: KustoServer, writer: number): Promise<void> {
  for (let turn = 0; turn < APPENDS_EACH; turn += 1) {
    const from = (writer * APPENDS_EACH + turn) * ROWS_EACH;
    await command(server, `.append T <| range n from ${from} to ${from + ROWS_EACH - 1} step 1`);
  }
}

async function readersSeeAllOnce(server: KustoServer): Promise<void> {
  await command(server, '.create table T (n: long)');
  let isWriting = true;
  const writers = Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(server, writer))).finally(
    () => {
      isWriting = false;
    },
  );
  const read = async () => {
    const seen: number[] = [];
    let cursor = '';
    let turns = 0;
    for (let isLast = false; !isLast; turns += 1) {
      isLast = !isWriting;
      const answer = await readV2(server, `T | where cursor_after('${cursor}')`);
      seen.push(...answer.rows.map(([n]) => Number(n)));
      cursor = answer.cursor;
    }
    return { seen, turns };
  };
  const readers = await Promise.all([read(), read(), read()]);
  await writers;
  const all = Array.from({ length: WRITERS * APPENDS_EACH * ROWS_EACH }, (_, n) => n);
  for (const { seen, turns } of readers) {
    assert.ok(turns > 3, `only ${turns} reads while rows were written`);
    assert.deepEqual(
      seen.sort((a, b) => a - b),
      all,
    );
  }
}

async function engineOnDisk(t: TestContext): Promise<KustoServer> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'kusto-cursor-'));
  const server = await startEngine(t, { queryEngine: createQueryEngine(), dataDirectory });
  t.after(() => rm(dataDirectory, { recursive: true, force: true }));
  return server;
}

test('readers that follow the cursor while rows are appended see every row exactly once, in memory', async (t) => {
  await readersSeeAllOnce(await startEngine(t, { queryEngine: createQueryEngine() }));
});

test('readers that follow the cursor while rows are appended see every row exactly once, with data on disk', async (t) => {
  await readersSeeAllOnce(await engineOnDisk(t));
});

test('a cursor taken before or at splits the rows in two, and stays so after a restart', async (t) => {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'kusto-cursor-'));
  t.after(() => rm(dataDirectory, { recursive: true, force: true }));
  const options = { queryEngine: createQueryEngine(), dataDirectory };
  const first = await startEngine(t, options);
  await command(first, '.create table T (n: long)');
  await command(first, '.append T <| print n = 1');
  const { cursor } = await readV2(first, 'T | where cursor_after("")');
  await command(first, '.append T <| print n = 2');
  const halves = async (server: KustoServer) => {
    const before = await readV2(server, `T | where cursor_before_or_at('${cursor}')`);
    const after = await readV2(server, `T | where cursor_after('${cursor}')`);
    return [before.rows, after.rows];
  };
  assert.deepEqual(await halves(first), [[[1]], [[2]]]);
  await first.stop();
  const second = await startEngine(t, options);
  assert.deepEqual(await halves(second), [[[1]], [[2]]]);
  await command(second, '.append T <| print n = 3');
  assert.deepEqual(await halves(second), [[[1]], [[2], [3]]]);
});

test('the v1 answer carries the cursor too, and answers without cursor functions carry none', async (t) => {
  const server = await startEngine(t, { queryEngine: createQueryEngine() });
  await command(server, '.create table T (n: long)');
  const properties = async (csl: string) => {
    const response = await post(server, '/v1/rest/query', { db: 'Samples', csl });
    const { Tables } = (await response.json()) as { Tables: V1Table[] };
    return Tables[1]?.Rows.map(([value]) => JSON.parse(String(value)) as Record<string, unknown>) ?? [];
  };
  const [, row] = await properties("T | where cursor_after('')");
  assert.match(String(row?.['Cursor']), /^\d{18}$/);
  assert.equal((await properties('T')).length, 1);
});
