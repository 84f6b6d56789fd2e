import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { applyTables } from '../../../src/checks/apply.js';
import { createNetworkProbe } from '../../../src/checks/network.js';
import { runChecks } from '../../../src/checks/run-checks.js';
import { connectKusto, connectStorage } from '../../../src/compose/connections.js';
import { loadConfig } from '../../../src/config/load-config.js';
import type { Config } from '../../../src/config/types.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { type Stack, startStack } from '../../helpers/stack.js';

const sample = readFileSync(new URL('../../../../pipeline.yaml', import.meta.url), 'utf8');
const main = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
let stack: Stack;

before(async () => {
  stack = await startStack({
    pipeline: sample,
    hosts: 0,
    settings: { EVENTHUB: 'unused', KUSTO_AUTH: 'none' },
  });
});
after(() => stack.stop());

function configOf(yamlText: string = sample, auth = 'none'): Config {
  const text = yamlText.replace(
    '{ kind: "%KUSTO_AUTH%" }',
    auth === 'none' ? '{ kind: none }' : `{ kind: accessToken, token: ${auth} }`,
  );
  return loadConfig({ yamlText: text, path: '/app/pipeline.yaml', settings: stack.settings });
}

function check(config: Config) {
  const parts = { config, clock: systemClock };
  const { client, streaming } = connectKusto(parts);
  const { blobs, table } = connectStorage(parts);
  const deps = {
    client,
    streaming,
    blobs,
    tables: table,
    network: createNetworkProbe(),
    newId: systemClock.newId,
  };
  return runChecks(deps, config);
}

const failuresOf = async (config: Config) =>
  (await check(config)).checks
    .filter(({ ok }) => !ok)
    .map(({ name, code, warning }) => [name, code, warning === true]);

/** The command line as users run it. */
async function cli(...args: string[]): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...stack.settings } });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out };
}

async function principal(token: string, roles: Record<string, string[]>): Promise<void> {
  const response = await fetch(new URL('/principals', stack.kusto.ready.admin), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, roles }),
  });
  assert.ok(response.ok, await response.text());
}

test('a missing table is told, apply makes it, a repeat changes nothing, then all is well', async () => {
  assert.deepEqual(await failuresOf(configOf()), [['table Samples.Flights', 'TABLE_MISSING', false]]);
  const first = await cli('apply', '--json');
  assert.equal(first.code, 0, first.out);
  const outcomes = JSON.parse(first.out).steps.map(({ outcome }: { outcome: string }) => outcome);
  assert.deepEqual(new Set(outcomes), new Set(['created']));
  const { client } = connectKusto({ config: configOf(), clock: systemClock });
  const again = await applyTables(client, configOf());
  assert.deepEqual(new Set(again.steps.map(({ outcome }) => outcome)), new Set(['unchanged']));
  const doctor = await cli('doctor', '--local');
  assert.equal(doctor.code, 0, doctor.out);
  assert.match(doctor.out, /Ready\.\n$/);
});

test('every policy is set as written and found again', async () => {
  const text = sample.replace(
    'ingestionBatching: { MaximumBatchingTimeSpan: "00:00:10" }',
    `streamingIngestion: true
      ingestionTime: true
      caching: "7.00:00:00"
      retention: { SoftDeletePeriod: "30.00:00:00", Recoverability: Disabled }
      ingestionBatching: { MaximumBatchingTimeSpan: "00:00:20", MaximumNumberOfItems: 100 }`,
  );
  const config = configOf(text);
  const { client } = connectKusto({ config, clock: systemClock });
  assert.ok((await applyTables(client, config)).ok);
  const again = await applyTables(client, config);
  assert.deepEqual(
    again.steps.filter(({ outcome }) => outcome !== 'unchanged'),
    [],
  );
});

test('a streaming route is ready once the policy is on', async () => {
  const streaming = sample.replace('delivery: queued', 'delivery: streaming');
  const off = streaming
    .replaceAll('name: Flights\n', 'name: Slow\n')
    .replace('table: Flights\n', 'table: Slow\n');
  const { client } = connectKusto({ config: configOf(off), clock: systemClock });
  await applyTables(client, configOf(off));
  assert.deepEqual(await failuresOf(configOf(off)), [
    ['streaming Samples.Slow', 'STREAMING_POLICY_OFF', false],
  ]);
  await client.command('Samples', ".alter table ['Slow'] policy streamingingestion enable");
  assert.deepEqual(await failuresOf(configOf(off)), []);
});

test('what a principal may not do is told with the role', async () => {
  await principal('viewer-token', { Samples: ['viewer'] });
  await principal('ingestor-token', { Samples: ['ingestor'] });
  await principal('both-token', { Samples: ['viewer', 'ingestor'] });
  assert.deepEqual(await failuresOf(configOf(sample, 'viewer-token')), [
    ['ingestor Samples.Flights', 'INGESTOR_MISSING', false],
  ]);
  assert.deepEqual(await failuresOf(configOf(sample, 'ingestor-token')), [
    ['database Samples', 'VIEWER_MISSING', true],
  ]);
  assert.deepEqual(await failuresOf(configOf(sample, 'both-token')), []);
  const unknown = await failuresOf(configOf(sample, 'unknown-token'));
  assert.equal(unknown[0]?.[1], 'CLUSTER_FAILED');
});
