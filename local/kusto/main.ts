import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FlagValues, portNumber, type RunningService, runService } from '../shared/cli.js';
import { LocalError } from '../shared/errors.js';
import { makeLocalCertificate, writeCertificate } from '../shared/tls.js';
import { createIngestionService } from './dm/service.js';
import { createQueryEngine } from './query/engine.js';
import { startKustoServer } from './server/server.js';
import { openStorage } from './server/storage.js';

const FLAGS = {
  port: {
    value: 'N',
    default: '8080',
    help: 'port of engine and data-management endpoint; 0 takes any free one',
  },
  'admin-port': { value: 'N', default: '0', help: 'port for faults and principals; 0 takes any free one' },
  'port-storage': {
    value: 'N',
    default: '0',
    help: 'first of three ports (blob, queue, table) that clients are sent to; 0 takes any free ones',
  },
  data: { value: 'DIR', help: 'keep everything here across restarts; in memory without it' },
  tls: { help: 'serve https with a self-signed certificate (its path is `cert` of the ready line)' },
  'no-storage': { help: 'start no Azurite; queued ingestion then needs --storage' },
  storage: {
    value: 'URL',
    help:
      'use this storage: a connection string with the three endpoints, or the blob address of a running Azurite ' +
      'such as http://127.0.0.1:10000/devstoreaccount1',
  },
  databases: {
    value: 'A,B',
    default: 'NetDefaultDB,Samples,Telemetry',
    help: 'databases to create at start; more with `.create database NAME`',
  },
  'no-move-extents': { help: 'refuse `.move extents` and `.replace extents`, as Fabric does' },
  'login-endpoint': { value: 'URL', help: 'sign-in address that cloud metadata gives to clients' },
};

async function prepareTls(directory: string | undefined) {
  const certificate = await makeLocalCertificate();
  const folder = directory ?? (await mkdtemp(join(tmpdir(), 'kusto-local-')));
  const files = await writeCertificate(join(folder, 'tls'), certificate);
  const clean = async () => {
    if (directory === undefined) {
      await rm(folder, { recursive: true, force: true });
    }
  };
  return { certificate, files, clean };
}

async function start({ strings, switches }: FlagValues): Promise<RunningService> {
  const dataDirectory = strings['data'];
  const databases = (strings['databases'] ?? '').split(',').map((name) => name.trim());
  if (databases.some((name) => name === '')) {
    throw new LocalError('USAGE', '--databases needs names separated by commas');
  }
  const tls = switches['tls'] === true ? await prepareTls(dataDirectory) : undefined;
  const hasStorage = switches['no-storage'] !== true || strings['storage'] !== undefined;
  const server = await startKustoServer({
    port: portNumber('port', strings['port']),
    adminPort: portNumber('admin-port', strings['admin-port']),
    databases,
    ingestion: createIngestionService,
    queryEngine: createQueryEngine(),
    log: (line) => console.error(line),
    refusesMoves: switches['no-move-extents'] === true,
    ...(dataDirectory !== undefined && { dataDirectory }),
    ...(tls !== undefined && { certificate: tls.certificate }),
    ...(strings['login-endpoint'] !== undefined && { loginEndpoint: strings['login-endpoint'] }),
    ...(hasStorage && {
      storage: (parts) =>
        openStorage(
          {
            port: portNumber('port-storage', strings['port-storage']),
            ...(strings['storage'] !== undefined && { address: strings['storage'] }),
            ...(dataDirectory !== undefined && { dataDirectory }),
            ...(tls !== undefined && { certificate: tls.certificate, certificateFiles: tls.files }),
          },
          parts,
        ),
    }),
  });
  const { url, admin, storage } = server;
  const addresses = storage?.public ?? { blob: null, queue: null, table: null };
  const ready = { engine: url, dm: url, ...addresses, admin, cert: tls?.files.certPath ?? null };
  return {
    ready,
    lines: Object.entries(ready).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`])),
    stop: async () => {
      await server.stop();
      await tls?.clean();
    },
  };
}

await runService({
  name: 'kusto',
  summary: 'a local Kusto: engine and data-management endpoint on one port',
  flags: FLAGS,
  start,
});
