import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventHubProducerClient } from '@azure/event-hubs';
import { kustoCommand, kustoQuery, type Stack, startStack, until } from '../helpers/stack.js';
import {
  avroContainer,
  avroRecords,
  csvRow,
  type ExactRecord,
  jsonLine,
  parquetFile,
  records,
  rowText,
} from './exactness-records.js';

const database = 'Exact';
const columns = 'id:string, l:long, d:decimal, t:datetime, s:string, v:dynamic, sequence:long';

const source = (format: string, extra = ''): string => `
  - name: ${format}
    eventHub: { connection: EVENTHUB, name: ${format} }
    route: { database: ${database}, table: Rows, format: ${format}${extra} }`;

const pipeline = `
kusto: { cluster: "%KUSTO_CLUSTER%", auth: { kind: none } }
sources:${source('json', ', columns: { sequence: sequenceNumber }')}${source('csv')}${source('avro')}
http: { tables: ["${database}.*"] }
settle: { everyMs: 1000 }
`;

let stack: Stack;

before(async () => {
  stack = await startStack({
    pipeline,
    hubs: 'json:1,csv:1,avro:1',
    kustoArgs: ['--databases', database],
    hosts: 0,
  });
  const policy = '{"MaximumBatchingTimeSpan":"00:00:10"}';
  await kustoCommand(stack, database, `.alter database ${database} policy ingestionbatching '${policy}'`);
  await kustoCommand(stack, database, `.create table Rows (${columns})`);
  await stack.startHost();
});

after(() => stack?.stop());

/** Lets the service's batching time pass. */
async function advanceClock(): Promise<void> {
  const rule = { target: 'clock', action: 'advance', delayMs: 15_000, times: 1 };
  await fetch(new URL('/faults', stack.kusto.ready.admin), { method: 'POST', body: JSON.stringify(rule) });
}

/** The rows of a path as the answer spells them: no reader has touched a value. */
async function rawRows(path: string): Promise<string> {
  const csl = `Rows | where id startswith "${path}/" | order by id asc | project id, l, d, t, s, v`;
  const answer = await fetch(new URL('/v2/rest/query', stack.kusto.ready.engine), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ db: database, csl }),
  });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  const primary = /"TableKind":"PrimaryResult".*?"Rows":\[(.*?)\]\},\{"FrameType"/s.exec(text);
  assert.ok(primary, text.slice(0, 1000));
  return primary[1] as string;
}

async function assertArrived(path: string, sent: readonly ExactRecord[] = records): Promise<void> {
  await until(
    async () => {
      await advanceClock();
      return kustoQuery(stack, database, `Rows | where id startswith "${path}/" | count`);
    },
    ([row]) => Number(row?.[0]) >= sent.length,
  );
  assert.equal(await rawRows(path), sent.map((record) => rowText(path, record)).join(','));
}

async function post(format: string, body: Buffer | string): Promise<void> {
  const address = new URL(`/api/ingest/${database}/Rows?format=${format}`, stack.hosts[0]?.ready.url);
  const answer = await fetch(address, { method: 'POST', body });
  assert.equal(answer.status, 202, await answer.text());
}

async function sendEvents(hub: string, bodies: readonly (Buffer | string)[]): Promise<void> {
  const client = new EventHubProducerClient(stack.hubs?.ready.connectionString as string, hub);
  try {
    await client.sendBatch(bodies.map((body) => ({ body: Buffer.from(body) })));
  } finally {
    await client.close();
  }
}

test('values arrive exactly by HTTP and JSON', async () => {
  await post('json', records.map((record) => jsonLine('http-json', record, 'number')).join('\n'));
  await assertArrived('http-json');
});

test('values arrive exactly by HTTP and JSON with decimals as text', async () => {
  await post('json', `[${records.map((record) => jsonLine('http-text', record, 'string')).join(' ,\n')}]`);
  await assertArrived('http-text');
});

test('values arrive exactly by HTTP and CSV', async () => {
  await post('csv', records.map((record) => `${csvRow('http-csv', record)},\r\n`).join(''));
  await assertArrived('http-csv');
});

test('values arrive exactly by HTTP and Avro', async () => {
  await post('avro', avroContainer('http-avro', avroRecords));
  await assertArrived('http-avro', avroRecords);
});

test('values arrive exactly by HTTP and Parquet', async () => {
  await post('parquet', parquetFile('http-parquet', records));
  await assertArrived('http-parquet');
});

test('values arrive exactly by Event Hubs and JSON beside metadata columns', async () => {
  await sendEvents(
    'json',
    records.map((record) => jsonLine('hub-json', record, 'number')),
  );
  await assertArrived('hub-json');
  const [row] = await kustoQuery(
    stack,
    database,
    'Rows | where id startswith "hub-json/" | summarize min(sequence), max(sequence)',
  );
  assert.deepEqual(row, [0, records.length - 1]);
});

test('values arrive exactly by Event Hubs and CSV', async () => {
  await sendEvents(
    'csv',
    records.map((record) => `${csvRow('hub-csv', record)},`),
  );
  await assertArrived('hub-csv');
});

test('values arrive exactly by Event Hubs and Avro', async () => {
  await sendEvents(
    'avro',
    avroRecords.map((record) => avroContainer('hub-avro', [record])),
  );
  await assertArrived('hub-avro', avroRecords);
});
