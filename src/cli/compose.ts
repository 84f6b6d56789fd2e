import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { CheckReport } from '../checks/codes.js';
import { createNetworkProbe } from '../checks/network.js';
import { runChecks } from '../checks/run-checks.js';
import { connectKusto, connectStorage } from '../compose/connections.js';
import {
  findAppRoot,
  readHostFacts,
  readPipelineFile,
  settingsFromEnvironment,
  settingsWithLocalFile,
} from '../config/environment.js';
import type { Config } from '../config/types.js';
import { KfError } from '../runtime/errors.js';
import { systemClock } from '../runtime/system-clock.js';
import { createApi } from './api.js';
import type { CliDeps, ConfigSource } from './command.js';
import { exitCodes } from './exit-codes.js';

/** The start-up checks over connections of our own. */
async function checkFromHere(config: Config): Promise<CheckReport> {
  const parts = { config, clock: systemClock };
  const { client, streaming } = connectKusto(parts);
  const { blobs, table } = connectStorage(parts);
  const network = createNetworkProbe();
  return runChecks({ client, streaming, blobs, tables: table, network, newId: systemClock.newId }, config);
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

function onInterrupt(tell: () => void): () => void {
  const listener = (): void => {
    tell();
    process.exit(exitCodes.failed);
  };
  process.once('SIGINT', listener);
  return () => process.off('SIGINT', listener);
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
    openKusto: async (config) => connectKusto({ config, clock: systemClock }).client,
    runChecks: checkFromHere,
    onInterrupt,
  };
}
