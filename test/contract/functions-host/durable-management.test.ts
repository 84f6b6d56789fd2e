import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, type RunningHost } from './app-host.js';
import { DURABLE_APP } from './durable-app.js';
import {
  type DurableWorld,
  durableWorld,
  manage,
  type Status,
  start,
  statusOf,
  untilStatus,
} from './durable-world.js';
import { lines } from './recorder.js';

describe('durable management', () => {
  let world: DurableWorld;
  let host: RunningHost;
  before(async () => {
    world = await durableWorld(DURABLE_APP);
    host = await world.startHost();
  });
  after(() => world.stop());

  /** Calls a method of the library's client inside the app. */
  async function client<T>(method: string, ...args: unknown[]): Promise<T> {
    const response = await fetch(`${host.url}/api/client/${method}`, {
      method: 'POST',
      body: JSON.stringify(args),
    });
    const body = (await response.json()) as { value: T; message?: string };
    if (response.status !== 200) throw new Error(body.message);
    return body.value;
  }

  test('an id of a running instance is refused, one of an ended instance is taken over', async () => {
    const id = await start(host, 'twoEvents', { id: 'unique' });
    await assert.rejects(start(host, 'chain', { id }), /^Error: 409/);
    await assert.rejects(client('startNew', 'chain', { instanceId: id }), /409/);
    await manage(host, 'POST', `instances/${id}/terminate?reason=over`);
    await untilStatus(host, id);
    await start(host, 'chain', { id, input: ['Rome'] });
    const status = await eventually('the second life', async () => {
      const now = await statusOf(host, id);
      return now?.runtimeStatus === 'Completed' ? now : undefined;
    });
    assert.deepEqual([status.name, status.output], ['chain', ['Hello Rome']]);
  });

  test('an unknown orchestrator is refused by name', async () => {
    await assert.rejects(start(host, 'nothing'), /^Error: 400: .*'nothing'/);
  });

  test('a terminated instance ends with the reason and does nothing more', async () => {
    const id = await start(host, 'approval', { input: { ms: 60_000 } });
    await untilStatus(host, id, 'Running');
    await client('terminate', id, 'enough');
    const status = await untilStatus(host, id);
    assert.deepEqual([status.runtimeStatus, status.output], ['Terminated', 'enough']);
    assert.equal((await manage(host, 'POST', `instances/${id}/terminate?reason=x`)).status, 410);
  });

  test('a suspended instance keeps its events until it is resumed', async () => {
    const id = await start(host, 'twoEvents');
    await untilStatus(host, id, 'Running');
    await client('suspend', id, 'hold');
    await untilStatus(host, id, 'Suspended');
    await client('raiseEvent', id, 'E', 'one');
    await client('raiseEvent', id, 'E', 'two');
    await eventually('both events', async () => (await statusOf(host, id))?.runtimeStatus === 'Suspended');
    await client('resume', id, 'go');
    assert.deepEqual((await untilStatus(host, id)).output, ['one', 'two']);
  });

  test('a rewound instance runs its failed activities and sub-orchestrations again, and only those', async () => {
    const id = await start(host, 'rewindable');
    assert.equal((await untilStatus(host, id)).runtimeStatus, 'Failed');
    await eventually('the child to fail', async () => {
      const all = await client<Status[]>('getStatusAll');
      return all.some(({ name, runtimeStatus }) => name === 'rewindChild' && runtimeStatus === 'Failed');
    });
    await untilStatus(host, await start(host, 'mender'));
    await client('rewind', id, 'mended');
    const status = await untilStatus(host, id, 'Completed');
    assert.deepEqual(status.output, ['Hello rewind', 'ok own', 'ok child', 'Hello end']);
    assert.equal(lines<{ hello?: string }>(world.folder).filter(({ hello }) => hello === 'rewind').length, 1);
    await assert.rejects(client('rewind', id, 'again'), /only supported on failed/);
  });

  test('an id that cannot be one is refused with the rule', async () => {
    await assert.rejects(start(host, 'chain', { id: '@mine' }), /^Error: 400: .*not @ first/);
    await assert.rejects(start(host, 'chain', { id: 'x'.repeat(101) }), /^Error: 400/);
  });

  test('an instance suspended before its first run waits for its resumption', async () => {
    const id = await start(host, 'chain', { input: ['late'] });
    const answers = await Promise.all(
      ['suspend', 'resume'].map((what) => manage(host, 'POST', `instances/${id}/${what}?reason=x`)),
    );
    assert.ok(answers.every(({ status }) => status === 202 || status === 410));
    assert.deepEqual((await untilStatus(host, id)).output, ['Hello late']);
  });

  test('a history shows what happened, with results when asked', async () => {
    const id = await start(host, 'chain', { input: ['Bern'] });
    await untilStatus(host, id);
    const { historyEvents = [] } =
      (await statusOf(host, id, '?showHistory=true&showHistoryOutput=true&showInput=false')) ?? {};
    assert.deepEqual(
      historyEvents.map(({ EventType }) => EventType),
      ['ExecutionStarted', 'TaskCompleted', 'ExecutionCompleted'],
    );
    assert.deepEqual([historyEvents[1]?.FunctionName, historyEvents[1]?.Result], ['sayHello', 'Hello Bern']);
    const viaClient = await client<{ history: unknown[] }>('getStatus', id, { showHistory: true });
    assert.equal(viaClient.history.length, 3);
    await assert.rejects(client('getStatus', 'nobody'), /404/);
  });

  test('queries filter by status, id and time, and give pages', async () => {
    const ids = ['page-1', 'page-2', 'page-3', 'page-4', 'page-5'];
    for (const id of ids) await start(host, 'chain', { id, input: [id] });
    for (const id of ids) await untilStatus(host, id);
    await start(host, 'twoEvents', { id: 'page-open' });
    await untilStatus(host, 'page-open', 'Running');
    const found: string[] = [];
    let token: string | undefined;
    do {
      const response = await fetch(
        `${host.url}/runtime/webhooks/durabletask/instances?instanceIdPrefix=page-&runtimeStatus=Completed&top=2`,
        { headers: token === undefined ? {} : { 'x-ms-continuation-token': token } },
      );
      const page = (await response.json()) as Status[];
      assert.ok(page.length <= 2);
      found.push(...page.map(({ instanceId }) => instanceId));
      token = response.headers.get('x-ms-continuation-token') ?? undefined;
    } while (token !== undefined);
    assert.deepEqual(found.sort(), ids);
    const running = await client<Status[]>('getStatusBy', { runtimeStatus: ['Running'] });
    assert.ok(running.some(({ instanceId }) => instanceId === 'page-open'));
    assert.ok(!running.some(({ instanceId }) => ids.includes(instanceId)));
    const future = await manage(host, 'GET', 'instances?createdTimeFrom=2999-01-01T00:00:00Z');
    assert.deepEqual(await future.json(), []);
  });

  test('purge removes one instance, or every ended one of a filter', async () => {
    const id = await start(host, 'chain', { input: ['gone'] });
    await untilStatus(host, id);
    assert.deepEqual(await client('purgeInstanceHistory', id), { instancesDeleted: 1 });
    assert.equal(await statusOf(host, id), undefined);
    assert.deepEqual(await client('purgeInstanceHistory', id), { instancesDeleted: 0 });
    const failed = await start(host, 'broken');
    await untilStatus(host, failed);
    const purged = await client<{ instancesDeleted: number }>('purgeInstanceHistoryBy', {
      createdTimeFrom: '2020-01-01T00:00:00Z',
      runtimeStatus: ['Failed'],
    });
    assert.ok(purged.instancesDeleted >= 1);
    assert.equal(await statusOf(host, failed), undefined);
  });

  test('a start may wait for the end and carry a version, and an instance can be restarted', async () => {
    const waited = await manage(host, 'POST', 'orchestrators/chain?timeout=20&pollingInterval=0.1', ['Ulm']);
    assert.deepEqual([waited.status, await waited.json()], [200, ['Hello Ulm']]);
    const versioned = await client<string>('startNew', 'versioned', { version: '1.2' });
    assert.equal((await untilStatus(host, versioned)).output, '1.2');
    const again = await manage(host, 'POST', `instances/${versioned}/restart`);
    assert.equal(again.status, 202);
    assert.notEqual(((await again.json()) as { id: string }).id, versioned);
  });

  test('the client reads and signals entities', async () => {
    const id = { name: 'Counter', key: 'by-client' };
    await client('signalEntity', id, 'add', 4);
    const state = await eventually('state', async () => {
      const read = await client<{ entityExists: boolean; entityState: number }>('readEntityState', id);
      return read.entityExists ? read : undefined;
    });
    assert.equal(state.entityState, 4);
  });
});
