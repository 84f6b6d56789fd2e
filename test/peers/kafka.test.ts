import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startNodeChild } from '../../local/shared/child.js';
import { addFault, passBatchingTime } from '../helpers/kusto-admin.js';
import { kustoCommand, kustoQuery, type Stack, startStack, until } from '../helpers/stack.js';
import { type ReadEvents, readLetters, send } from './events.js';

/** What the options of the Kafka Connect sink do that show only with the service. */
const TABLES = ['WildA', 'WildB', 'Decode', 'Refused', 'Other', 'NoFiles'];

const source = (table: string, route: string): string => `
  - name: ${table.toLowerCase()}
    eventHub: { connection: EVENTHUB, name: ${table.toLowerCase()} }
    route: { database: Peers, table: ${table}, format: json, flushImmediately: true${route} }`;

const PIPELINE = `
kusto:
  cluster: "%KUSTO_CLUSTER%"
  auth: { kind: none }
settle: { everyMs: 1000 }
http: { tables: [Peers.NoFiles] }
deadLetter:
  decode: { connection: EVENTHUB, eventHub: bad-records }
  delivery: { connection: EVENTHUB, eventHub: misc-records }
sources:
${source('WildA', ', dynamic: { allow: ["Peers.Wild*"] }')}
${source('Decode', '')}
${source('Refused', '')}
${source('NoFiles', '')}
`;

let stack: Stack;

before(async () => {
  stack = await startStack({
    pipeline: PIPELINE,
    hubs: 'wilda:1,decode:1,refused:1,nofiles:1,bad-records:1,misc-records:1',
    kustoArgs: ['--databases', 'Peers'],
    hosts: 0,
  });
  for (const table of TABLES) {
    await kustoCommand(stack, 'Peers', `.create table ${table} (n: long, s: string)`);
  }
  const batching = '{"MaximumBatchingTimeSpan":"00:00:10"}';
  await kustoCommand(stack, 'Peers', `.alter table NoFiles policy ingestionbatching '${batching}'`);
  await stack.startHost();
});
after(() => stack.stop());

async function arrived(table: string, count: number): Promise<unknown[]> {
  const rows = await until(
    () => kustoQuery(stack, 'Peers', `${table} | sort by n asc | project n`),
    (found) => found.length >= count,
  );
  return rows.map(([n]) => n);
}

type Letter = Readonly<Record<string, unknown>>;

/** Dead letters of a source, once there is one. */
async function letters(source: string): Promise<Letter[]> {
  const ask = async (): Promise<Letter[]> => {
    const answer = await fetch(new URL(`/api/dead-letters?source=${source}`, stack.hosts[0]?.ready.url));
    assert.equal(answer.status, 200);
    return ((await answer.json()) as { letters: Letter[] }).letters;
  };
  return until(ask, (found) => found.length > 0);
}

/** The letter and the event in the second home hold the same bytes, which are those that were sent. */
async function assertKept(letter: Letter, hub: string, body: Buffer): Promise<ReadEvents[number]> {
  assert.deepEqual(Buffer.from(String(letter['bodyBase64']), 'base64'), body);
  assert.deepEqual(letter['properties'], { colour: 'blue' });
  assert.deepEqual([letter['partition'], letter['sequenceNumber']], ['0', 0]);
  const [event] = await readLetters(stack, hub, String(letter['source']));
  assert.deepEqual(event?.body, body);
  return event as ReadEvents[number];
}

describe('Kafka Connect sink', { concurrency: true }, () => {
  test('kafka wildcard mapping: an event names its table inside the allow-list', async () => {
    const to = (Table: string, n: number) => ({
      body: `{"n":${n}}`,
      properties: { Database: 'Peers', Table },
    });
    await send(stack, 'wilda', [to('WildA', 1), to('WildB', 2), to('Other', 3), { body: '{"n":4}' }]);
    assert.deepEqual(await arrived('WildA', 2), [1, 4]);
    assert.deepEqual(await arrived('WildB', 1), [2]);
    const [letter, ...rest] = await letters('wilda');
    assert.equal(letter?.['code'], 'ROUTE_NOT_ALLOWED');
    assert.equal(Buffer.from(String(letter?.['bodyBase64']), 'base64').toString(), '{"n":3}');
    assert.deepEqual(rest, []);
    assert.deepEqual(await kustoQuery(stack, 'Peers', 'Other | count'), [[0]]);
  });

  test('kafka errors.deadletterqueue: an undecodable record is kept with its bytes', async () => {
    const body = Buffer.concat([Buffer.from('{"n":'), Buffer.from([0xff, 0x00])]);
    await send(stack, 'decode', [{ body, properties: { colour: 'blue' } }, { body: '{"n":1}' }]);
    assert.deepEqual(await arrived('Decode', 1), [1]);
    const [letter] = (await letters('decode')).filter(({ kind }) => kind === 'decode');
    const event = await assertKept(letter ?? {}, 'bad-records', body);
    assert.equal(event.properties['deadLetterCode'], letter?.['code']);
  });

  test('kafka misc.deadletterqueue: an undeliverable record is kept with its bytes', async () => {
    const rule = { target: 'operation', match: 'Peers.Refused', action: 'permanent', code: 'BadRequest_X' };
    await addFault(stack, rule);
    const body = Buffer.from('{"n": 1,  "s":"\\u00e9"}');
    await send(stack, 'refused', [{ body, properties: { colour: 'blue' } }]);
    const [letter] = await letters('refused');
    assert.deepEqual([letter?.['kind'], letter?.['serviceCode']], ['delivery', 'BadRequest_X']);
    const event = await assertKept(letter ?? {}, 'misc-records', body);
    assert.equal(event.properties['deadLetterServiceCode'], 'BadRequest_X');
    assert.deepEqual(await kustoQuery(stack, 'Peers', 'Refused | count'), [[0]]);
  });

  test('kafka tempdir.path: ingestion writes no local file', async (t) => {
    const flag = ['--permission', '--experimental-permission'].find((name) =>
      process.allowedNodeEnvironmentFlags.has(name),
    );
    const mayCall = process.allowedNodeEnvironmentFlags.has('--allow-net') ? ['--allow-net'] : [];
    const events = 50;
    const lines = 5_000;
    const out: string[] = [];
    const child = startNodeChild({
      script: fileURLToPath(new URL('./no-files-child.js', import.meta.url)),
      args: [stack.appDir, 'nofiles', 'NoFiles', String(events), String(lines)],
      nodeFlags: [flag ?? '', '--allow-fs-read=*', ...mayCall],
      env: { ...process.env, ...stack.settings },
      onStdoutLine: (line) => out.push(line),
    });
    t.after(() => child.stop());
    assert.equal(await child.exited, 0, child.outputTail());
    assert.deepEqual(JSON.parse(out.at(-1) ?? '{}'), { write: 'ERR_ACCESS_DENIED', records: lines });
    const batching = setInterval(() => void passBatchingTime(stack).catch(() => undefined), 1_000);
    t.after(() => clearInterval(batching));
    assert.equal((await arrived('NoFiles', events + lines)).length, events + lines);
  });
});
