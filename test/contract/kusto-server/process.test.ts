import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueClient } from '@azure/storage-queue';
import { AZURITE_ACCOUNT, AZURITE_KEY, startAzurite } from '../../../local/shared/azurite.js';
import { startNodeChild } from '../../../local/shared/child.js';
import { freePorts } from '../../helpers/free-ports.js';
import { type KustoReady, type Part, startPart } from '../../helpers/stack.js';

const SCRIPT = 'local/kusto/main.js';

async function startKusto(t: TestContext, args: readonly string[], env = {}): Promise<Part<KustoReady>> {
  const part = await startPart<KustoReady>(SCRIPT, ['--port', '0', '--json', ...args], env);
  t.after(() => part.child.stop());
  return part;
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'kusto-server-test-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function rows(kusto: Part<KustoReady>, csl: string, path = '/v1/rest/mgmt'): Promise<unknown[][]> {
  const response = await fetch(new URL(path, kusto.ready.engine), {
    method: 'POST',
    body: JSON.stringify({ db: 'Samples', csl }),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return (JSON.parse(text) as { Tables: { Rows: unknown[][] }[] }).Tables[0]?.Rows ?? [];
}

test('everything that was answered for outlives a kill', async (t) => {
  const data = await folder(t);
  const args = ['--no-storage', '--data', data];
  const first = await startKusto(t, args);
  const setup = [
    ".create table T (n: long, s: string, d: dynamic, m: decimal) with (folder = 'f')",
    `.append T with (tags = '["ingest-by:1"]') <| print n = 9007199254740993, s = 'ü', d = dynamic({"a": 1.50}), m = decimal(1.10)`,
    `.append T <| range n from 1 to 1000 step 1 | extend s = 'r', d = dynamic(null), m = decimal(null)`,
    `.create table T ingestion json mapping 'M' '[{"column":"n","path":"$.n"}]'`,
    '.alter-merge table T policy retention softdelete = 100d',
    '.create function F() { T | count }',
    '.create table Gone (x: long)',
    '.append Gone <| print x = 1',
    '.drop table Gone',
    '.create database Extra',
    '.alter table T (n: long, s: string, d: dynamic)',
    '.alter-merge table T (m: decimal)',
    '.append async T <| print n = 5, s = "", d = dynamic(1), m = decimal(null)',
  ];
  let operation = '';
  for (const csl of setup) {
    operation = String((await rows(first, csl))[0]?.[0]);
  }
  const done = async (kusto: Part<KustoReady>) =>
    (await rows(kusto, `.show operations ${operation}`))[0]?.[6];
  while ((await done(first)) === 'InProgress') {
    // The background append is quick.
  }
  const shown = [
    '.show tables details',
    '.show table T extents',
    '.show table T cslschema',
    '.show table T ingestion mappings',
    '.show table T policy retention',
    '.show functions',
    '.show databases',
  ];
  const seen = async (kusto: Part<KustoReady>) => {
    const answers: unknown[] = [];
    for (const csl of shown) {
      answers.push(await rows(kusto, csl));
    }
    answers.push(await rows(kusto, 'T | sort by n asc, s asc', '/v1/rest/query'));
    return answers;
  };
  const before = await seen(first);
  first.child.process.kill('SIGKILL');
  await first.child.exited;
  const second = await startKusto(t, args);
  assert.deepEqual(await seen(second), before);
  assert.equal(await done(second), 'Completed');
  assert.equal((await readdir(join(data, 'extents'))).length, 3);
  second.child.process.kill('SIGTERM');
  assert.equal(await second.child.exited, 0);
});

test('appends cut off by a kill leave no row that was not answered for, and none that was is lost', async (t) => {
  const data = await folder(t);
  const args = ['--no-storage', '--data', data];
  const first = await startKusto(t, args);
  await rows(first, '.create table T (n: long)');
  const acknowledged: number[] = [];
  const sent = Array.from({ length: 200 }, async (_, n) => {
    await rows(first, `.append T <| print n = ${n}`);
    acknowledged.push(n);
    if (acknowledged.length === 40) {
      first.child.process.kill('SIGKILL');
    }
  });
  await Promise.allSettled(sent);
  await first.child.exited;
  const second = await startKusto(t, args);
  const stored = (await rows(second, 'T', '/v1/rest/query')).map(([n]) => Number(n));
  assert.ok(acknowledged.length >= 40);
  assert.deepEqual(
    acknowledged.filter((n) => !stored.includes(n)),
    [],
  );
  assert.equal(new Set(stored).size, stored.length);
});

test('with --tls the official client talks https to the engine', async (t) => {
  const kusto = await startKusto(t, ['--no-storage', '--tls']);
  assert.match(kusto.ready.engine, /^https:/);
  const cert = kusto.ready.cert as string;
  assert.match(await readFile(cert, 'utf8'), /BEGIN CERTIFICATE/);
  const script = fileURLToPath(new URL('./tls-client.js', import.meta.url));
  const lines: string[] = [];
  const client = startNodeChild({
    script,
    args: [kusto.ready.engine],
    env: { ...process.env, NODE_EXTRA_CA_CERTS: cert },
    onStdoutLine: (line) => lines.push(line),
  });
  t.after(() => client.stop());
  assert.equal(await client.exited, 0, client.outputTail());
  assert.deepEqual(lines, ['T 3']);
});

test('taken port ends the process with 2 and says which option helps', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1');
  t.after(() => holder.close());
  await new Promise((resolve) => holder.once('listening', resolve));
  const { port } = holder.address() as { port: number };
  const script = fileURLToPath(new URL('../../../local/kusto/main.js', import.meta.url));
  const child = startNodeChild({ script, args: ['--port', String(port), '--no-storage', '--json'] });
  t.after(() => child.stop());
  assert.equal(await child.exited, 2);
  assert.match(child.outputTail(), /PORT_TAKEN: port \d+ for Kusto .*\n.*--port N/);
});

test('the ready line has every key, null where there is nothing, and SIGTERM ends the process with 0', async (t) => {
  const keys = ['engine', 'dm', 'blob', 'queue', 'table', 'admin', 'cert'];
  const bare = await startKusto(t, ['--no-storage']);
  assert.deepEqual(Object.keys(bare.ready), keys);
  const { blob, queue, table, cert } = bare.ready;
  assert.deepEqual([blob, queue, table, cert], [null, null, null, null]);
  bare.child.process.kill('SIGTERM');
  assert.equal(await bare.child.exited, 0);
});

test('storage that runs elsewhere is used by its blob address alone', async (t) => {
  const blobPort = await freePorts();
  const azurite = await startAzurite({ blobPort, queuePort: blobPort + 1, tablePort: blobPort + 2 });
  t.after(() => azurite.stop());
  const fed = await startKusto(t, ['--no-storage', '--storage', azurite.blobUrl]);
  const { blob, queue, table } = fed.ready;
  for (const url of [blob, queue, table]) {
    assert.match(String(url), /^http:\/\/127\.0\.0\.1:\d+\//);
  }
  const resources = await rows(fed, '.get ingestion resources');
  const roots = resources.map(([, root]) => String(root).split('?')[0] ?? '');
  for (const url of [blob, queue, table]) {
    assert.ok(
      roots.some((root) => root.startsWith(url)),
      `${url} is in ${roots}`,
    );
  }
});

test('storage faults strike the calls of the official storage clients, whose signatures stay valid', async (t) => {
  const azurite = await startAzurite();
  t.after(() => azurite.stop());
  const kusto = await startKusto(t, ['--no-storage', '--storage', azurite.connectionString]);
  const { blob, queue, admin } = kusto.ready;
  const connection = `DefaultEndpointsProtocol=http;AccountName=${AZURITE_ACCOUNT};AccountKey=${AZURITE_KEY};BlobEndpoint=${blob};QueueEndpoint=${queue};`;
  const options = { retryOptions: { maxTries: 1 } };
  const service = BlobServiceClient.fromConnectionString(connection, options);
  const container = service.getContainerClient('con');
  await container.create();
  const upload = (name: string) => container.getBlockBlobClient(name).upload('hello', 5);
  const add = async (rule: object) => {
    const response = await fetch(`${admin}/faults`, { method: 'POST', body: JSON.stringify(rule) });
    assert.equal(response.status, 200);
  };
  await upload('plain');
  await add({ target: 'blob', match: '/con/b1', action: 'throttle', times: 1 });
  await assert.rejects(upload('b1'), { statusCode: 503, code: 'ServerBusy' });
  await add({ target: 'blob', action: 'forbid', times: 1 });
  await assert.rejects(upload('b2'), { statusCode: 403 });
  await add({ target: 'blob', action: 'loseAnswer', times: 1, match: '/con/b3' });
  await assert.rejects(upload('b3'));
  const names: string[] = [];
  for await (const item of container.listBlobsFlat()) {
    names.push(item.name);
  }
  assert.deepEqual(names, ['b3', 'plain']);
  const messages = new QueueClient(connection, 'que', options);
  await messages.create();
  await add({ target: 'queue', action: 'duplicate', times: 1 });
  await messages.sendMessage('twice');
  await add({ target: 'queue', action: 'vanish', times: 1 });
  const { messageId } = await messages.sendMessage('never');
  assert.match(messageId, /^0{8}-/);
  const received = await messages.receiveMessages({ numberOfMessages: 5 });
  assert.deepEqual(
    received.receivedMessageItems.map(({ messageText }) => messageText),
    ['twice', 'twice'],
  );
});

test('restart on the same data gives storage the same addresses and keeps what is in it', async (t) => {
  const data = await folder(t);
  const first = await startKusto(t, ['--data', data]);
  const service = ({ blob }: KustoReady) => {
    const account = `AccountName=${AZURITE_ACCOUNT};AccountKey=${AZURITE_KEY}`;
    return BlobServiceClient.fromConnectionString(
      `DefaultEndpointsProtocol=http;${account};BlobEndpoint=${blob};`,
    );
  };
  const blobs = service(first.ready).getContainerClient('kept');
  await blobs.create();
  await blobs.getBlockBlobClient('b').upload('hello', 5);
  first.child.process.kill('SIGTERM');
  assert.equal(await first.child.exited, 0);
  const second = await startKusto(t, ['--data', data]);
  for (const name of ['blob', 'queue', 'table'] as const) {
    assert.equal(second.ready[name], first.ready[name]);
  }
  const kept = service(second.ready).getContainerClient('kept').getBlockBlobClient('b');
  assert.equal((await kept.downloadToBuffer()).toString(), 'hello');
});
