import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Check, failed } from '../../../src/checks/codes.js';
import { runChecks } from '../../../src/checks/run-checks.js';
import { KfError } from '../../../src/runtime/errors.js';
import type { BlobStore, TableStore } from '../../../src/storage/ports.js';
import { good, withRoute } from '../config/fixture.js';
import { type Answer, fakeDeps, fakeKusto, forbidden, healthy, table } from './fakes.js';

const json = withRoute('      format: json\n      mapping: M\n      columns: { _o: offset }');
const streamed = withRoute('      format: csv\n      delivery: streaming');

async function failuresOf(yaml: string, answers: readonly Answer[], more = {}): Promise<Check[]> {
  const report = await runChecks(fakeDeps(fakeKusto([...answers, ...healthy]), more), good(yaml));
  const failures = report.checks.filter(({ ok }) => !ok);
  assert.equal(
    report.ok,
    failures.every(({ warning }) => warning === true),
  );
  return failures;
}

test('a cluster on which all is well is ready, and every check says so', async () => {
  const report = await runChecks(fakeDeps(fakeKusto(healthy)), good(json));
  assert.ok(report.ok);
  assert.deepEqual(
    report.checks.map(({ name, ok, code }) => [name, ok, code]),
    [
      ['network c.westeurope.kusto.windows.net', true, 'OK'],
      ['network ingest-c.westeurope.kusto.windows.net', true, 'OK'],
      ['cluster', true, 'OK'],
      ['ingest endpoint', true, 'OK'],
      ['container kusto-staging', true, 'OK'],
      ['container dead-letters', true, 'OK'],
      ['table storage KustoLedger', true, 'OK'],
      ['table D.T', true, 'OK'],
      ['ingestor D.T', true, 'OK'],
      ['mapping D.T M', true, 'OK'],
      ['batching D.T', true, 'OK'],
    ],
  );
});

test('kafka validation.table.enable: a missing table stops ingestion with its fix', async () => {
  const [check] = await failuresOf(json, [[/^\.show tables/, table()]]);
  assert.equal(check?.code, 'TABLE_MISSING');
  assert.match(check?.message ?? '', /source s writes to it/);
  assert.match(check?.fix ?? '', /\.create table \['T'\]/);
});

test('a missing table that the file defines is mended by apply', async () => {
  const text = `${withRoute('      format: csv')}tables: [{database: D, name: T, columns: {a: long}}]\n`;
  assert.equal((await failuresOf(text, [[/^\.show tables/, table()]]))[0]?.fix, 'kusto-functions apply');
});

test('CreateIfNotExist creates the table with its mapping and policy', async () => {
  const text = `${withRoute('      format: csv\n      tableCreateOptions: CreateIfNotExist')}tables:
  - { database: D, name: T, columns: {a: long}, policies: {streamingIngestion: true} }
`;
  const done = table({ ok: 1 });
  const client = fakeKusto([
    [/^\.show tables/, table()],
    [/^\.create-merge/, done],
    [/^\.alter/, done],
    [/^\.show table .* policy streamingingestion/, table({ Policy: 'null' })],
    ...healthy,
  ]);
  const { checks } = await runChecks(fakeDeps(client), good(text));
  assert.equal(checks.find(({ name }) => name === 'table D.T')?.message, 'created');
  assert.deepEqual(
    client.sent.filter((text) => /: \.(?:create|alter)/.test(text)),
    [`D: .create-merge table ['T'] (['a']:long)`, `D: .alter table ['T'] policy streamingingestion enable`],
  );
});

test('a table that cannot be created names the role', async () => {
  const text = `${withRoute('      format: csv\n      tableCreateOptions: CreateIfNotExist')}tables: [{database: D, name: T, columns: {a: long}}]\n`;
  const failures = await failuresOf(text, [
    [/^\.show tables/, table()],
    [/^\.create-merge/, forbidden],
  ]);
  assert.equal(failures[0]?.code, 'TABLE_CREATE_FAILED');
  assert.match(failures[0]?.fix ?? '', /^\.add database \['D'\] users/);
});

const cases: readonly [string, string, readonly Answer[], string, RegExp][] = [
  [
    'a missing mapping',
    json,
    [[/^\.show table .* mappings/, table()]],
    'MAPPING_MISSING',
    /json mapping "M"/,
  ],
  [
    'a mapping without the metadata path',
    json,
    [
      [
        /^\.show table .* mappings/,
        table({ Name: 'M', Mapping: '[{"Column":"a","Properties":{"Path":"$.a"}}]' }),
      ],
    ],
    'MAPPING_INCOMPLETE',
    /\$\._o/,
  ],
  [
    'a table without the metadata column',
    withRoute('      format: json\n      columns: { _o: offset, _p: partition }'),
    [],
    'MAPPING_INCOMPLETE',
    /\.alter-merge table \['T'\] \(\['_p'\]/,
  ],
  [
    'a principal without ingestor',
    json,
    [[/principal roles/, table({ Role: 'Database Viewer' })]],
    'INGESTOR_MISSING',
    /^\.add database \['D'\] ingestors \("aadapp=/,
  ],
  [
    'a principal without any role that the ingest endpoint refuses',
    json,
    [
      [/principal roles/, forbidden],
      [/\.get ingestion resources/, forbidden],
    ],
    'INGESTOR_MISSING',
    /ingestors/,
  ],
  [
    'streaming without the policy',
    streamed,
    [[/policy streamingingestion/, table({ Policy: 'null' })]],
    'STREAMING_POLICY_OFF',
    /^\.alter table \['T'\] policy streamingingestion enable$/,
  ],
  [
    'a batching policy beyond the ledger’s patience',
    `${json}settle: { settleTimeoutMs: 20m }\n`,
    [[/policy ingestionbatching/, table({ Policy: '{"MaximumBatchingTimeSpan":"00:30:00"}' })]],
    'BATCHING_TOO_LONG',
    /^\.alter-merge table \['T'\] policy ingestionbatching/,
  ],
  [
    'an ingest URL that is an engine',
    json,
    [[/^\.show version/, table({ ServiceType: 'Engine' })]],
    'INGEST_ENDPOINT_WRONG',
    /ingest-/,
  ],
  [
    'a database that is not there',
    json,
    [
      [
        /^\.show tables/,
        new KfError('KUSTO_PERMANENT', 'no such database', { serviceCode: 'BadRequest_DatabaseNotExist' }),
      ],
    ],
    'DATABASE_FAILED',
    /route\.database/,
  ],
];

for (const [name, yaml, answers, code, fix] of cases) {
  test(`${name} is one failure with its fix`, async () => {
    const failures = await failuresOf(yaml, answers);
    assert.deepEqual(
      failures.map((check) => check.code),
      [code],
    );
    assert.match(failures[0]?.fix ?? '', fix);
  });
}

test('a mapping of the database serves as well', async () => {
  assert.deepEqual(await failuresOf(withRoute('      format: json\n      mapping: Shared'), []), []);
});

test('without Viewer the checks warn and ingestion goes on', async () => {
  const failures = await failuresOf(json, [
    [/^\.show tables/, forbidden],
    [/principal roles/, forbidden],
  ]);
  assert.deepEqual(
    failures.map(({ code, warning }) => [code, warning]),
    [['VIEWER_MISSING', true]],
  );
  assert.match(failures[0]?.fix ?? '', /^\.add database \['D'\] viewers/);
});

test('no batching policy is a warning', async () => {
  const failures = await failuresOf(json, [[/policy ingestionbatching/, table({ Policy: 'null' })]]);
  assert.deepEqual(
    failures.map(({ code, warning }) => [code, warning]),
    [['BATCHING_DEFAULT', true]],
  );
});

test('the policies of the database count where the table has none', async () => {
  assert.deepEqual(await failuresOf(streamed, [[/^\.show table .* policy/, table({ Policy: 'null' })]]), []);
});

test('streaming that the whole cluster lacks is found by an empty request', async () => {
  const bodies: Uint8Array[] = [];
  const off = {
    stream: async ({ body }: { body: Uint8Array }) => {
      bodies.push(body);
      throw new KfError('KUSTO_STREAMING_OFF', 'streaming is disabled');
    },
  };
  assert.deepEqual(
    (await failuresOf(streamed, [], { streaming: off })).map(({ code }) => code),
    ['STREAMING_CLUSTER_OFF'],
  );
  assert.ok((bodies[0]?.byteLength ?? 99) < 30);
  const empty = { stream: async () => Promise.reject(new KfError('KUSTO_PERMANENT', 'no data')) };
  assert.deepEqual(await failuresOf(streamed, [], { streaming: empty }), []);
});

test('a cluster that does not answer is one failure, not one per table', async () => {
  const down = new KfError('KUSTO_UNREACHABLE', 'connection refused');
  const failures = await failuresOf(json, [[/./, down]]);
  assert.deepEqual(
    failures.map(({ code }) => code),
    ['CLUSTER_FAILED'],
  );
  assert.match(failures[0]?.fix ?? '', /DNS, firewall and `kusto.proxyUrl`/);
});

test('a refused token is one failure that names the sign-in', async () => {
  const failures = await failuresOf(json, [[/./, new KfError('KUSTO_UNAUTHORIZED', 'who are you')]]);
  assert.deepEqual(
    failures.map(({ name, code }) => [name, code]),
    [['cluster', 'CLUSTER_FAILED']],
  );
  assert.match(failures[0]?.fix ?? '', /kusto\.auth/);
});

test('an ingest endpoint that fails in its own way is told beside the cluster', async () => {
  const deps = fakeDeps(fakeKusto(healthy));
  const client = {
    ...deps.client,
    ingestCommand: async () => Promise.reject(new KfError('KUSTO_UNREACHABLE', 'connection refused')),
  };
  const { checks } = await runChecks({ ...deps, client }, good(json));
  assert.deepEqual(
    checks.filter(({ ok }) => !ok).map(({ code }) => code),
    ['INGEST_ENDPOINT_FAILED'],
  );
});

test('a host that the network does not reach is told once', async () => {
  const network = {
    reach: async (url: string) =>
      failed(`network ${new URL(url).host}`, 'TCP_FAILED', { message: 'connection refused' }),
  };
  const failures = await failuresOf(json, [], { network });
  assert.deepEqual(
    failures.map(({ code }) => code),
    ['TCP_FAILED', 'TCP_FAILED'],
  );
});

test('a storage account that cannot be reached is one failure', async () => {
  const probe = async (): Promise<never> => {
    throw new KfError('STORAGE_UNREACHABLE', 'connection refused');
  };
  const stores = { blobs: { probe } as unknown as BlobStore, tables: { probe } as unknown as TableStore };
  const failures = await failuresOf(json, [], stores);
  assert.deepEqual(
    failures.map(({ code }) => code),
    ['STORAGE_FAILED'],
  );
});

test('a container that cannot be used is told with its name', async () => {
  const blobs = {
    probe: async (container: string) => {
      if (container === 'dead-letters') {
        throw new KfError('STORAGE_FORBIDDEN', 'dead-letters: 403');
      }
    },
  } as unknown as BlobStore;
  assert.deepEqual(
    (await failuresOf(json, [], { blobs })).map(({ name, code }) => [name, code]),
    [['container dead-letters', 'STORAGE_FAILED']],
  );
});

test('tables that HTTP callers may write to are checked, patterns are not', async () => {
  const yaml = `${withRoute('      format: csv')}http: { tables: [D.U, "Other.*"] }\n`;
  const { checks } = await runChecks(fakeDeps(fakeKusto(healthy)), good(yaml));
  assert.deepEqual(
    checks.filter(({ name }) => name.startsWith('table D')).map(({ name }) => name),
    ['table D.T', 'table D.U'],
  );
  assert.ok(checks.some(({ name }) => name === 'container uploads'));
});
