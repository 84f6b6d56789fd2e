import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import type { Shipment } from '../../src/ledger/ports.js';
import { addFault, listFaults, passBatchingTime, removeFaults } from '../helpers/kusto-admin.js';
import { kustoCommand, kustoQuery, type Stack, startStack, until } from '../helpers/stack.js';
import { send } from './events.js';

/** What the options of the Flink sink do that show only with the service: one table and hub for each. */
const TABLES = ['Plain', 'Mapped', 'Held', 'Flushed', 'Tagged', 'Failing', 'Shared'];
const SHARED_PARTITIONS = 4;

const source = (table: string, route: string, more = ''): string => `
  - name: ${table.toLowerCase()}
    eventHub: { connection: EVENTHUB, name: ${table.toLowerCase()} }
    route: { database: Peers, table: ${table}, ${route} }
${more}`;

const PIPELINE = `
kusto:
  cluster: "%KUSTO_CLUSTER%"
  auth: { kind: none }
settle: { everyMs: 1000 }
sources:
${source('Plain', 'format: json, flushImmediately: true')}
${source('Mapped', 'format: csv, mapping: Turned, flushImmediately: true')}
${source('Held', 'format: json')}
${source('Flushed', 'format: json, flushImmediately: true')}
${source('Tagged', 'format: json, flushImmediately: true, tags: { additional: [blue], dropBy: [monday] }')}
${source(
  'Failing',
  'format: json, flushImmediately: true',
  `    onError: fail
    retry: { maxAttempts: 1 }`,
)}
${source('Shared', 'format: json, flushImmediately: true')}
`;

let stack: Stack;

before(async () => {
  const partitions = (table: string): number => (table === 'Shared' ? SHARED_PARTITIONS : 2);
  stack = await startStack({
    pipeline: PIPELINE,
    hubs: TABLES.map((table) => `${table.toLowerCase()}:${partitions(table)}`).join(','),
    kustoArgs: ['--databases', 'Peers'],
    hosts: 0,
  });
  for (const table of TABLES) {
    await kustoCommand(stack, 'Peers', `.create table ${table} (n: long, s: string)`);
  }
  const mapping = '[{"column":"n","Properties":{"Ordinal":1}},{"column":"s","Properties":{"Ordinal":0}}]';
  await kustoCommand(stack, 'Peers', `.create table Mapped ingestion csv mapping 'Turned' '${mapping}'`);
  await stack.startHost();
});
after(() => stack.stop());

const json = (n: number): string => JSON.stringify({ n, s: `text ${n}` });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** The numbers in a table, as soon as there are `count`. */
async function arrived(table: string, count: number): Promise<number[]> {
  const rows = await until(
    () => kustoQuery(stack, 'Peers', `${table} | sort by n asc | project n`),
    (found) => found.length >= count,
  );
  return rows.map(([n]) => Number(n));
}

const countOf = async (table: string): Promise<number> =>
  Number((await kustoQuery(stack, 'Peers', `${table} | count`))[0]?.[0]);

async function get<T>(path: string): Promise<T> {
  const answer = await fetch(new URL(path, stack.hosts[0]?.ready.url));
  assert.equal(answer.status, 200, `${path} answered ${answer.status}`);
  return (await answer.json()) as T;
}

interface Owned {
  readonly kind: string;
  readonly owner: string | undefined;
}

/** Owner of each partition of a hub, or that there is a checkpoint, as the trigger keeps them. */
async function partitionState(hub: string): Promise<Owned[]> {
  const account = BlobServiceClient.fromConnectionString(stack.azurite.connectionString);
  const container = account.getContainerClient('azure-webjobs-eventhub');
  const found: Owned[] = [];
  for await (const { name, metadata } of container.listBlobsFlat({ includeMetadata: true })) {
    const [kind, ownHub] = [name.split('/').at(-2) ?? '', name.split('/').at(-4)];
    if (ownHub === hub) {
      found.push({ kind, owner: metadata?.['ownerid'] });
    }
  }
  return found;
}

describe('Flink sink', { concurrency: true }, () => {
  test('flink database, table: events arrive in the route’s table', async () => {
    await send(
      stack,
      'plain',
      numbers(20).map((n) => ({ body: json(n), partition: String(n % 2) })),
    );
    assert.deepEqual(await arrived('Plain', 20), numbers(20));
    const [row] = await kustoQuery(stack, 'Peers', 'Plain | where n == 7 | project s');
    assert.deepEqual(row, ['text 7']);
  });

  test('flink ingestionMappingRef: a mapping by name shapes the rows', async () => {
    await send(stack, 'mapped', [{ body: 'one,1\n"t,wo",2' }]);
    await arrived('Mapped', 2);
    const rows = await kustoQuery(stack, 'Peers', 'Mapped | sort by n asc | project n, s');
    assert.deepEqual(rows, [
      [1, 'one'],
      [2, 't,wo'],
    ]);
  });

  test('flink flushImmediately: the service is told to flush', async () => {
    await send(stack, 'held', [{ body: json(1) }]);
    const isQueued = ({ table, state }: Shipment): boolean => table === 'Held' && state === 'queued';
    await until(
      () => get<{ shipments: Shipment[] }>('/api/shipments'),
      ({ shipments }) => shipments.some(isQueued),
    );
    await send(stack, 'flushed', [{ body: json(1) }]);
    assert.deepEqual(await arrived('Flushed', 1), [1]);
    assert.equal(await countOf('Held'), 0, 'the batching policy of the table, five minutes, still holds it');
    await until(
      async () => {
        await passBatchingTime(stack);
        return countOf('Held');
      },
      (count) => count === 1,
    );
  });

  test('flink additionalTags: extents carry the tags', async () => {
    await send(stack, 'tagged', [{ body: json(1) }]);
    await arrived('Tagged', 1);
    const tags = await kustoQuery(stack, 'Peers', 'Tagged | project extent_tags()');
    assert.deepEqual([...((tags[0]?.[0] ?? []) as string[])].sort(), ['blue', 'drop-by:monday']);
  });

  test('flink deliveryGuarantee: a batch that fails is held by the source', async () => {
    const fault = await addFault(stack, { target: 'dm', match: '/Peers/Failing', action: 'permanent' });
    await send(
      stack,
      'failing',
      numbers(5).map((n) => ({ body: json(n) })),
    );
    await until(
      async () => (await listFaults(stack)).find(({ id }) => id === fault)?.hits ?? 0,
      (hits) => hits >= 2,
    );
    const checkpoints = (await partitionState('failing')).filter(({ kind }) => kind === 'checkpoint');
    assert.deepEqual(checkpoints, [], 'a partition moved on past a batch that failed');
    assert.equal(await countOf('Failing'), 0);
    await removeFaults(stack, fault);
    assert.deepEqual(await arrived('Failing', 5), numbers(5));
    await until(
      () => partitionState('failing'),
      (found) => found.some(({ kind }) => kind === 'checkpoint'),
    );
  });

  test('flink parallelism: two hosts share the partitions', async () => {
    await stack.startHost();
    await until(
      async () => {
        const owned = (await partitionState('shared')).filter(({ kind }) => kind === 'ownership');
        const owners = owned.map(({ owner }) => owner ?? '');
        return [...new Set(owners.filter((owner) => owner !== ''))].map(
          (owner) => owners.filter((one) => one === owner).length,
        );
      },
      (shares) => shares.length === 2 && shares.every((share) => share === SHARED_PARTITIONS / 2),
    );
    await send(
      stack,
      'shared',
      numbers(200).map((n) => ({ body: json(n), partition: String(n % SHARED_PARTITIONS) })),
    );
    // A partition that moves in the middle of a batch repeats it, so only distinct rows are sure.
    const rows = await until(
      () => kustoQuery(stack, 'Peers', 'Shared | distinct n | sort by n asc'),
      (found) => found.length >= 200,
    );
    assert.deepEqual(rows.flat(), numbers(200));
  });
});
