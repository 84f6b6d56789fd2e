import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { EventHubProducerClient } from '@azure/event-hubs';
import { runCli } from '../helpers/cli.js';
import { setPrincipal } from '../helpers/kusto-admin.js';
import { kustoCommand, kustoQuery, type Stack, startStack, until } from '../helpers/stack.js';

const TOKEN = 'token-of-the-app';
const ADMIN = 'token-of-the-operator';

interface Source {
  readonly name: string;
  readonly token?: string;
  /** More keys of the file. */
  readonly more?: string;
}

/** A pipeline into `Checks.<name>` from a hub of the same name. */
function pipelineOf({ name, token = TOKEN, more = '' }: Source): string {
  return `
kusto:
  cluster: "%KUSTO_CLUSTER%"
  auth: { kind: accessToken, token: ${token} }
sources:
  - name: ${name}
    eventHub: { connection: EVENTHUB, name: ${name} }
    route:
      database: Checks
      table: ${name}
      format: json
      mapping: M
      columns: { _seq: sequenceNumber }
      delivery: streaming
http: { tables: ["Checks.*"] }
settle: { everyMs: 1000 }
${more}
`;
}

let stack: Stack & { readonly token: string };

before(async () => {
  const started = await startStack({
    pipeline: pipelineOf({ name: 'journey' }),
    hubs: 'journey:2,store:2',
    hosts: 0,
  });
  stack = { ...started, token: ADMIN };
  await setPrincipal(stack, { token: ADMIN, roles: { '*': ['admin'] } });
  await kustoCommand(stack, 'NetDefaultDB', '.create database Checks volatile');
});
after(() => stack.stop());

interface Check {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  readonly ok?: boolean;
  readonly warning?: boolean;
}

/** A running app with a pipeline of its own. */
class App {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  static async start(name: string, pipeline: string, settings: Record<string, string> = {}): Promise<App> {
    const path = join(stack.appDir, `${name}.yaml`);
    await writeFile(path, pipeline);
    Object.assign(stack.settings, { PIPELINE_FILE: path, ...settings });
    const host = await stack.startHost();
    return new App(host.ready.url.replace(/\/$/, ''));
  }

  get url(): string {
    return this.#url;
  }

  async health(): Promise<{ status: number; checks: readonly Check[] }> {
    const response = await fetch(`${this.#url}/api/health`);
    const { checks = [] } = (await response.json()) as { checks?: readonly Check[] };
    return { status: response.status, checks };
  }

  async doctor(): Promise<{ ok: boolean; checks: readonly Check[] }> {
    return (await (await fetch(`${this.#url}/api/doctor`)).json()) as {
      ok: boolean;
      checks: readonly Check[];
    };
  }

  /** The one failure that stops ingestion now, as doctor, health and a refused body tell it. */
  async onlyFailure(): Promise<Check> {
    const { ok, checks } = await this.doctor();
    const failures = checks.filter((check) => check.ok === false && check.warning !== true);
    assert.equal(ok, false);
    assert.equal(failures.length, 1, JSON.stringify(failures, null, 2));
    const [failure] = failures as [Check];
    const health = await this.health();
    assert.equal(health.status, 503);
    assert.deepEqual(
      health.checks.map(({ name, code, fix }) => [name, code, fix]),
      [[failure.name, failure.code, failure.fix]],
    );
    const problem = await this.refusal();
    assert.ok(problem.detail.includes(failure.message), problem.detail);
    assert.ok(problem.detail.includes(failure.fix), problem.detail);
    return failure;
  }

  /** The problem document of a body that is not taken. */
  async refusal(): Promise<{ code: string; detail: string; nextCommand: string }> {
    const answer = await fetch(`${this.#url}/api/ingest/Checks/journey?format=json`, {
      method: 'POST',
      body: '{"id":"refused"}',
    });
    assert.equal(answer.status, 503);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
    const problem = (await answer.json()) as { code: string; detail: string; nextCommand: string };
    assert.equal(problem.code, 'CHECK_FAILED');
    assert.equal(problem.nextCommand, 'kusto-functions doctor');
    return problem;
  }
}

async function send(hub: string, count: number): Promise<void> {
  const producer = new EventHubProducerClient(stack.settings['EVENTHUB'] ?? '', hub);
  const events = Array.from({ length: count }, (_, n) => ({ body: { id: `${hub}-${n}` } }));
  await producer.sendBatch(events);
  await producer.close();
}

const command = (text: string) => kustoCommand(stack, 'Checks', text);

function createMapping(paths: Readonly<Record<string, string>>): Promise<unknown> {
  const columns = Object.entries(paths).map(([column, Path]) => ({ column, Properties: { Path } }));
  return command(`.create-or-alter table journey ingestion json mapping "M" '${JSON.stringify(columns)}'`);
}

const grant = (...roles: string[]) => setPrincipal(stack, { token: TOKEN, roles: { Checks: roles } });

/** Cause, what its fix says, and the fix carried out: which leaves the next cause. */
const causes: readonly (readonly [code: string, fix: RegExp, mend: (check: Check) => Promise<unknown>])[] = [
  ['CLUSTER_FAILED', /`kusto\.auth`/, () => grant('viewer', 'ingestor')],
  [
    'TABLE_MISSING',
    /^\.create table \['journey'\]/,
    async () => {
      await command('.create table journey (id: string, _seq: long)');
      await command('.alter table journey policy streamingingestion enable');
    },
  ],
  [
    'MAPPING_MISSING',
    /^\.create table \['journey'\] ingestion json mapping "M"/,
    () => createMapping({ id: '$.id' }),
  ],
  [
    'MAPPING_INCOMPLETE',
    /with path \$\._seq$/,
    async () => {
      await createMapping({ id: '$.id', _seq: '$._seq' });
      await command('.alter table journey policy streamingingestion disable');
    },
  ],
  [
    'STREAMING_POLICY_OFF',
    /^\.alter table/,
    async ({ fix }) => {
      await command(fix);
      await grant('viewer');
    },
  ],
  ['INGESTOR_MISSING', /^\.add database \['Checks'\] ingestors/, () => grant('viewer', 'ingestor')],
];

/** A port that nobody listens on, until it is opened to the storage account. */
async function storageDoor() {
  const sockets = new Set<Socket>();
  const target = new URL(stack.azurite.blobUrl);
  const server: Server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    client.pipe(upstream).pipe(client);
  });
  const listen = (port: number) => new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((done) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => done());
    });
  await close();
  return { port, open: () => listen(port), close };
}

describe('start-up checks', { concurrency: true }, () => {
  test('each cause stops ingestion with one message that names its fix, and nothing is lost', async () => {
    await send('journey', 30);
    const app = await App.start('journey', pipelineOf({ name: 'journey' }));
    for (const [code, fix, mend] of causes) {
      const failure = await app.onlyFailure();
      assert.equal(failure.code, code, JSON.stringify(failure));
      assert.match(failure.fix, fix);
      const shown = await runCli(['doctor', '--url', app.url]);
      assert.equal(shown.code, 1);
      assert.ok(shown.out.includes(failure.fix), shown.out);
      if (!['CLUSTER_FAILED', 'TABLE_MISSING'].includes(code)) {
        assert.deepEqual(await kustoQuery(stack, 'Checks', 'journey | count'), [[0]], code);
      }
      await mend(failure);
    }
    const doctor = await app.doctor();
    assert.equal(doctor.ok, true, JSON.stringify(doctor));
    assert.equal((await app.health()).status, 200);
    // The source kept what came while ingestion was stopped; nobody restarted anything.
    const rows = await until(
      () => kustoQuery(stack, 'Checks', 'journey | summarize count(), dcount(id), countif(isnull(_seq))'),
      ([row]) => Number(row?.[0]) >= 30,
    );
    assert.deepEqual(rows, [[30, 30, 0]]);
  });

  test('a store that cannot be reached stops ingestion until it can', async () => {
    await setPrincipal(stack, { token: 'token-of-store', roles: { '*': ['admin'] } });
    await command('.create table store (id: string, _seq: long)');
    await command('.alter table store policy streamingingestion enable');
    await command(
      '.create table store ingestion json mapping "M" \'[{"column":"id","path":"$.id"},{"column":"_seq","path":"$._seq"}]\'',
    );
    const door = await storageDoor();
    try {
      const behindDoor = stack.azurite.connectionString.replace(
        new URL(stack.azurite.blobUrl).host,
        `127.0.0.1:${door.port}`,
      );
      const pipeline = pipelineOf({
        name: 'store',
        token: 'token-of-store',
        more: 'storage: { connection: STAGING }',
      });
      const app = await App.start('store', pipeline, { STAGING: behindDoor });
      const failure = await app.onlyFailure();
      assert.equal(failure.code, 'STORAGE_FAILED');
      assert.match(failure.message, /kusto-staging/);
      assert.match(failure.fix, /DNS, firewall/);
      await door.open();
      assert.equal((await app.doctor()).ok, true);
      assert.equal((await app.health()).status, 200);
    } finally {
      await door.close();
    }
  });

  test('a setting without a value stops ingestion, and the message names it', async () => {
    const pipeline = pipelineOf({ name: 'journey', token: '"%TOKEN_THAT_NOBODY_SET%"' });
    const app = await App.start('setting', pipeline);
    const { code, message } = await app.onlyFailure();
    assert.equal(code, 'CONFIG_SETTING_MISSING');
    assert.match(
      message,
      /^1 mistake in .*\n.*kusto\.auth\.token: app setting TOKEN_THAT_NOBODY_SET has no value/,
    );
  });

  test('a pipeline.yaml with five mistakes reports five, with their places', async () => {
    const pipeline = pipelineOf({ name: 'journey', more: 'logLevel: loud\nhttpp: {}' })
      .replace('format: json', 'format: jsn')
      .replace('delivery: streaming', 'delivery: streamed')
      .replace('everyMs: 1000', 'everyMs: soon');
    const app = await App.start('five', pipeline);
    const { code, message } = await app.onlyFailure();
    assert.equal(code, 'CONFIG_INVALID');
    const [head, ...mistakes] = message.split('\n');
    assert.match(head ?? '', /^5 mistakes in .*five\.yaml:$/);
    assert.equal(mistakes.length, 5, message);
    for (const path of ['route.format', 'route.delivery', 'settle.everyMs', 'logLevel', 'httpp']) {
      const told = mistakes.filter((line) => line.includes(path));
      assert.equal(told.length, 1, path);
      assert.match(told[0] ?? '', /five\.yaml:\d+:\d+ /);
    }
    const checked = await runCli(['check', '--file', join(stack.appDir, 'five.yaml')], stack.settings);
    assert.equal(checked.code, 2);
    assert.equal(checked.err.split('\n').filter((line) => line.startsWith('  ')).length, 5);
  });
});
