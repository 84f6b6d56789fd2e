import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Azurite, startAzurite } from '../../local/shared/azurite.js';
import { type NodeChild, startNodeChild } from '../../local/shared/child.js';

/** Longest a part may take to print its ready line. */
const readyTimeoutMs = 60_000;

const dist = fileURLToPath(new URL('../../', import.meta.url));

/** A running part and the first line it printed. */
export interface Part<Ready> {
  readonly child: NodeChild;
  readonly ready: Ready;
  /** Everything it wrote to stderr, and to stdout after the first line. */
  readonly log: string[];
}

/** Starts a part of the local stack as `npm run` would, and waits for its ready line. */
export async function startPart<Ready>(
  script: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Part<Ready>> {
  const log: string[] = [];
  let settle: ((line: string) => void) | undefined;
  const first = new Promise<string>((resolve) => {
    settle = resolve;
  });
  const child = startNodeChild({
    script: join(dist, script),
    args,
    nodeFlags: ['--enable-source-maps'],
    env: { ...process.env, ...env },
    onStdoutLine: (line) => {
      settle === undefined ? log.push(line) : settle(line);
      settle = undefined;
    },
    onStderrLine: (line) => log.push(line),
  });
  let timer: NodeJS.Timeout | undefined;
  const line = await Promise.race([
    first,
    child.exited.then((code) => {
      throw new Error(`${script} ended with ${code}:\n${child.outputTail()}`);
    }),
    new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${script} was not ready in time:\n${child.outputTail()}`)),
        readyTimeoutMs,
      );
    }),
  ]).finally(() => clearTimeout(timer));
  return { child, ready: JSON.parse(line) as Ready, log };
}

export interface KustoReady {
  readonly engine: string;
  readonly dm: string;
  readonly blob: string;
  readonly queue: string;
  readonly table: string;
  readonly admin: string;
  /** Path of the certificate to trust; `null` without `--tls`. */
  readonly cert: string | null;
}

export interface HubsReady {
  readonly connectionString: string;
  readonly hubs: unknown;
}

export interface HostReady {
  readonly url: string;
  readonly admin: string;
}

export interface StackOptions {
  /** Text of pipeline.yaml; `%KUSTO_CLUSTER%` and `EVENTHUB` are set by the stack. */
  readonly pipeline: string;
  /** `name:partitions,…`; none when absent. */
  readonly hubs?: string;
  /** Merged into `host.json`'s `extensions.eventHubs`. */
  readonly eventHubs?: Readonly<Record<string, unknown>>;
  /** `host.json`'s `extensions.durableTask`. */
  readonly durable?: Readonly<Record<string, unknown>>;
  readonly settings?: Readonly<Record<string, string>>;
  readonly kustoArgs?: readonly string[];
  /** Hosts to start on the same app. Default 1; 0 leaves starting them to the caller. */
  readonly hosts?: number;
  /** Extra files of the app's folder, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface Stack {
  readonly azurite: Azurite;
  readonly kusto: Part<KustoReady>;
  readonly hubs: Part<HubsReady> | undefined;
  readonly hosts: Part<HostReady>[];
  readonly appDir: string;
  readonly settings: Record<string, string>;
  startHost(): Promise<Part<HostReady>>;
  stop(): Promise<void>;
}

async function writeApp(options: StackOptions): Promise<string> {
  const appDir = await mkdtemp(join(tmpdir(), 'kusto-functions-app-'));
  const main = new URL('../../src/main.js', import.meta.url).href;
  const hostJson = {
    version: '2.0',
    extensions: {
      http: { routePrefix: 'api' },
      eventHubs: {
        maxEventBatchSize: 2000,
        minEventBatchSize: 1,
        prefetchCount: 6000,
        loadBalancingUpdateInterval: '00:00:01',
        partitionOwnershipExpirationInterval: '00:00:10',
        ...options.eventHubs,
      },
      durableTask: { hubName: 'KustoFunctions', ...options.durable },
    },
  };
  const files: Record<string, string> = {
    'package.json': JSON.stringify({ name: 'app', type: 'module', main: 'main.js' }),
    'main.js': `await import(${JSON.stringify(main)});\n`,
    'host.json': JSON.stringify(hostJson),
    'pipeline.yaml': options.pipeline,
    ...options.files,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(appDir, name), text);
  }
  return appDir;
}

/** The whole local stack for one test: storage, Kusto, Event Hubs and the built app on the Functions host. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const azurite = await startAzurite();
  const stops: (() => Promise<void>)[] = [() => azurite.stop()];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) {
      await each();
    }
  };
  try {
    const kustoArgs = ['--port', '0', '--json', '--no-storage', '--storage', azurite.connectionString];
    const kusto = await startPart<KustoReady>('local/kusto/main.js', [
      ...kustoArgs,
      ...(options.kustoArgs ?? []),
    ]);
    stops.push(() => kusto.child.stop());
    const hubs =
      options.hubs === undefined
        ? undefined
        : await startPart<HubsReady>('local/event-hubs/main.js', [
            '--port',
            '0',
            '--json',
            '--hubs',
            options.hubs,
          ]);
    if (hubs !== undefined) {
      stops.push(() => hubs.child.stop());
    }
    const appDir = await writeApp(options);
    stops.push(() => rm(appDir, { recursive: true, force: true }));
    const settings: Record<string, string> = {
      AzureWebJobsStorage: azurite.connectionString,
      KUSTO_CLUSTER: kusto.ready.engine,
      EVENTHUB: hubs?.ready.connectionString ?? '',
      PIPELINE_FILE: join(appDir, 'pipeline.yaml'),
      ...options.settings,
    };
    const hosts: Part<HostReady>[] = [];
    const startHost = async (): Promise<Part<HostReady>> => {
      const args = ['--app', appDir, '--port', '0', '--json'];
      const host = await startPart<HostReady>('local/functions-host/main.js', args, settings);
      stops.push(() => host.child.stop());
      hosts.push(host);
      return host;
    };
    for (let index = 0; index < (options.hosts ?? 1); index++) {
      await startHost();
    }
    return { azurite, kusto, hubs, hosts, appDir, settings, startHost, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The local Kusto, and the bearer token to call it with when principals are set. */
export type KustoAccess = Pick<Stack, 'kusto'> & { readonly token?: string };

/** Runs a management command on the local Kusto; rows of the first table. */
export async function kustoCommand(stack: KustoAccess, db: string, csl: string): Promise<unknown[][]> {
  return kustoRows(stack, '/v1/rest/mgmt', { db, csl });
}

/** Runs a query on the local Kusto; rows of the first table (v1 shape). */
export async function kustoQuery(stack: KustoAccess, db: string, csl: string): Promise<unknown[][]> {
  return kustoRows(stack, '/v1/rest/query', { db, csl });
}

async function kustoRows(stack: KustoAccess, path: string, body: unknown): Promise<unknown[][]> {
  const response = await fetch(new URL(path, stack.kusto.ready.engine), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(stack.token === undefined ? {} : { authorization: `Bearer ${stack.token}` }),
    },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) {
    throw new Error(`${path} answered ${response.status}: ${text}`);
  }
  return (JSON.parse(text) as { Tables: { Rows: unknown[][] }[] }).Tables[0]?.Rows ?? [];
}

/** Asks until the answer satisfies `done`; the last answer. Fails loudly after `timeoutMs`. */
export async function until<T>(
  ask: () => Promise<T>,
  done: (answer: T) => boolean,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (done(answer)) {
      return answer;
    }
    if (Date.now() > deadline) {
      throw new Error(`not reached in ${timeoutMs} ms; the last answer was ${JSON.stringify(answer)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
