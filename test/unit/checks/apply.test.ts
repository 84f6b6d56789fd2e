import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyTables } from '../../../src/checks/apply.js';
import { good, kustoPart } from '../config/fixture.js';
import { type Answer, fakeKusto, forbidden, healthy, table } from './fakes.js';

const config = good(`${kustoPart}tables:
  - database: D
    name: T
    columns: { a: long, _o: string }
    mappings: [{name: M, kind: json, columns: [{column: a, path: $.a}, {column: _o, path: "$['_o']"}]}]
    policies:
      streamingIngestion: true
      ingestionBatching: { MaximumBatchingTimeSpan: "00:00:30" }
      retention: { SoftDeletePeriod: "30.00:00:00" }
      caching: "7.00:00:00"
      ingestionTime: true
`);

const done = table({ ok: 1 });
const writes: readonly Answer[] = [
  [/^\.(?:create|alter|refresh)/, done],
  [/policy retention/, table({ Policy: '{"SoftDeletePeriod":"30.00:00:00","Recoverability":"Enabled"}' })],
  [/policy caching/, table({ Policy: '{"DataHotSpan":{"Value":"7.00:00:00"}}' })],
  [/policy ingestiontime/, table({ Policy: '{"IsEnabled":true}' })],
];
const changing = (sent: readonly string[]): string[] => sent.filter((text) => /: \.(?!show)/.test(text));

test('applying what is there already changes nothing', async () => {
  const client = fakeKusto([...writes, ...healthy]);
  const result = await applyTables(client, config);
  assert.ok(result.ok);
  assert.deepEqual(new Set(result.steps.map(({ outcome }) => outcome)), new Set(['unchanged']));
  assert.deepEqual(changing(client.sent), []);
});

test('applying to an empty database creates everything, in order', async () => {
  const client = fakeKusto([
    ...writes.slice(0, 1),
    [/^\.show tables/, table()],
    [/mappings/, table()],
    [/policy/, table({ Policy: 'null' })],
  ]);
  const lines: string[] = [];
  const result = await applyTables(client, config, ({ what, outcome }) => lines.push(`${outcome} ${what}`));
  assert.ok(result.ok);
  assert.deepEqual(lines, [
    'created table',
    'created mapping M',
    'created policy streamingingestion',
    'created policy ingestionbatching',
    'created policy retention',
    'created policy caching',
    'created policy ingestiontime',
  ]);
  assert.deepEqual(changing(client.sent), [
    `D: .create-merge table ['T'] (['a']:long, ['_o']:string)`,
    `D: .create-or-alter table ['T'] ingestion json mapping "M" "[{\\"Column\\":\\"a\\",\\"Properties\\":{\\"Path\\":\\"$.a\\"}},{\\"Column\\":\\"_o\\",\\"Properties\\":{\\"Path\\":\\"$[\\'_o\\']\\"}}]"`,
    `D: .alter table ['T'] policy streamingingestion enable`,
    `D: .alter-merge table ['T'] policy ingestionbatching "{\\"MaximumBatchingTimeSpan\\":\\"00:00:30\\"}"`,
    'D: .refresh database "D" table "T" cache ingestionbatchingpolicy',
    `D: .alter-merge table ['T'] policy retention softdelete = time(30.00:00:00)`,
    `D: .alter table ['T'] policy caching hot = time(7.00:00:00)`,
    `D: .alter table ['T'] policy ingestiontime true`,
  ]);
});

test('a missing column is added, a changed mapping replaced', async () => {
  const client = fakeKusto([
    ...writes,
    [/schema as json/, table({ Schema: '{"OrderedColumns":[{"Name":"a","CslType":"long"}]}' })],
    [
      /^\.show table .* mappings/,
      table({ Name: 'M', Mapping: '[{"Column":"a","Properties":{"Path":"$.b"}}]' }),
    ],
    ...healthy,
  ]);
  const { steps } = await applyTables(client, config);
  assert.deepEqual(
    steps.slice(0, 2).map(({ what, outcome, message }) => [what, outcome, message]),
    [
      ['table', 'changed', 'added _o'],
      ['mapping M', 'changed', '2 columns, json'],
    ],
  );
});

test('a column of another type fails honestly and nothing of that table is changed', async () => {
  const client = fakeKusto([
    ...writes,
    [/schema as json/, table({ Schema: '{"OrderedColumns":[{"Name":"a","CslType":"string"}]}' })],
    ...healthy,
  ]);
  const result = await applyTables(client, config);
  assert.equal(result.ok, false);
  assert.deepEqual(
    result.steps.map(({ outcome }) => outcome),
    ['failed'],
  );
  assert.match(result.steps[0]?.message ?? '', /column a is string and cannot become long/);
  assert.deepEqual(changing(client.sent), []);
});

test('a policy that may not be set is a failure, the rest is carried out', async () => {
  const client = fakeKusto([
    [/^\.alter table .* policy streamingingestion/, forbidden],
    [/^\.show table .* policy streamingingestion/, table({ Policy: 'null' })],
    ...writes,
    ...healthy,
  ]);
  const { ok, steps } = await applyTables(client, config);
  assert.equal(ok, false);
  assert.deepEqual(
    steps.filter(({ outcome }) => outcome === 'failed').map(({ what }) => what),
    ['policy streamingingestion'],
  );
  assert.equal(steps.length, 7);
});

test('that the cache of the batching policy cannot be refreshed is no failure', async () => {
  const client = fakeKusto([
    [/^\.refresh/, forbidden],
    [/^\.show table .* policy ingestionbatching/, table({ Policy: 'null' })],
    ...writes,
    ...healthy,
  ]);
  assert.ok((await applyTables(client, config)).ok);
});
