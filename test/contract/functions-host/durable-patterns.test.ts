import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually, type RunningHost } from './app-host.js';
import { DURABLE_APP } from './durable-app.js';
import { type DurableWorld, durableWorld, manage, start, untilStatus } from './durable-world.js';
import { lines } from './recorder.js';

describe('durable patterns', () => {
  let world: DurableWorld;
  let host: RunningHost;
  before(async () => {
    world = await durableWorld(DURABLE_APP, { maxConcurrentActivityFunctions: 3 });
    host = await world.startHost();
  });
  after(() => world.stop());

  async function run(name: string, input?: unknown, id?: string) {
    return untilStatus(host, await start(host, name, { input, id }));
  }
  async function completed(name: string, input?: unknown, id?: string): Promise<unknown> {
    const status = await run(name, input, id);
    assert.equal(status.runtimeStatus, 'Completed', JSON.stringify(status));
    return status.output;
  }
  async function entity(key: string): Promise<unknown> {
    const response = await manage(host, 'GET', `entities/Counter/${key}`);
    return response.status === 200 ? response.json() : undefined;
  }

  test('activities of a fan-out run at once, up to the limit', async () => {
    assert.equal(await completed('fan', { count: 9, ms: 150 }), 204);
    const marks = lines<{ square?: number; squared?: number; at: number }>(world.folder)
      .filter(({ square, squared }) => square !== undefined || squared !== undefined)
      .sort((left, right) => left.at - right.at);
    let open = 0;
    let most = 0;
    for (const { square } of marks) {
      open += square === undefined ? -1 : 1;
      most = Math.max(most, open);
    }
    assert.ok(most === 2 || most === 3, `${most} at once`);
  });

  test('a monitor looks until the state is reached and shows it', async () => {
    const status = await run('monitor');
    assert.equal(status.output, 'done');
    assert.deepEqual(status.customStatus, { state: 'ready' });
  });

  test('an approval in time wins over the timer', async () => {
    const id = await start(host, 'approval', { input: { ms: 60_000 } });
    await eventually(
      'waiting',
      async () => (await untilStatus(host, id, 'Running')).customStatus === 'waiting',
    );
    const sent = await manage(host, 'POST', `instances/${id}/raiseEvent/Approval`, { by: 'me' });
    assert.equal(sent.status, 202);
    assert.deepEqual((await untilStatus(host, id)).output, { approved: { by: 'me' } });
    assert.equal((await manage(host, 'POST', `instances/${id}/raiseEvent/Approval`, 1)).status, 410);
    assert.equal((await manage(host, 'POST', 'instances/nobody/raiseEvent/Approval', 1)).status, 404);
  });

  test('a missing approval is escalated', async () => {
    assert.equal(await completed('approval', { ms: 200 }), 'escalated');
  });

  test('events that come before they are awaited are kept, in their order', async () => {
    const id = await start(host, 'twoEvents');
    await manage(host, 'POST', `instances/${id}/raiseEvent/E`, 1);
    await manage(host, 'POST', `instances/${id}/raiseEvent/E`, { two: 2 });
    assert.deepEqual(await untilStatus(host, id).then(({ output }) => output), [1, { two: 2 }]);
  });

  test('retries of several activities run side by side and their numbering stays in step', async () => {
    const output = (await completed('retries')) as { all: unknown[]; caught: string; after: string };
    assert.deepEqual(output.all, [3, 2, 'Hello between']);
    assert.match(output.caught, /attempt 3 of/);
    assert.equal(output.after, 'Hello after');
  });

  test('no attempt begins once the time for retries is over', async () => {
    const id = await start(host, 'shortRetry');
    assert.equal((await untilStatus(host, id)).output, 'Hello after');
    const tries = lines<{ flaky?: string }>(world.folder).filter(({ flaky }) => flaky === id);
    assert.ok(tries.length >= 2 && tries.length < 10, `${tries.length} attempts`);
  });

  test('a sub-orchestration is tried again until it succeeds', async () => {
    assert.deepEqual(await completed('parent', { key: 'p1', times: 2, max: 4 }), [3, 'Hello after']);
  });

  test('a sub-orchestration that always fails ends its parent with the reason', async () => {
    const status = await run('parent', { key: 'p2', times: 9, max: 2 });
    assert.equal(status.runtimeStatus, 'Failed');
    assert.match(String(status.output), /attempt 2 of p2/);
  });

  test('sub-orchestrations get the ids they are given and know their parent', async () => {
    const output = await completed('family', undefined, 'fam');
    assert.deepEqual(output, ['Hello k1 fam', 'Hello k2 fam', 'Hello k3 fam']);
    assert.equal((await untilStatus(host, 'fam-2')).name, 'grandchild');
  });

  test('an error of the orchestrator is its output', async () => {
    const status = await run('broken');
    assert.equal(status.runtimeStatus, 'Failed');
    assert.match(String(status.output), /'broken' failed: on purpose/);
    assert.equal(status.customStatus, 'going to fail');
  });

  test('an orchestration begun anew keeps the events it has not read', async () => {
    const id = await start(host, 'eternal', { input: { turn: 0, heard: [] } });
    for (const event of ['a', 'b', 'c']) await manage(host, 'POST', `instances/${id}/raiseEvent/Next`, event);
    assert.deepEqual((await untilStatus(host, id)).output, ['a', 'b', 'c']);
    assert.equal(await completed('countDown', ''), 'xxx');
  });

  test('an entity takes signals and calls in order and reports a failed operation', async () => {
    assert.deepEqual(await completed('counting', 'c1'), ['Hello counter', 5, true]);
    assert.equal(await entity('c1'), 5);
    assert.equal(await entity('none'), undefined);
  });

  test('entities take signals by HTTP, signal each other and can be deleted', async () => {
    assert.equal((await manage(host, 'POST', 'entities/Counter/s1?op=add', 7)).status, 202);
    await manage(host, 'POST', 'entities/Counter/s1?op=tell', 's2');
    await eventually('the second entity', async () => (await entity('s2')) === 7);
    await manage(host, 'POST', 'entities/Counter/s1?op=delete');
    await eventually('deletion', async () => (await entity('s1')) === undefined);
    const listed = (await (await manage(host, 'GET', 'entities/counter')).json()) as {
      entityId: { key: string };
    }[];
    assert.ok(listed.some(({ entityId }) => entityId.key === 's2'));
  });

  test('transfers under locks neither lose nor double anything', async () => {
    await manage(host, 'POST', 'entities/Counter/left?op=add', 100);
    await manage(host, 'POST', 'entities/Counter/right?op=add', 100);
    const transfers = await Promise.all(
      [30, 40, 50, 60].map((amount, index) =>
        completed('transfer', {
          from: index % 2 ? 'right' : 'left',
          to: index % 2 ? 'left' : 'right',
          amount,
        }),
      ),
    );
    assert.deepEqual(transfers, [30, 40, 50, 60]);
    await eventually('sum', async () => Number(await entity('left')) + Number(await entity('right')) === 200);
    assert.equal(await entity('left'), 120);
  });

  test('an HTTP call is followed through its polling', async () => {
    const output = await completed('httpCall', { url: `${host.url}/api/slow` });
    assert.deepEqual(output, [200, 'finished', 'Hello after']);
  });

  test('inputs, results and outputs of any size pass', async () => {
    const output = (await completed('large', 'y'.repeat(150_000))) as Record<string, unknown>;
    assert.equal(output['again'], 200_000);
    assert.equal(output['given'], 150_000);
    assert.equal(String(output['text']).length, 200_000);
  });

  test('generated ids are the same in each replay', async () => {
    assert.deepEqual(await completed('guids'), { same: true, different: true });
  });

  test('the details of a failure reach the orchestrator', async () => {
    const expected = { name: 'TaskFailedError', type: 'TypeError', text: 'bad thing', code: 42 };
    assert.deepEqual(await completed('details'), expected);
  });

  test('values of every kind come back from an activity as they went', async () => {
    assert.deepEqual(await completed('values'), [
      ...['text', '123', '', 0, 12.5, true, null, [1, 'a'], { deep: { er: 1 } }, '{"a":1}'],
      'nothing',
    ]);
  });
});
