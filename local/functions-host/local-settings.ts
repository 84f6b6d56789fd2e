import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HostError } from './errors.js';
import { readConfigFile, section } from './json-reader.js';

/** What `local.settings.json` says. */
export interface LocalSettings {
  values: Record<string, string>;
  port?: number;
}

/**
 * Reads `local.settings.json`; a missing file means no values.
 * @throws HostError `config-invalid`, also for an encrypted file
 */
export function loadLocalSettings(appFolder: string): LocalSettings {
  const path = join(appFolder, 'local.settings.json');
  return existsSync(path) ? readConfigFile(path, readLocalSettings) : { values: {} };
}

function readLocalSettings(parsed: unknown): LocalSettings {
  const document = section({ document: parsed }, 'document', 'the document');
  if (document['IsEncrypted'] === true) {
    throw new HostError(
      'config-invalid',
      'it is encrypted; run "func settings decrypt" or set IsEncrypted to false',
    );
  }
  const values = Object.fromEntries(
    Object.entries(section(document, 'Values', 'Values')).map(([name, value]) => [name, String(value)]),
  );
  const port = Number(section(document, 'Host', 'Host')['LocalHttpPort']);
  return Number.isInteger(port) ? { values, port } : { values };
}
