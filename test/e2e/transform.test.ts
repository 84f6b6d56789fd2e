import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventHubProducerClient } from '@azure/event-hubs';
import { kustoCommand, kustoQuery, type Stack, startStack, until } from '../helpers/stack.js';

const pipeline = `
kusto: { cluster: "%KUSTO_CLUSTER%", auth: { kind: none } }
sources:
  - name: readings
    eventHub: { connection: EVENTHUB, name: readings }
    route:
      database: T
      table: Values
      format: json
      transform: readings.ts
      transformTimeoutMs: 500
      dynamic: { allow: ["T.*"] }
`;

const transform = `
type Reading = { device?: string; values?: number[]; spin?: boolean; alarm?: string };

export default async function readings(record: any) {
  const reading: Reading = record.json();
  if (reading.spin) for (;;);
  if (reading.alarm !== undefined) {
    return record.with({ body: { alarm: reading.alarm }, target: { table: 'Alarms' } });
  }
  if (reading.device === undefined) return null;
  return (reading.values as number[]).map((value) => record.with({ body: { device: reading.device, value } }));
}
`;

let stack: Stack;

before(async () => {
  stack = await startStack({
    pipeline,
    hubs: 'readings:1',
    files: { 'readings.ts': transform },
    kustoArgs: ['--databases', 'T'],
    hosts: 0,
  });
  const policy = '\'{"MaximumBatchingTimeSpan":"00:00:10"}\'';
  for (const table of ['Values (device:string, value:long)', 'Alarms (alarm:string)']) {
    await kustoCommand(stack, 'T', `.create table ${table}`);
    await kustoCommand(stack, 'T', `.alter table ${table.split(' ')[0]} policy ingestionbatching ${policy}`);
  }
  await stack.startHost();
});

after(() => stack?.stop());

test('a TypeScript transform splits, re-routes and drops, and what it breaks on is a dead letter', async () => {
  const bodies = [
    { device: 'a', values: [1, 2] },
    { other: true },
    { alarm: 'hot' },
    { spin: true },
    { device: 'broken' },
    { device: 'b', values: [3] },
  ];
  const client = new EventHubProducerClient(stack.hubs?.ready.connectionString as string, 'readings');
  await client.sendBatch(bodies.map((body) => ({ body })));
  await client.close();

  const ask = async (): Promise<unknown[][]> => {
    await fetch(new URL('/faults', stack.kusto.ready.admin), {
      method: 'POST',
      body: JSON.stringify({ target: 'clock', action: 'advance', delayMs: 15_000 }),
    });
    return kustoQuery(stack, 'T', 'union Values, Alarms | count');
  };
  await until(ask, (rows) => rows[0]?.[0] === 4);
  assert.deepEqual(await kustoQuery(stack, 'T', 'Values | sort by value asc'), [
    ['a', 1],
    ['a', 2],
    ['b', 3],
  ]);
  assert.deepEqual(await kustoQuery(stack, 'T', 'Alarms'), [['hot']]);

  const answer = await fetch(new URL('/api/dead-letters', stack.hosts[0]?.ready.url));
  const { letters } = (await answer.json()) as { letters: { code: string; bodyBase64: string }[] };
  const byBody = letters.map(({ code, bodyBase64 }) => [Buffer.from(bodyBase64, 'base64').toString(), code]);
  assert.deepEqual(
    byBody.sort(),
    [
      [JSON.stringify({ device: 'broken' }), 'TRANSFORM_FAILED'],
      [JSON.stringify({ spin: true }), 'TRANSFORM_TIMEOUT'],
    ].sort(),
  );
});
