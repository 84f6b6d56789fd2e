import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostFactsOf } from '../../../src/config/host-facts.js';
import { defaultSource } from '../../../src/config/load-config.js';
import { check, good, kustoPart, mistakesOf, settings, withRoute } from './fixture.js';

const route = (lines: readonly string[]): string =>
  withRoute(lines.map((line) => `      ${line}`).join('\n'));

test('the defaults of bodies and lost pipelines fit every function timeout', () => {
  const { retry, route } = defaultSource('http', 10_000);
  assert.deepEqual([retry.maxElapsedMs, route.batch.maxAgeMs], [5_000, 5_000]);
  assert.equal(defaultSource('http', Number.MAX_SAFE_INTEGER).retry.maxElapsedMs, 240_000);
});

test('a grace time within which a handler may still hold a shipment is refused', () => {
  const yaml = (settle: string) => `${withRoute('      format: json')}settle: { ${settle} }\n`;
  const host = hostFactsOf({ functionTimeout: '00:10:00' }, {});
  assert.match(
    mistakesOf(yaml('graceMs: 5m'), { host }).join(),
    /settle\.graceMs: 5m is not longer .* write more than 5m/,
  );
  assert.equal(good(yaml('graceMs: 301s'), { host }).settle.graceMs, 301_000);
  assert.equal(good(yaml('everyMs: 1s'), { host }).settle.graceMs, 600_000);
  const endless = hostFactsOf({ functionTimeout: '-1' }, {});
  assert.equal(good(yaml('everyMs: 1s'), { host: endless }).settle.graceMs, 3_660_000);
});

const refused: readonly [string, string[], RegExp][] = [
  [
    'streaming with tags',
    ['format: csv', 'delivery: streaming', 'tags: {dropBy: [x]}'],
    /tags\.dropBy: streaming cannot set tags/,
  ],
  [
    'streaming with additional tags',
    ['format: csv', 'delivery: streaming', 'tags: {additional: [x]}'],
    /tags\.additional: streaming/,
  ],
  [
    'streaming with an inline mapping',
    ['format: csv', 'delivery: streaming', 'mapping: [{column: a, ordinal: 0}]'],
    /mapping: streaming takes no inline/,
  ],
  [
    'streaming with a header row',
    ['format: csv', 'delivery: streaming', 'ignoreFirstRecord: true'],
    /ignoreFirstRecord: streaming/,
  ],
  [
    'streaming with large requests',
    ['format: csv', 'delivery: streaming', 'batch: {maxBytes: 4194305}'],
    /batch\.maxBytes: streaming takes at most 4MiB/,
  ],
  [
    'lingering beyond the age',
    ['format: csv', 'batch: {lingerMs: 31s}'],
    /batch\.lingerMs: 31s is longer than maxAgeMs \(30s\)/,
  ],
  [
    'an age beyond the function timeout',
    ['format: csv', 'batch: {maxAgeMs: 30m}'],
    /batch\.maxAgeMs: 30m is not under the function timeout/,
  ],
  [
    'metadata columns of a format that has no keys',
    ['format: parquet', 'columns: {_o: offset}'],
    /columns: format parquet cannot carry them/,
  ],
  ['an unknown fact', ['format: json', 'columns: {_o: ofset}'], /columns\._o: .*did you mean offset/],
  [
    'a JSON mapping column without a path',
    ['format: json', 'mapping: [{column: a}]'],
    /mapping\[0\]: a json mapping needs path/,
  ],
  [
    'a CSV mapping column without an ordinal',
    ['format: psv', 'mapping: [{column: a, path: $.a}]'],
    /mapping\[0\]: a csv mapping needs ordinal/,
  ],
  [
    'an inline mapping that loses a fact',
    ['format: json', 'columns: {_o: offset}', 'mapping: [{column: a, path: $.a}]'],
    /mapping: has no column with path \$\._o/,
  ],
  [
    'an unknown mapping transformation',
    ['format: json', 'mapping: [{column: a, path: $.a, transform: Upper}]'],
    /mapping\[0\]\.transform: "Upper" is not known/,
  ],
  [
    'a record larger than the service takes',
    ['format: raw', 'maxRecordBytes: 65MiB'],
    /maxRecordBytes: .*at most 64MiB/,
  ],
  [
    'a dynamic target without a table',
    ['format: json', 'dynamic: {allow: [Telemetry]}'],
    /dynamic\.allow\[0\]: .*Database\.Table/,
  ],
  ['a transform that is no module', ['format: json', 'transform: mine.py'], /transform: .*\.ts/],
  [
    'creating a table that the file does not define',
    ['format: json', 'tableCreateOptions: CreateIfNotExist'],
    /CreateIfNotExist needs D\.T in tables/,
  ],
];

for (const [name, lines, expected] of refused) {
  test(`${name} is one mistake`, () => {
    const mistakes = mistakesOf(route(lines));
    assert.equal(mistakes.length, 1, mistakes.join('\n'));
    assert.match(mistakes[0]!, expected);
  });
}

const table = `tables:
  - database: D
    name: T
    columns: { a: int64, b: string, c: DateTime }
    mappings:
      - { name: M, kind: json, columns: [{column: a, path: $.a}, {column: b, path: "$['_o']"}] }
      - { name: C, kind: csv, columns: [{column: a, ordinal: 0}] }
`;

test('types are written the way Kusto names them', () => {
  assert.deepEqual(good(kustoPart + table).tables[0]?.columns, { a: 'long', b: 'string', c: 'datetime' });
});

test('a mapping of another kind than the format is refused', () => {
  assert.deepEqual(mistakesOf(route(['format: json', 'mapping: C']) + table), [
    'sources[0].route.mapping: C is a csv mapping, but format json needs a json one',
  ]);
});

test('a fact that the named mapping does not pick up is refused, however its path is written', () => {
  assert.deepEqual(mistakesOf(route(['format: json', 'mapping: M', 'columns: {_o: offset}']) + table), []);
  assert.match(
    mistakesOf(route(['format: json', 'mapping: M', 'columns: {_p: partition}']) + table)[0]!,
    /columns\._p: mapping M has no column with path \$\._p/,
  );
});

test('without a mapping a fact needs a column of its name', () => {
  assert.match(
    mistakesOf(route(['format: json', 'columns: {bb: offset}']) + table)[0]!,
    /columns\.bb: table T has no column bb; did you mean b\?/,
  );
});

test('tables are checked: types, mapping columns, policies, repeats', () => {
  const text = `${kustoPart}tables:
  - { database: D, name: T, columns: {a: strng}, policies: {merge: 1} }
  - database: D
    name: U
    columns: { a: int }
    mappings: [{name: M, kind: json, columns: [{column: b, path: $.b}]}]
    policies: { ingestionBatching: {MaximumBatchingTimeSpan: "00:00:01", MaximumNumberOfItems: 0} }
  - { database: D, name: U, columns: {a: int} }
  - { database: D, name: V, columns: {"1": int} }
`;
  assert.deepEqual(
    mistakesOf(text).map((line) => line.split(':')[0]),
    [
      'tables[0].columns.a',
      'tables[0].policies.merge',
      'tables[1].mappings[0].columns[0].column',
      'tables[1].policies.ingestionBatching.MaximumBatchingTimeSpan',
      'tables[1].policies.ingestionBatching.MaximumNumberOfItems',
      'tables[2].name',
      'tables[3].columns',
    ],
  );
});

test('two sources must differ in name, and in consumer group when they read one hub', () => {
  const text = `${route(['format: json'])}  - name: S
    eventHub: { connection: EVENTHUB, name: H, consumerGroup: $default }
    route: { database: D, table: T, format: json }
`;
  assert.deepEqual(
    mistakesOf(text).map((line) => line.split(':')[0]),
    ['sources[1].name', 'sources[1].eventHub.consumerGroup'],
  );
});

test('where a source starts must be what host.json says, because it holds for all hubs', () => {
  const at = (startFrom: string): string =>
    withRoute('      format: json').replace('name: h', `name: h, startFrom: ${startFrom}`);
  const host = (options: object) =>
    hostFactsOf({ extensions: { eventHubs: { initialOffsetOptions: options } } }, {});
  assert.deepEqual(mistakesOf(at('latest'), { host: host({ type: 'fromEnd' }) }), []);
  assert.deepEqual(
    mistakesOf(at('2026-01-01T00:00:00Z'), {
      host: host({ type: 'FromEnqueuedTime', enqueuedTimeUtc: '2026-01-01T00:00:00.000Z' }),
    }),
    [],
  );
  assert.match(
    mistakesOf(at('latest'))[0]!,
    /startFrom: latest is not what host\.json says \(earliest\).*fromEnd/,
  );
  assert.match(mistakesOf(at('yesterday'))[0]!, /write earliest, latest or a UTC time/);
});

test('the function timeout comes from host.json, and an app setting has precedence', () => {
  assert.equal(hostFactsOf({ functionTimeout: '00:10:00' }, {}).functionTimeoutMs, 600_000);
  assert.equal(hostFactsOf({}, {}).functionTimeoutMs, 1_800_000);
  assert.equal(
    hostFactsOf({ functionTimeout: '00:10:00' }, { AzureFunctionsJobHost__functionTimeout: '00:05:00' })
      .functionTimeoutMs,
    300_000,
  );
  const host = hostFactsOf({ functionTimeout: '00:04:00' }, {});
  assert.deepEqual(mistakesOf(route(['format: json']), { host }), [
    'sources[0].retry.maxElapsedMs: 4m is not under the function timeout of host.json; write less than 4m',
  ]);
});

const warned: readonly [string, string[], RegExp][] = [
  ['flushing immediately', ['format: csv', 'flushImmediately: true'], /flushImmediately/],
  ['streaming that waits', ['format: csv', 'delivery: streaming', 'batch: {lingerMs: 10s}'], /better queued/],
  ['streaming JSON without a mapping', ['format: json', 'delivery: streaming'], /mapping/],
  ['staging with the service', ['format: csv', 'staging: service'], /staging/],
];

for (const [name, lines, expected] of warned) {
  test(`${name} is allowed with a warning`, () => {
    const { warnings, mistakes } = check(route(lines));
    assert.deepEqual(mistakes, []);
    assert.equal(warnings.length, 1, warnings.join('\n'));
    assert.match(warnings[0]!, expected);
  });
}

test('streaming behind a host that gathers events is warned about', () => {
  const host = hostFactsOf({ extensions: { eventHubs: { minEventBatchSize: 500 } } }, {});
  const { warnings } = check(route(['format: csv', 'delivery: streaming']), { host });
  assert.match(warnings[0]!, /gathers 500 events/);
});

test('a secret in the file is warned about, one from a setting is not', () => {
  const text =
    kustoPart.replace('managedIdentity', 'application, tenantId: t, clientId: c, clientSecret: abc') +
    'http: {tables: ["D.*"]}\n';
  assert.match(check(text).warnings.join(), /clientSecret stands in the file/);
  assert.deepEqual(check(text.replace('abc', '"%S%"'), { settings: { ...settings, S: 'abc' } }).warnings, []);
});
