import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type KustoReady, type Part, startPart } from '../../helpers/stack.js';

const EXTENTS = 40;
/** Milliseconds from the move's start to the kill: before, while and after it is written. */
const KILL_AFTER_MS = [0, 2, 5, 12];

async function startKusto(t: TestContext, data: string): Promise<Part<KustoReady>> {
  const args = ['--port', '0', '--json', '--no-storage', '--data', data];
  const part = await startPart<KustoReady>('local/kusto/main.js', args, {});
  t.after(() => part.child.stop());
  return part;
}

async function rows(kusto: Part<KustoReady>, csl: string, path = '/v1/rest/mgmt'): Promise<unknown[][]> {
  const response = await fetch(new URL(path, kusto.ready.engine), {
    method: 'POST',
    body: JSON.stringify({ db: 'Samples', csl }),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return (JSON.parse(text) as { Tables: [{ Rows: unknown[][] }] }).Tables[0].Rows;
}

async function count(kusto: Part<KustoReady>, table: string): Promise<number> {
  return Number((await rows(kusto, `${table} | count`, '/v1/rest/query'))[0]?.[0]);
}

test('move cut off by a kill is there as a whole or not at all, and an answered one is there', async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'kusto-extents-crash-'));
  t.after(() => rm(data, { recursive: true, force: true }));
  let kusto = await startKusto(t, data);
  await rows(kusto, '.create table A (n: long)');
  await rows(kusto, '.create table B (n: long)');
  for (let n = 0; n < EXTENTS; n += 1) {
    await rows(kusto, `.append A <| print n = ${n}`);
  }
  let [from, to] = ['A', 'B'];
  for (const delay of KILL_AFTER_MS) {
    const answered = rows(
      kusto,
      `.move extents all from table ${from} to table ${to} with (setNewIngestionTime=true)`,
    ).then(
      () => true,
      () => false,
    );
    await new Promise((resolve) => setTimeout(resolve, delay));
    kusto.child.process.kill('SIGKILL');
    await kusto.child.exited;
    const wasAnswered = await answered;
    kusto = await startKusto(t, data);
    const counts = [await count(kusto, from), await count(kusto, to)];
    const isMoved = counts[0] === 0;
    assert.deepEqual(counts, isMoved ? [0, EXTENTS] : [EXTENTS, 0], `killed after ${delay} ms`);
    assert.ok(isMoved || !wasAnswered);
    if (isMoved) {
      [from, to] = [to, from];
    }
  }
});
