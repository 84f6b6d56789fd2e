import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { openWorld, twoTables, type World } from './world.js';

interface Sent {
  readonly clientRequestId: string;
  /** `undefined` when the connection was dropped instead. */
  readonly status: number | undefined;
}

/** Sends a command under a request id of its own. */
async function send(world: World, csl: string, token?: string): Promise<Sent> {
  const clientRequestId = `load;${randomUUID()}`;
  const headers = {
    'x-ms-client-request-id': clientRequestId,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  const body = JSON.stringify({ db: 'Samples', csl });
  const url = `${world.server.url}/v1/rest/mgmt`;
  const response = await fetch(url, { method: 'POST', headers, body }).catch(() => undefined);
  await response?.text();
  return { clientRequestId, status: response?.status };
}

/** The log of commands, asked until it knows the request: it lists commands that are over. */
async function logged(world: World, { clientRequestId }: Sent) {
  for (;;) {
    const [row] = await world.run(`.show commands | where ClientActivityId == "${clientRequestId}"`);
    if (row !== undefined) {
      return row;
    }
  }
}

async function operationOf(world: World, sent: Sent) {
  const { RootActivityId } = await logged(world, sent);
  const byRoot = `.show operations | where RootActivityId == guid(${RootActivityId})`;
  const [operation] = await world.run(`${byRoot} | summarize arg_max(LastUpdatedOn, *) by OperationId`);
  return operation;
}

const COMMANDS: readonly (readonly [match: string, csl: string, kind: string, table: string])[] = [
  ['.move', '.move async extents all from table A to table B', 'ExtentsMove', 'B'],
  ['.set-or-append', '.set-or-append async B <| A | project n', 'TableSetOrAppend', 'B'],
];

for (const [match, csl, kind, table] of COMMANDS) {
  test(`operation of \`${csl}\` is found by the request whose answer was lost`, async (t) => {
    const world = await openWorld(t);
    await twoTables(world, 2);
    await world.fault({ target: 'engine', match, action: 'loseAnswer', times: 1 });
    const sent = await send(world, csl);
    assert.equal(sent.status, undefined);
    const operation = await operationOf(world, sent);
    assert.deepEqual([operation?.['Operation'], operation?.['State']], [kind, 'Completed']);
    const [byId] = await world.run(`.show operations ${operation?.['OperationId']}`);
    assert.equal(byId?.['RootActivityId'], operation?.['RootActivityId']);
    assert.notEqual((await world.run(`.show operation ${operation?.['OperationId']} details`)).length, 0);
    assert.deepEqual(await world.numbers(table), [1, 2]);
  });
}

test('asynchronous command is listed with the end of its operation, and not before', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  await world.fault({ target: 'operation', match: 'ExtentsMove', action: 'slow', delayMs: 60_000, times: 1 });
  await world.fault({
    target: 'operation',
    match: 'ExtentsMove',
    action: 'fail',
    message: 'no luck',
    times: 1,
  });
  const slow = await send(world, '.move async extents all from table A to table B');
  const running = `.show commands | where ClientActivityId == "${slow.clientRequestId}"`;
  assert.deepEqual(await world.run(running), []);
  const inProgress = '.show operations | where Operation == "ExtentsMove" and State == "InProgress"';
  assert.equal((await world.run(inProgress)).length, 1);
  await world.advance(60_000);
  const row = await logged(world, slow);
  assert.deepEqual([row['State'], row['CommandType']], ['Completed', 'ExtentsMove']);
  assert.ok(String(row['Duration']) >= '00:01:00', String(row['Duration']));
  const failed = await logged(world, await send(world, '.move async extents all from table B to table A'));
  assert.deepEqual([failed['State'], failed['FailureReason']], ['Failed', 'no luck']);
  const refused = await logged(world, await send(world, '.move async extents'));
  assert.equal(refused['State'], 'Failed');
  await world.advance(31 * 24 * 3_600_000);
  assert.deepEqual(await world.run(running), []);
});

test('work of an operation that vanished is in the log of commands once it is done', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  await world.fault({ target: 'operation', action: 'vanish', work: 'done', times: 1 });
  const sent = await send(world, '.move async extents all from table A to table B');
  assert.equal((await logged(world, sent))['State'], 'Completed');
  assert.equal(await operationOf(world, sent), undefined);
});

test('others see an operation only as admins of its database', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  const tokens = { owner: ['admin'], admin: ['admin'], user: ['user'] };
  for (const [token, roles] of Object.entries(tokens)) {
    const body = JSON.stringify({ token, name: `aadapp=${token}`, roles: { Samples: roles } });
    await fetch(`${world.server.admin}/principals`, { method: 'POST', body });
  }
  const as = async (token: string, csl: string) => {
    const response = await fetch(`${world.server.url}/v1/rest/mgmt`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ db: 'Samples', csl }),
    });
    const text = await response.text();
    return response.status === 200
      ? (JSON.parse(text) as { Tables: [{ Rows: unknown[][] }] }).Tables[0].Rows
      : text;
  };
  const [[id]] = (await as('owner', '.clear async table A data')) as [[string]];
  for (const csl of [`.show operations ${id}`, '.show operations | distinct OperationId']) {
    const counts = await Promise.all(
      ['owner', 'admin', 'user'].map(async (token) => (await as(token, csl)).length),
    );
    assert.deepEqual(counts, [1, 1, 0], csl);
  }
  assert.match(
    String(await as('user', `.show operation ${id} details`)),
    /of kind 'Operation' was not found/,
  );
  assert.match(String(await as('user', `.cancel operation ${id}`)), /of kind 'Operation' was not found/);
});
