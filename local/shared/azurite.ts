import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type NodeChild, startNodeChild } from './child.js';
import { LocalError, portTaken } from './errors.js';

/** The public development account every storage emulator and SDK knows; it protects nothing. */
export const AZURITE_ACCOUNT = 'devstoreaccount1';
/** The public development key that belongs to {@link AZURITE_ACCOUNT}. */
export const AZURITE_KEY =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

const DEFAULT_HOST = '127.0.0.1';
/** Upper bound of blob bytes held in memory; Azurite refuses uploads beyond it. */
const DEFAULT_MEMORY_LIMIT_MB = 1_024;
const START_TIMEOUT_MS = 60_000;

const SERVICES = ['Blob', 'Queue', 'Table'] as const;
type Service = (typeof SERVICES)[number];

/** Where and how Azurite listens. A port of 0, the default, takes any free one. */
export interface AzuriteOptions {
  readonly host?: string;
  readonly blobPort?: number;
  readonly queuePort?: number;
  readonly tablePort?: number;
  /** Folder that keeps the data across restarts; without it everything is in memory. */
  readonly dataDir?: string;
  /** With `keyPath`: serve https. */
  readonly certPath?: string;
  readonly keyPath?: string;
  /** Blob bytes held in memory, in MB (default 1024). Not used with `dataDir`. */
  readonly memoryLimitMb?: number;
  /** Accept headers and parameters Azurite does not know. */
  readonly loose?: boolean;
  /** Option that changes the port, named in the message when it is taken (default `--port-storage`). */
  readonly portFlag?: string;
  /** Keeps a Ctrl-C in the terminal from reaching Azurite. */
  readonly ownGroup?: boolean;
}

/** A running Azurite. Addresses are path-style and end with the account's name. */
export interface Azurite {
  readonly blobUrl: string;
  readonly queueUrl: string;
  readonly tableUrl: string;
  readonly connectionString: string;
  readonly pid: number;
  /** Resolves when the process has gone, whoever ended it. */
  readonly exited: Promise<number | string>;
  stop(): Promise<void>;
}

/**
 * Starts Azurite (blob, queue, table) as a child process and waits until all three listen.
 *
 * @throws LocalError `PORT_TAKEN` naming service and port, `START_FAILED`, `START_TIMEOUT` (60 s)
 */
export async function startAzurite(options: AzuriteOptions = {}): Promise<Azurite> {
  const addresses = new Map<Service, string>();
  let listening: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    listening = resolve;
  });
  const child = startNodeChild({
    script: azuriteScript(),
    args: azuriteArguments(options),
    ownGroup: options.ownGroup === true,
    onStdoutLine: (line) => {
      const match = /^Azurite (Blob|Queue|Table) service is successfully listening at (\S+)/.exec(line);
      if (match === null) return;
      addresses.set(match[1] as Service, match[2]!);
      if (addresses.size === SERVICES.length) listening();
    },
  });
  try {
    await waitUntilReady(child, ready, options);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return describe(child, addresses, options);
}

function azuriteScript(): string {
  const manifest = createRequire(import.meta.url).resolve('azurite/package.json');
  return join(dirname(manifest), 'dist', 'src', 'azurite.js');
}

function azuriteArguments(options: AzuriteOptions): string[] {
  const host = options.host ?? DEFAULT_HOST;
  const args = ['--skipApiVersionCheck', '--disableTelemetry', '--silent'];
  for (const service of SERVICES) {
    const name = service.toLowerCase();
    args.push(`--${name}Host`, host, `--${name}Port`, String(portOf(service, options)));
  }
  if (options.dataDir === undefined) {
    const limit = options.memoryLimitMb ?? DEFAULT_MEMORY_LIMIT_MB;
    args.push('--inMemoryPersistence', '--extentMemoryLimit', String(limit));
  } else {
    args.push('--location', options.dataDir);
  }
  if (options.loose === true) args.push('--loose');
  if (options.certPath !== undefined && options.keyPath !== undefined) {
    args.push('--cert', options.certPath, '--key', options.keyPath);
  }
  return args;
}

function portOf(service: Service, options: AzuriteOptions): number {
  const ports = { Blob: options.blobPort, Queue: options.queuePort, Table: options.tablePort };
  return ports[service] ?? 0;
}

async function waitUntilReady(
  child: NodeChild,
  ready: Promise<void>,
  options: AzuriteOptions,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new LocalError('START_TIMEOUT', `Azurite did not listen within ${START_TIMEOUT_MS} ms`)),
      START_TIMEOUT_MS,
    );
  });
  const gone = child.exited.then((code) => {
    throw startFailure(child.outputTail(), code, options);
  });
  try {
    await Promise.race([ready, gone, late]);
  } finally {
    clearTimeout(timer);
    gone.catch(() => undefined);
  }
}

function startFailure(output: string, code: number | string, options: AzuriteOptions): LocalError {
  const port = Number(/EADDRINUSE[^\n]*:(\d+)\s*$/m.exec(output)?.[1]);
  const service = SERVICES.find((name) => portOf(name, options) === port);
  if (service !== undefined) {
    return portTaken(`storage (${service.toLowerCase()})`, port, options.portFlag ?? '--port-storage');
  }
  return new LocalError('START_FAILED', `Azurite ended with ${code} before it listened: ${output}`);
}

function describe(child: NodeChild, addresses: Map<Service, string>, options: AzuriteOptions): Azurite {
  // A certificate is made for names a client may verify; the wildcard address is not one of them.
  const url = (service: Service) => {
    const address = new URL(addresses.get(service)!);
    if (address.hostname === '0.0.0.0') address.hostname = DEFAULT_HOST;
    return `${address.origin}/${AZURITE_ACCOUNT}`;
  };
  const scheme = options.certPath === undefined ? 'http' : 'https';
  const endpoints = SERVICES.map((service) => `${service}Endpoint=${url(service)}`).join(';');
  const account = `DefaultEndpointsProtocol=${scheme};AccountName=${AZURITE_ACCOUNT};AccountKey=${AZURITE_KEY}`;
  return {
    blobUrl: url('Blob'),
    queueUrl: url('Queue'),
    tableUrl: url('Table'),
    connectionString: `${account};${endpoints};`,
    pid: child.pid,
    exited: child.exited,
    stop: () => child.stop(),
  };
}
