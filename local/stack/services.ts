import { type Azurite, startAzurite } from '../shared/azurite.js';
import { LocalError } from '../shared/errors.js';
import { waitUntilHealthy } from './health.js';
import type { StackPorts } from './options.js';
import { APP_ROOT, type Environment, type Part, runToEnd, startPart } from './part.js';

/** Blob bytes the stack's storage holds in memory, in MB. */
const STORAGE_MEMORY_MB = 512;

/** Addresses of the running stack. */
export interface Endpoints {
  readonly functions: string;
  readonly functionsAdmin: string;
  readonly kusto: string;
  readonly kustoAdmin: string;
  readonly eventHubs: string;
  readonly blob: string;
  readonly queue: string;
  readonly table: string;
}

/** What to start. */
export interface ServicesOptions {
  readonly ports: StackPorts;
  /** Event hubs as `name:partitions,…`. */
  readonly hubs: string;
  /** Gets each part as soon as it runs. */
  readonly running: RunningParts;
  readonly onLog: (part: string, line: string) => void;
  readonly onStep: (text: string) => void;
}

/** Collects what runs, so that it can be stopped at any time, also while other parts are starting. */
export class RunningParts {
  readonly #stops: (() => Promise<void>)[] = [];
  #stopping = false;
  /** Rejects when a part ends that nobody stopped; never resolves. */
  readonly failure: Promise<never>;
  #fail: (error: Error) => void = () => undefined;

  constructor() {
    this.failure = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    this.failure.catch(() => undefined);
  }

  async add(name: string, part: { exited: Promise<number | string>; stop(): Promise<void> }): Promise<void> {
    if (this.#stopping) return part.stop();
    this.#stops.push(() => part.stop());
    void part.exited.then((code) => {
      if (!this.#stopping)
        this.#fail(new LocalError('START_FAILED', `${name} ended unexpectedly with ${code}`));
    });
  }

  /** Stops all parts, the last one started first; what is added afterwards is stopped at once. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }
}

/**
 * Starts storage, Event Hubs, Kusto and the Functions host with this package's app, and creates the app's tables.
 *
 * @throws LocalError naming the part that did not start; what had started is the caller's to stop
 */
export async function startServices(options: ServicesOptions): Promise<Endpoints> {
  const { running, onLog, onStep } = options;
  onStep('starting storage, Event Hubs and Kusto');
  const azurite = await startStorage(options.ports.storage);
  await running.add('storage', azurite);
  const [hubs, kusto] = await startBoth(options, azurite);
  const env = appSettings(azurite, hubs, kusto);
  onStep('creating the tables of pipeline.yaml');
  await runToEnd({ name: 'apply', script: 'src/cli/main.js', args: ['apply'], env, onLog });
  onStep('starting the Functions host');
  const host = await startPart({
    name: 'functions-host',
    script: 'local/functions-host/main.js',
    args: ['--app', APP_ROOT, '--port', String(options.ports.functions), '--json'],
    env,
    onLog,
  });
  await running.add('the Functions host', host.child);
  const endpoints = describe(azurite, { hubs, kusto, host });
  await waitUntilHealthy(endpoints.functions);
  return endpoints;
}

function startStorage(port: number): Promise<Azurite> {
  return startAzurite({
    blobPort: port,
    queuePort: port === 0 ? 0 : port + 1,
    tablePort: port === 0 ? 0 : port + 2,
    memoryLimitMb: STORAGE_MEMORY_MB,
    ownGroup: true,
  });
}

async function startBoth(options: ServicesOptions, azurite: Azurite): Promise<[Part, Part]> {
  const started = await Promise.allSettled([
    startPart({
      name: 'event-hubs',
      script: 'local/event-hubs/main.js',
      args: ['--port', String(options.ports.eventHubs), '--json', '--hubs', options.hubs],
      onLog: options.onLog,
    }),
    startPart({
      name: 'kusto',
      script: 'local/kusto/main.js',
      args: [
        ...['--port', String(options.ports.kusto), '--json'],
        ...['--no-storage', '--storage', azurite.connectionString],
      ],
      onLog: options.onLog,
    }),
  ]);
  const [hubs, kusto] = started;
  const { running } = options;
  if (hubs.status === 'fulfilled') await running.add('Event Hubs', hubs.value.child);
  if (kusto.status === 'fulfilled') await running.add('Kusto', kusto.value.child);
  if (hubs.status === 'rejected') throw hubs.reason;
  if (kusto.status === 'rejected') throw kusto.reason;
  return [hubs.value, kusto.value];
}

/** App settings as `local.settings.json` would hold them, with the addresses of this run. */
function appSettings(azurite: Azurite, hubs: Part, kusto: Part): Environment {
  return {
    FUNCTIONS_WORKER_RUNTIME: 'node',
    AzureWebJobsStorage: azurite.connectionString,
    KUSTO_CLUSTER: kusto.ready['engine'],
    KUSTO_AUTH: 'none',
    EVENTHUB: hubs.ready['connectionString'],
  };
}

function describe(azurite: Azurite, parts: { hubs: Part; kusto: Part; host: Part }): Endpoints {
  const { hubs, kusto, host } = parts;
  return {
    functions: host.ready['url'] ?? '',
    functionsAdmin: host.ready['admin'] ?? '',
    kusto: kusto.ready['engine'] ?? '',
    kustoAdmin: kusto.ready['admin'] ?? '',
    eventHubs: hubs.ready['connectionString'] ?? '',
    blob: azurite.blobUrl,
    queue: azurite.queueUrl,
    table: azurite.tableUrl,
  };
}
