import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createNetworkProbe } from '../checks/network.js';
import { runChecks } from '../checks/run-checks.js';
import {
  findAppRoot,
  readHostFacts,
  readPipelineFile,
  settingsFromEnvironment,
  settingsWithLocalFile,
} from '../config/environment.js';
import type { Config } from '../config/types.js';
import { createCredential } from '../kusto/auth.azure.js';
import { createKustoClient } from '../kusto/client.js';
import { createHttpClient } from '../kusto/http.js';
import type { KustoClient, StreamingIngestion } from '../kusto/ports.js';
import { createKustoSession } from '../kusto/session.azure.js';
import { createStreamingIngestion } from '../kusto/streaming.js';
import { KfError } from '../runtime/errors.js';
import { systemClock } from '../runtime/system-clock.js';
import { createBlobStore } from '../storage/blob.azure.js';
import { createTableStore } from '../storage/table.azure.js';
import { createApi } from './api.js';
import type { CliDeps, ConfigSource } from './command.js';

interface Kusto {
  readonly client: KustoClient;
  readonly streaming: StreamingIngestion;
}

function openKusto({ kusto }: Config): Kusto {
  const http = createHttpClient(kusto.proxyUrl === undefined ? {} : { proxyUrl: kusto.proxyUrl });
  const session = createKustoSession({ kusto, http, clock: systemClock });
  return {
    client: createKustoClient({ kusto, session, http, clock: systemClock }),
    streaming: createStreamingIngestion({ engineUrl: kusto.engineUrl, http, authorize: session.authorize }),
  };
}

function openStorage({ kusto, storage }: Config) {
  const auth =
    storage.clientId === undefined
      ? kusto.auth
      : { kind: 'managedIdentity' as const, clientId: storage.clientId };
  const proxy = kusto.proxyUrl === undefined ? {} : { proxyUrl: kusto.proxyUrl };
  const credential = createCredential({ auth, clock: systemClock, ...proxy });
  const options = {
    storage,
    clock: systemClock,
    ...proxy,
    ...(credential === undefined ? {} : { credential }),
  };
  return {
    blobs: createBlobStore(options),
    tables: createTableStore({ ...options, table: storage.ledgerTable }),
  };
}

/** The configuration to work on: a file that is named, or the app's own. */
function readConfig(file: string | undefined): ConfigSource {
  const root = file === undefined ? findAppRoot() : findAppRoot(dirname(resolve(file)));
  const settings = settingsWithLocalFile(root);
  const host = readHostFacts(settings, root);
  if (file === undefined) {
    return { ...readPipelineFile(settings, root), settings, host };
  }
  try {
    return { path: file, yamlText: readFileSync(file, 'utf8'), settings, host };
  } catch (cause) {
    throw new KfError('CONFIG_INVALID', `${file} cannot be read`, { cause });
  }
}

/** Everything the command line works with on a real machine. */
export function composeCli(): CliDeps {
  return {
    output: {
      out: (line) => process.stdout.write(`${line}\n`),
      err: (line) => process.stderr.write(`${line}\n`),
      ...(process.stderr.isTTY
        ? { progress: (text) => process.stderr.write(text === '\n' ? text : `\r\x1b[K${text}`) }
        : {}),
    },
    clock: systemClock,
    environment: settingsFromEnvironment(),
    openApi: createApi,
    readConfig,
    openKusto: async (config) => openKusto(config).client,
    runChecks: (config) =>
      runChecks(
        {
          ...openKusto(config),
          ...openStorage(config),
          network: createNetworkProbe(),
          newId: systemClock.newId,
        },
        config,
      ),
  };
}
