import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  findAppRoot,
  loadAppConfig,
  readHostFacts,
  settingsFromEnvironment,
  settingsWithLocalFile,
} from '../../../src/config/environment.js';
import { KfError } from '../../../src/runtime/errors.js';
import { kustoPart, settings, withRoute } from './fixture.js';

const folder = mkdtempSync(join(tmpdir(), 'kusto-functions-config-'));
after(() => rmSync(folder, { recursive: true }));
const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);

test('the app’s own file is loaded with the facts of its host.json', () => {
  write('host.json', '\uFEFF{"functionTimeout": "00:03:00"}');
  write('pipeline.yaml', withRoute('      format: csv'));
  assert.equal(findAppRoot(folder), folder);
  assert.equal(readHostFacts({}, folder).functionTimeoutMs, 180_000);
  assert.throws(() => loadAppConfig(settings, folder), /maxElapsedMs: 4m is not under the function timeout/);
});

test('PIPELINE_FILE names another file beside it', () => {
  write('other.yaml', kustoPart);
  assert.deepEqual(loadAppConfig({ ...settings, PIPELINE_FILE: 'other.yaml' }, folder).sources, []);
});

test('local.settings.json gives app settings, and the environment has precedence', () => {
  write('local.settings.json', '{"Values": {"ONLY_IN_FILE": "a", "PATH": "from the file"}}');
  const merged = settingsWithLocalFile(folder);
  assert.equal(merged['ONLY_IN_FILE'], 'a');
  assert.equal(merged['PATH'], settingsFromEnvironment()['PATH']);
});

test('a settings file that is no JSON is told by its path', () => {
  write('local.settings.json', '{');
  assert.throws(
    () => settingsWithLocalFile(folder),
    (error) =>
      error instanceof KfError &&
      error.code === 'CONFIG_INVALID' &&
      /local\.settings\.json/.test(error.message),
  );
});

test('the settings of the process are a copy', () => {
  const copy = settingsFromEnvironment() as Record<string, string>;
  copy['KUSTO_FUNCTIONS_TEST'] = 'x';
  assert.equal(process.env['KUSTO_FUNCTIONS_TEST'], undefined);
});
