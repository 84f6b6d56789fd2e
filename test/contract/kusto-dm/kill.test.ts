import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Azurite, startAzurite } from '../../../local/shared/azurite.js';
import {
  type KustoReady,
  kustoCommand,
  kustoQuery,
  type Part,
  startPart,
  until,
} from '../../helpers/stack.js';
import { eventually } from './local-kusto.js';

type Kusto = Part<KustoReady>;

interface Place {
  readonly azurite: Azurite;
  readonly data: string;
}

/** Storage lives on its own, so that only the engine is killed. */
async function place(t: TestContext): Promise<Place> {
  const azurite = await startAzurite();
  t.after(() => azurite.stop());
  const data = await mkdtemp(join(tmpdir(), 'kusto-kill-'));
  t.after(() => rm(data, { recursive: true, force: true }));
  return { azurite, data };
}

async function start(t: TestContext, { azurite, data }: Place): Promise<Kusto> {
  const storage = ['--no-storage', '--storage', azurite.connectionString];
  const args = ['--port', '0', '--json', '--data', data, ...storage];
  const kusto = await startPart<KustoReady>('local/kusto/main.js', args);
  t.after(() => kusto.child.stop());
  return kusto;
}

async function kill(kusto: Kusto): Promise<void> {
  kusto.child.process.kill('SIGKILL');
  await kusto.child.exited;
}

async function post(url: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text) as Record<string, unknown>;
}

async function resource(kusto: Kusto, type: string): Promise<[root: string, sas: string]> {
  const rows = await kustoCommand({ kusto }, 'Samples', '.get ingestion resources');
  const [root = '', sas = ''] = String(rows.find(([name]) => name === type)?.[1]).split('?');
  return [root, sas];
}

async function putBlob(kusto: Kusto, name: string, body: string): Promise<string> {
  const [root, sas] = await resource(kusto, 'TempStorage');
  const headers = { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': '2021-12-02' };
  const response = await fetch(`${root}/${name}?${sas}`, { method: 'PUT', headers, body });
  assert.equal(response.status, 201);
  return `${root}/${name}?${sas}`;
}

async function rowCount(kusto: Kusto): Promise<number> {
  return Number((await kustoQuery({ kusto }, 'Samples', 'T | count'))[0]?.[0]);
}

async function send(kusto: Kusto, url: string): Promise<string> {
  const properties = { format: 'csv', skipBatching: true, enableTracking: true, deleteAfterDownload: true };
  const path = '/v1/rest/ingestion/queued/Samples/T';
  const answer = await post(`${kusto.ready.dm}${path}`, { blobs: [{ url, rawSize: 4 }], properties });
  return `${path}/${answer['ingestionOperationId']}`;
}

async function succeeded(kusto: Kusto, path: string): Promise<unknown> {
  const response = await fetch(`${kusto.ready.dm}${path}`);
  const body = (await response.json()) as { status?: Record<string, unknown> };
  return body.status?.['succeeded'];
}

const pendingIn = async (data: string) => (await readdir(join(data, 'ingestion', 'pending'))).length;

test('a source whose rows were stored when the engine was killed is settled, not ingested again', async (t) => {
  const where = await place(t);
  const first = await start(t, where);
  await kustoCommand({ kusto: first }, 'Samples', '.create table T (a: long)');
  const url = await putBlob(first, 'own.csv', '1\n2\n');
  // Rows are stored by then, and the source is still among the pending ones.
  await post(`${first.ready.admin}/faults`, { target: 'blob', match: 'DELETE ', action: 'hang' });
  const operation = await send(first, url);
  await eventually(
    () => rowCount(first),
    (count) => count === 2,
  );
  await kill(first);
  assert.equal(await pendingIn(where.data), 1);
  const second = await start(t, where);
  await until(
    () => pendingIn(where.data),
    (count) => count === 0,
  );
  assert.equal(await rowCount(second), 2);
  assert.equal(await succeeded(second, operation), 1);
  const { pathname } = new URL(url);
  const [, sas] = await resource(second, 'TempStorage');
  const left = await fetch(`${new URL(second.ready.blob).origin}${pathname}?${sas}`);
  assert.equal(left.status, 404);
});

test('sources sent while the engine is killed again and again are stored exactly once', async (t) => {
  const where = await place(t);
  let kusto = await start(t, where);
  await kustoCommand({ kusto }, 'Samples', '.create table T (a: long)');
  const accepted: number[] = [];
  const kills = 2;
  const sourcesEach = 12;
  for (let round = 0; round < kills; round += 1) {
    for (let at = 0; at < sourcesEach; at += 1) {
      const value = round * sourcesEach + at;
      await send(kusto, await putBlob(kusto, `own-${value}.csv`, `${value}\n`));
      accepted.push(value);
    }
    // The last of them are under way in every state there is.
    await kill(kusto);
    kusto = await start(t, where);
  }
  await until(
    () => pendingIn(where.data),
    (count) => count === 0,
  );
  const rows = await kustoQuery({ kusto }, 'Samples', 'T | sort by a asc');
  assert.deepEqual(
    rows.map(([a]) => Number(a)),
    accepted,
  );
});
