import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { hostFactsOf } from '../../../src/config/host-facts.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { KfError } from '../../../src/runtime/errors.js';
import { check, good, kustoPart, mistakesOf, settings, withRoute } from './fixture.js';

const root = new URL('../../../../', import.meta.url);
const sample = readFileSync(new URL('pipeline.yaml', root), 'utf8');
const sampleSettings = JSON.parse(readFileSync(new URL('local.settings.sample.json', root), 'utf8')).Values;

test('the sample and its settings are a configuration without warnings', () => {
  const host = hostFactsOf(JSON.parse(readFileSync(new URL('host.json', root), 'utf8')), {});
  const { config, warnings, mistakes } = check(sample, { settings: sampleSettings, host });
  assert.deepEqual(mistakes, []);
  assert.deepEqual(warnings, []);
  assert.deepEqual(
    config?.tables.map(({ database, name }) => `${database}.${name}`),
    [
      'Samples.Flights',
      'Samples.ZipCodes',
      'Samples.Movies',
      'Samples.Flights3M',
      'Samples.FlightsLoaded',
      'Samples.ZipCodesLoaded',
    ],
  );
});

test('pipeline.yaml with five mistakes reports five', () => {
  const text = `kusto:
  cluster: http://c.kusto.windows.net
  auth: { kind: managedIdentty }
sources:
  - name: s
    eventHub: { connection: EVENTHUB, name: h }
    route: { database: D, table: T, format: jsn, batch: { maxByte: 4MiB } }
    onError: deadletter
`;
  assert.deepEqual(
    check(text).mistakes.map(({ path, line }) => [path, line]),
    [
      ['kusto.cluster', 2],
      ['kusto.auth.kind', 3],
      ['sources[0].route.format', 7],
      ['sources[0].route.batch.maxByte', 7],
      ['sources[0].onError', 8],
    ],
  );
  assert.throws(
    () => loadConfig({ yamlText: text, path: 'pipeline.yaml', settings }),
    (error) =>
      error instanceof KfError && error.code === 'CONFIG_INVALID' && /^5 mistakes in/.test(error.message),
  );
});

test('a wrong part hides no mistake of another part', () => {
  const text = `${withRoute(`      format: jsn
      delivery: streaming
      tags: { additional: [x] }
      batch: { maxBytes: 64MiB, maxAgeMs: soon }`)}
  - name: s
    eventHub: { connection: OTHER, name: h }
    route: { database: D, format: csv }
`;
  assert.deepEqual(
    check(text)
      .mistakes.map(({ path }) => path)
      .sort(),
    [
      'sources[0].route.batch.maxAgeMs',
      'sources[0].route.batch.maxBytes',
      'sources[0].route.format',
      'sources[0].route.tags.additional',
      'sources[1].eventHub.connection',
      'sources[1].name',
      'sources[1].route.table',
    ],
  );
});

test('what is left out has its default', () => {
  const config = good(withRoute('      format: json'));
  const { route, retry, onError } = config.sources[0]!;
  assert.deepEqual(route.batch, { maxBytes: 67_108_864, maxRecords: 500_000, lingerMs: 0, maxAgeMs: 30_000 });
  assert.deepEqual(retry, { maxAttempts: 5, baseMs: 1000, maxMs: 60_000, maxElapsedMs: 240_000 });
  assert.deepEqual(
    [onError, route.delivery, route.staging, route.dynamicAllow],
    ['deadLetter', 'queued', 'own', []],
  );
  assert.deepEqual(config.settle, {
    ...{ everyMs: 30_000, settleTimeoutMs: 86_400_000, graceMs: 960_000, maxDepth: 6 },
  });
  assert.equal(config.http.maxBodyBytes, 5 * 2 ** 30);
  assert.equal(config.http.idempotencyMs, 30 * 86_400_000);
  assert.equal(config.kusto.resourceCacheMs, 7_200_000);
  assert.equal(config.deadLetter.container, 'dead-letters');
  assert.equal(config.maxInFlightBytes, 256 * 2 ** 20);
  assert.deepEqual([config.validate, config.logLevel], [true, 'info']);
});

test('a streaming route batches 4 MiB at most by default', () => {
  const config = good(withRoute('      format: csv\n      delivery: streaming'));
  assert.equal(config.sources[0]!.route.batch.maxBytes, 4 * 2 ** 20);
});

test('kafka tables.topics.mapping: each source has its own route', () => {
  const text = `${withRoute('      format: json')}  - name: second
    eventHub: { connection: EVENTHUB, name: other }
    route: { database: E, table: U, format: csv, mapping: M, delivery: streaming }
`;
  assert.deepEqual(
    good(text).sources.map(({ route }) => [
      route.database,
      route.table,
      route.format,
      route.mapping,
      route.delivery,
    ]),
    [
      ['D', 'T', 'json', undefined, 'queued'],
      ['E', 'U', 'csv', 'M', 'streaming'],
    ],
  );
});

test('sizes and durations take units, and settings take the place of text', () => {
  const text = withRoute(`      format: json
      batch: { maxBytes: "%BATCH%", maxAgeMs: 2m, lingerMs: 1s, maxRecords: "1000" }`);
  const { batch } = good(text, { settings: { ...settings, BATCH: '32MiB' } }).sources[0]!.route;
  assert.deepEqual(batch, { maxBytes: 33_554_432, maxAgeMs: 120_000, lingerMs: 1000, maxRecords: 1000 });
});

test('missing settings are listed together with the other mistakes', () => {
  const text = kustoPart.replace('https://c.westeurope.kusto.windows.net', '"%CLUSTER%"');
  assert.deepEqual(mistakesOf(`${text}validate: perhaps\n`, { settings: {} }), [
    'storage.connection: app setting AzureWebJobsStorage has no value; set it, or AzureWebJobsStorage__accountName for an identity',
    'kusto.cluster: app setting CLUSTER has no value; set it (on a laptop in local.settings.json)',
    'validate: "perhaps" is neither true nor false',
  ]);
});

test('when only settings are missing, the code says so', () => {
  assert.throws(
    () => loadConfig({ yamlText: kustoPart, path: 'pipeline.yaml', settings: {} }),
    (error) => error instanceof KfError && error.code === 'CONFIG_SETTING_MISSING',
  );
});

test('a setting that is empty leaves an optional key out', () => {
  const text = kustoPart.replace('managedIdentity', 'managedIdentity, clientId: "%ID%"');
  assert.deepEqual(good(text, { settings: { ...settings, ID: '' } }).kusto.auth, { kind: 'managedIdentity' });
});

test('a key without a value counts as left out', () => {
  assert.equal(good(`${kustoPart}  ingestUri:\n  proxyUrl:\n`).kusto.proxyUrl, undefined);
});

test('a double percent sign is one', () => {
  const text = `${kustoPart}tables: [{database: D, name: T, columns: {a: int}, docstring: "100%% of %WHAT%"}]\n`;
  assert.equal(good(text, { settings: { ...settings, WHAT: 'it' } }).tables[0]?.docstring, '100% of it');
});

test('the result cannot be changed, at any depth', () => {
  const config = good(withRoute('      format: json'));
  assert.throws(() => {
    (config.sources[0]!.route.batch as { maxBytes: number }).maxBytes = 1;
  }, TypeError);
  assert.ok(Object.isFrozen(config.http.tables));
});

test('LOG_LEVEL has precedence over the file', () => {
  assert.equal(
    good(`${kustoPart}logLevel: error\n`, { settings: { ...settings, LOG_LEVEL: 'debug' } }).logLevel,
    'debug',
  );
});

test('the transform is found beside the file', () => {
  assert.equal(
    good(withRoute('      format: json\n      transform: transforms/mine.ts')).sources[0]?.route.transform,
    '/app/transforms/mine.ts',
  );
});

test('text that is no YAML, two documents and repeated keys are told with their place', () => {
  assert.match(mistakesOf('kusto: [')[0]!, /^: /);
  assert.deepEqual(check('kusto: {}\nkusto: {}\n').mistakes[0]?.line, 2);
  assert.match(mistakesOf(`${kustoPart}---\na: 1\n`)[0]!, /several documents/);
  assert.match(mistakesOf('')[0]!, /is empty/);
  assert.match(mistakesOf('just text')[0]!, /map/);
});

test('unknown keys get the nearest known key, the right place, or the list', () => {
  const text = `${withRoute('      format: json\n      mappin: M\n      batchIntervalMs: 5')}kustoo: 1\nformat: json\nzzz: 1\n`;
  assert.deepEqual(
    mistakesOf(text).map((line) => line.replace(/known here: .*/, 'known here')),
    [
      'sources[0].route.mappin: is no known key; did you mean mapping?',
      'sources[0].route.batchIntervalMs: is no known key; did you mean route.batch.maxAgeMs?',
      'kustoo: is no known key; did you mean kusto?',
      'format: is no known key; did you mean sources[].route.format?',
      'zzz: is no known key; known here',
    ],
  );
});

test('a kafka source is refused by name until there is one', () => {
  const text = withRoute('      format: json').replace(/eventHub: .*/, 'kafka: { brokerList: x }');
  assert.deepEqual(
    mistakesOf(text),
    [
      'sources[0].kafka: is no known key; known here: name, eventHub, route, onError, retry',
      'sources[0].eventHub: is required',
    ].sort((a, b) => (a.includes('kafka') ? 1 : b.includes('kafka') ? -1 : 0)),
  );
});
