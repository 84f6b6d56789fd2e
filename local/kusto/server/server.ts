import { randomUUID } from 'node:crypto';
import type { LocalCertificate } from '../../shared/tls.js';
import { startMaintenance } from '../catalog/maintenance.js';
import { openCatalog } from '../catalog/open.js';
import type { CatalogStore } from '../catalog/store.js';
import { COMMANDS, COMMANDS_WITHOUT_MOVE } from '../commands/all.js';
import { Operations } from '../commands/operations.js';
import { openOperationsLog } from '../commands/operations-log.js';
import { Runner } from '../commands/run.js';
import { serviceCommand } from '../commands/service-commands.js';
import { StreamingLog } from '../commands/streaming-log.js';
import { createClock } from '../faults/clock.js';
import { FaultEngine } from '../faults/engine.js';
import type { EngineClock, Faults } from '../faults/types.js';
import { decode } from '../ingest/decode.js';
import type { QueryEngine } from '../query/types.js';
import { createAdminHandler } from './admin.js';
import { createHandler } from './handler.js';
import { listen } from './listen.js';
import { cloudMetadata } from './metadata.js';
import { Principals } from './principals.js';
import type { IngestionServiceFactory, StorageAccount } from './types.js';

/** Stopping waits this long for asynchronous commands; what still runs is abandoned. */
const OPERATIONS_STOP_MS = 5_000;

export interface KustoServerOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly adminPort?: number;
  readonly queryEngine: QueryEngine;
  readonly databases: readonly string[];
  /** Keeps everything across restarts; in memory without it. */
  readonly dataDirectory?: string;
  readonly certificate?: LocalCertificate;
  readonly loginEndpoint?: string;
  /** Ingestion is refused without it. */
  readonly ingestion?: IngestionServiceFactory;
  /** Opened once faults and clock exist, since storage is reached through the fault proxy. */
  readonly storage?: (parts: StorageParts) => Promise<OpenStorage>;
  readonly log?: (line: string) => void;
  /** `.move extents` and `.replace extents` are refused, as on clusters that lack them. Default: both work. */
  readonly refusesMoves?: boolean;
}

export interface StorageParts {
  readonly faults: Faults;
  readonly clock: EngineClock;
}

export interface OpenStorage {
  readonly account: StorageAccount;
  close(): Promise<void>;
}

export interface KustoServer {
  /** Engine and data-management endpoint: one origin plays both roles. */
  readonly url: string;
  readonly admin: string;
  readonly storage: StorageAccount | undefined;
  stop(): Promise<void>;
}

/** Starts the local Kusto. @throws LocalError `PORT_TAKEN`, `CONFIGURATION` */
export async function startKustoServer(options: KustoServerOptions): Promise<KustoServer> {
  const closers: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) {
      await close();
    }
  };
  try {
    return await start(options, closers, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  options: KustoServerOptions,
  closers: (() => Promise<void> | void)[],
  stop: () => Promise<void>,
): Promise<KustoServer> {
  const clock = createClock();
  closers.push(() => clock.stop());
  const faults = new FaultEngine(clock);
  const principals = new Principals();
  const { catalog, latest, close } = await openCatalog(clock, options.dataDirectory);
  closers.push(close);
  clock.moveBeyond(latest);
  await createDatabases(catalog, options.databases);
  const operationsLog = await openOperationsLog(options.dataDirectory);
  const operations = new Operations({ clock, faults, ...operationsLog });
  closers.push(operationsLog.close);
  closers.push(() => operations.idle(OPERATIONS_STOP_MS));
  closers.push(startMaintenance({ catalog, clock, log: options.log ?? (() => undefined) }));
  const storage = await options.storage?.({ faults, clock });
  closers.push(() => storage?.close());
  const ingestion = options.ingestion?.({
    ...{ catalog, faults, clock, storage: storage?.account, dataDirectory: options.dataDirectory },
    log: options.log ?? (() => undefined),
  });
  const streaming = new StreamingLog();
  const server = {
    startedOn: clock.now(),
    address: 'localhost',
    rolesInUse: () => principals.list().map(({ name, roles }) => ({ principal: name, roles })),
  };
  const runner = new Runner({
    definitions: [
      ...(ingestion?.commands ?? []).map(serviceCommand),
      ...(options.refusesMoves === true ? COMMANDS_WITHOUT_MOVE : COMMANDS),
    ],
    ...{ catalog, clock, faults, operations, server, decode, streaming, queryEngine: options.queryEngine },
    ...(ingestion !== undefined && { ingestion }),
  });
  const handler = createHandler({
    ...{
      runner,
      catalog,
      clock,
      faults,
      principals,
      streaming,
      metadata: cloudMetadata(options.loginEndpoint),
    },
    ...(ingestion !== undefined && { ingestion }),
  });
  const { certificate } = options;
  const main = await listen({
    ...{ port: options.port, handler, name: 'Kusto', portFlag: '--port' },
    ...(certificate !== undefined && { certificate }),
  });
  closers.push(() => main.close());
  const admin = await listen({
    port: options.adminPort ?? 0,
    handler: createAdminHandler({ faults, principals, clock }),
    ...{ name: "Kusto's admin port", portFlag: '--admin-port' },
  });
  closers.push(() => admin.close());
  if (ingestion !== undefined) {
    await ingestion.start();
    closers.push(() => ingestion.stop());
  }
  return {
    url: `${certificate === undefined ? 'http' : 'https'}://localhost:${main.port}`,
    admin: `http://127.0.0.1:${admin.port}`,
    storage: storage?.account,
    stop,
  };
}

async function createDatabases(catalog: CatalogStore, names: readonly string[]): Promise<void> {
  await catalog.transact((state) => ({
    changes: names
      .filter((name) => !state.databases.has(name))
      .map((name) => ({
        kind: 'putDatabase' as const,
        value: {
          ...{ name, id: randomUUID(), createdOn: catalog.now() },
          ...{ policies: new Map(), mappings: [], roles: [] },
        },
      })),
    result: undefined,
  }));
}
