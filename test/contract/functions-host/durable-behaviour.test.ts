import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import type { OrchestrationHandler } from 'durable-functions';
import { recordHistory, replayHistory } from '../../helpers/history-replay.js';
import { eventually, type RunningHost } from './app-host.js';
import { BEHAVIOUR_APP, CALLER_APP } from './durable-behaviour-app.js';
import {
  type DurableWorld,
  durableWorld,
  manage,
  QUICK,
  type Status,
  start,
  statusOf,
  untilStatus,
} from './durable-world.js';
import { lines } from './recorder.js';

describe('durable behaviour', () => {
  let world: DurableWorld;
  let host: RunningHost;
  before(async () => {
    world = await durableWorld(BEHAVIOUR_APP, QUICK);
    host = await world.startHost();
  });
  after(() => world.stop());

  const raise = async (id: string, name: string, value: unknown, on = host) => {
    assert.equal((await manage(on, 'POST', `instances/${id}/raiseEvent/${name}`, value)).status, 202);
  };
  const control = async (id: string, what: string) =>
    (await manage(host, 'POST', `instances/${id}/${what}?reason=because`)).status;
  const run = async (name: string, input?: unknown) => untilStatus(host, await start(host, name, { input }));
  const sorted = (values: unknown) => [...(values as unknown[])].sort();

  /** Names of the blobs an instance has. */
  async function blobsOf(id: string): Promise<string[]> {
    const service = BlobServiceClient.fromConnectionString(world.storage.connectionString);
    const names: string[] = [];
    const container = service.getContainerClient('testhub-largemessages');
    for await (const { name } of container.listBlobsFlat({ prefix: `${encodeURIComponent(id)}/` })) {
      names.push(name);
    }
    return names;
  }

  test('over two hundred generations each event is heard once and the history stays short', async () => {
    const id = await start(host, 'listener', { input: { turns: 200, heard: [] } });
    const sent: string[] = [];
    let longest = 0;
    for (let wanted = Math.random() * 20; wanted < 190; wanted += Math.random() * 30) {
      await eventually(`generation ${wanted}`, async () => {
        const { generation, history } = await recordHistory(host.url, id);
        longest = Math.max(longest, history.length);
        return generation >= wanted;
      });
      const both = [`${sent.length}a`, `${sent.length}b`];
      await Promise.all(both.map((event) => raise(id, 'Poke', event)));
      sent.push(...both);
    }
    const status = await untilStatus(host, id);
    assert.deepEqual(sorted(status.output), sorted(sent));
    assert.ok(longest < 20, `${longest} events`);
    assert.equal((await recordHistory(host.url, id)).generation, 200);
  });

  test('a loop of a timer against an event hears every event, in the order of their coming', async () => {
    const id = await start(host, 'loop');
    const sent = Array.from({ length: 15 }, (_, n) => `e${n}`);
    for (const event of [...sent, 'stop']) await raise(id, 'Poke', event);
    assert.deepEqual((await untilStatus(host, id)).output, [...sent, 'stop']);
  });

  test('events raised while no host with the function runs wait for it', async () => {
    const id = await start(host, 'twoEvents');
    await untilStatus(host, id, 'Running');
    await host.kill();
    const callers = await durableWorld(CALLER_APP, QUICK, { storage: world.storage });
    try {
      const caller = await callers.startHost();
      for (const event of ['one', 'two']) {
        const response = await fetch(`${caller.url}/api/raise/${id}/E`, {
          method: 'POST',
          body: JSON.stringify(event),
        });
        assert.equal(response.status, 202);
      }
      assert.equal((await statusOf(caller, id))?.runtimeStatus, 'Running');
      host = await world.startHost();
      assert.deepEqual((await untilStatus(caller, id)).output, ['one', 'two']);
    } finally {
      await callers.stop();
    }
  });

  /** Waits until the function has returned; its orchestration need not be over. */
  const untilReturned = (id: string) =>
    eventually(`the end of ${id}`, async () => {
      const { history } = await recordHistory(host.url, id);
      return history.some(({ ended }) => ended);
    });

  test('an orchestration is not over before the slower of two activities is', async () => {
    const id = await start(host, 'firstOfTwo');
    await untilReturned(id);
    assert.equal((await statusOf(host, id))?.runtimeStatus, 'Running');
    writeFileSync(join(world.folder, 'gate'), '');
    assert.equal((await untilStatus(host, id)).output, 'quick');
    assert.ok(lines<{ passed?: boolean }>(world.folder).some(({ passed }) => passed));
  });

  test('a timer that is not cancelled keeps an orchestration running, a cancelled one does not', async () => {
    const forgotten = await start(host, 'forgottenTimer', { input: { ms: 600_000 } });
    const cancelled = await run('forgottenTimer', { ms: 600_000, cancel: true });
    assert.equal(cancelled.output, 'over');
    await untilReturned(forgotten);
    assert.equal((await statusOf(host, forgotten))?.runtimeStatus, 'Running');
    await control(forgotten, 'terminate');
    assert.equal((await untilStatus(host, forgotten)).runtimeStatus, 'Terminated');
  });

  test('results and timers that come while an instance is suspended take effect when it is resumed', async () => {
    const id = await start(host, 'asleep');
    const slept = () => lines<{ slept?: number }>(world.folder).some((line) => line.slept === 300);
    assert.equal(await control(id, 'suspend'), 202);
    await eventually('the activity', slept);
    assert.equal((await untilStatus(host, id, 'Suspended')).output, 'because');
    assert.equal(await control(id, 'resume'), 202);
    assert.equal((await untilStatus(host, id)).output, 300);
  });

  test('a suspended instance can be terminated, and the end of a parent leaves its child alone', async () => {
    const parent = await start(host, 'parentOf', { input: { id: 'child-1', name: 'patient' } });
    await eventually('the child', async () => (await statusOf(host, 'child-1'))?.runtimeStatus === 'Running');
    await control(parent, 'suspend');
    await untilStatus(host, parent, 'Suspended');
    await control(parent, 'terminate');
    assert.equal((await untilStatus(host, parent)).runtimeStatus, 'Terminated');
    await raise('child-1', 'Go', 'on');
    assert.equal((await untilStatus(host, 'child-1')).output, 'on');
  });

  test('a sub-orchestration under the id of a running instance fails and leaves that instance alone', async () => {
    await start(host, 'patient', { id: 'taken' });
    await untilStatus(host, 'taken', 'Running');
    const { output } = await run('parentOf', { id: 'taken', name: 'patient' });
    assert.match((output as { caught: string }).caught, /'taken' exists and is Running/);
    await raise('taken', 'Go', 1);
    assert.equal((await untilStatus(host, 'taken')).output, 1);
  });

  test('a lock that was asked for by an orchestration which has ended goes to the next', async () => {
    const [first, second, third] = await Promise.all([1, 2, 3].map(() => start(host, 'holder')));
    const inside = async (id = '') => (await statusOf(host, id))?.customStatus === 'inside';
    const all = [first, second, third];
    const holder = await eventually('a holder', async () => {
      for (const id of all) if (await inside(id)) return id;
      return undefined;
    });
    const [gone = '', next = ''] = all.filter((id) => id !== holder);
    await control(gone, 'terminate');
    assert.equal((await untilStatus(host, gone)).runtimeStatus, 'Terminated');
    await raise(holder, 'Leave', null);
    await eventually('the next inside', () => inside(next));
    await raise(next, 'Leave', null);
    assert.equal((await untilStatus(host, next)).output, 'left');
  });

  test('an HTTP call gives any status as its answer, and fails when no answer comes', async () => {
    const url = `${host.url}/api/answer`;
    const answers = await Promise.all([
      run('request', { method: 'GET', url: `${url}/404`, headers: { 'x-ask': 'me' } }),
      run('request', { method: 'PUT', url: `${url}/202`, body: 'text', enablePolling: false }),
      run('request', { method: 'GET', url: 'http://127.0.0.1:1/' }),
    ]);
    const [missing, accepted, dead] = answers.map(({ output }) => output as Record<string, unknown>);
    assert.deepEqual(missing, { statusCode: 404, content: 'GET ', kind: 'me' });
    assert.deepEqual(accepted, { statusCode: 202, content: 'PUT text', kind: 'none' });
    assert.match(String(dead?.['caught']), /failed/);
  });

  test('long texts of earlier generations, states and messages are removed', async () => {
    const id = await start(host, 'longWay', { input: { text: 'x'.repeat(40_000), turns: 6 } });
    const status = await untilStatus(host, id);
    assert.equal(status.output, 40_006);
    // The input, the custom status and the history of the last generation.
    await eventually('few blobs', async () => (await blobsOf(id)).length <= 4);
    for (const size of [50_000, 60_000, 70_000]) await manage(host, 'POST', 'entities/Text/t?op=set', size);
    await eventually('the entity', async () => {
      const state = await manage(host, 'GET', 'entities/Text/t');
      return state.status === 200 && String(await state.json()).length === 70_000;
    });
    await eventually('one blob', async () => (await blobsOf('@text@t')).length === 1);
  });

  test('what cannot be done to an instance is answered with its reason', async () => {
    const ended = (await run('asleep')).instanceId;
    const operations = ['raiseEvent/E', 'terminate', 'suspend', 'resume'];
    for (const operation of operations) {
      const path = (id: string) => `instances/${id}/${operation}`;
      assert.equal((await manage(host, 'POST', path('nobody'), 1)).status, 404, operation);
      assert.equal((await manage(host, 'POST', path(ended), 1)).status, 410, operation);
      assert.equal((await manage(host, 'PUT', path(ended), 1)).status, 405, operation);
    }
    const codes = [
      ['POST', 'instances/nobody/rewind', 404],
      ['POST', `instances/${ended}/rewind`, 412],
      ['GET', 'instances/nobody/history', 404],
      ['GET', 'instances/nobody', 404],
      ['DELETE', 'instances/nobody', 404],
      ['POST', 'instances', 405],
      ['POST', `instances/${ended}/nonsense`, 404],
      ['GET', 'instances?createdTimeFrom=yesterday', 400],
      ['GET', 'nothing', 404],
    ] as const;
    for (const [method, path, code] of codes) {
      assert.equal((await manage(host, method, path)).status, code, `${method} ${path}`);
    }
  });

  test('purge by time removes what ended and was begun in that time', async () => {
    const from = new Date().toISOString();
    const old = (await run('asleep')).instanceId;
    const open = await start(host, 'patient');
    const to = await eventually('another millisecond', () => {
      const now = new Date().toISOString();
      return now > from ? now : undefined;
    });
    const young = (await run('asleep')).instanceId;
    const query = `createdTimeFrom=${from}&createdTimeTo=${to}`;
    const wrongStatus = await manage(host, 'DELETE', `instances?${query}&runtimeStatus=Failed`);
    assert.equal(wrongStatus.status, 404);
    const purged = await manage(host, 'DELETE', `instances?${query}&runtimeStatus=Completed,Terminated`);
    assert.deepEqual([purged.status, await purged.json()], [200, { instancesDeleted: 1 }]);
    assert.equal(await statusOf(host, old), undefined);
    assert.equal((await statusOf(host, young))?.runtimeStatus, 'Completed');
    assert.equal((await statusOf(host, open))?.runtimeStatus, 'Running');
    const rest = (await (await manage(host, 'GET', `instances?createdTimeFrom=${to}`)).json()) as Status[];
    assert.deepEqual(
      rest.map(({ instanceId }) => instanceId),
      [young],
    );
    await raise(open, 'Go', 1);
    await untilStatus(host, open);
  });

  test('a history recorded from the host is replayed with the code, and changed code is told', async () => {
    const of = (activity: string): OrchestrationHandler =>
      function* (context) {
        const slept: unknown = yield context.df.callActivity(activity, 300);
        yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + 100));
        return slept;
      };
    const { instanceId } = await run('asleep');
    const recorded = await recordHistory(host.url, instanceId);
    assert.deepEqual(
      [recorded.name, recorded.runtimeStatus, recorded.generation],
      ['asleep', 'Completed', 0],
    );
    const same = await replayHistory(of('slow'), recorded.history, recorded);
    assert.deepEqual([same.problem, same.output, same.episodes.length], [undefined, 300, 3]);
    const renamed = await replayHistory(of('slower'), recorded.history, recorded);
    assert.match(renamed.problem ?? '', /activity "slow" \(task 0\), the code activity "slower"/);
    await assert.rejects(recordHistory(host.url, 'nobody'), /404/);
  });
});
