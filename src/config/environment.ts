import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KfError } from '../runtime/errors.js';
import { type HostFacts, hostFactsOf } from './host-facts.js';
import { loadConfig } from './load-config.js';
import type { Settings } from './settings.js';
import type { Config } from './types.js';

/** The app settings of this process. */
export function settingsFromEnvironment(): Settings {
  return { ...process.env };
}

/** Folders looked at above the module, at most. */
const maxDepth = 6;

/** The folder with host.json: the working directory, as the platform sets it, else one above this module. */
export function findAppRoot(workingDirectory: string = process.cwd()): string {
  let folder = workingDirectory;
  let above = dirname(fileURLToPath(import.meta.url));
  for (let depth = 0; depth < maxDepth; depth++) {
    if (existsSync(join(folder, 'host.json'))) {
      return folder;
    }
    folder = above;
    above = dirname(above);
  }
  return workingDirectory;
}

/**
 * Reads the pipeline file: the path in app setting `PIPELINE_FILE`, by default `pipeline.yaml`, relative to the root.
 * @throws CONFIG_INVALID when it cannot be read.
 */
export function readPipelineFile(
  settings: Settings,
  root: string = findAppRoot(),
): { readonly path: string; readonly yamlText: string } {
  const path = resolve(root, settings['PIPELINE_FILE'] || 'pipeline.yaml');
  try {
    return { path, yamlText: readFileSync(path, 'utf8') };
  } catch (cause) {
    const message = `${path} cannot be read; create it, or name it in app setting PIPELINE_FILE`;
    throw new KfError('CONFIG_INVALID', message, { cause });
  }
}

function readJson(path: string): unknown {
  if (!existsSync(path)) {
    return {};
  }
  try {
    return JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new KfError('CONFIG_INVALID', `${path} is no JSON`, { cause });
  }
}

/** What host.json of the app says. @throws CONFIG_INVALID */
export function readHostFacts(settings: Settings, root: string = findAppRoot()): HostFacts {
  return hostFactsOf(readJson(join(root, 'host.json')), settings);
}

/** App settings of a laptop: `Values` of local.settings.json beneath those of the process. @throws CONFIG_INVALID */
export function settingsWithLocalFile(root: string = findAppRoot()): Settings {
  const file = readJson(join(root, 'local.settings.json')) as { readonly Values?: Record<string, string> };
  return { ...file.Values, ...settingsFromEnvironment() };
}

/** The configuration of this app. @throws CONFIG_INVALID, CONFIG_SETTING_MISSING */
export function loadAppConfig(
  settings: Settings = settingsFromEnvironment(),
  root: string = findAppRoot(),
): Config {
  return loadConfig({ ...readPipelineFile(settings, root), settings, host: readHostFacts(settings, root) });
}
