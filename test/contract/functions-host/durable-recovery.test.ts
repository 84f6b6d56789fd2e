import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { makeEvent } from '../../../local/functions-host/durable/episode.js';
import { newInstance } from '../../../local/functions-host/durable/inbox.js';
import { createLargeTexts } from '../../../local/functions-host/durable/large-texts.js';
import { ConflictError, createInstanceStore } from '../../../local/functions-host/durable/store.js';
import { EventType } from '../../../local/functions-host/durable/types.js';
import { eventually } from './app-host.js';
import { DURABLE_APP } from './durable-app.js';
import {
  type DurableWorld,
  durableWorld,
  manage,
  QUICK,
  start,
  statusOf,
  untilStatus,
} from './durable-world.js';
import { lines } from './recorder.js';

/** Passes requests on to the storage service, and answers 403 to the transaction of this number. */
async function refuseBatches(storage: string, refused: number) {
  const [, target = ''] = /TableEndpoint=([^;]+)/.exec(storage) ?? [];
  let batches = 0;
  const server = createServer((incoming, outgoing) => {
    batches += incoming.url?.endsWith('$batch') ? 1 : 0;
    if (batches === refused) {
      outgoing.writeHead(403).end();
      return;
    }
    const { method, headers } = incoming;
    const forwarded = request(new URL(incoming.url ?? '', target), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(forwarded);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const path = new URL(target).pathname;
  return {
    connectionString: storage.replace(target, `http://127.0.0.1:${port}${path}`),
    async stop() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

describe('durable recovery', () => {
  let world: DurableWorld;
  before(async () => {
    world = await durableWorld(DURABLE_APP, QUICK);
  });
  after(() => world.stop());

  test('a host killed again and again finishes what it had begun, each result once', async () => {
    let host = await world.startHost();
    await start(host, 'fan', { id: 'fan', input: { count: 40, ms: 40 } });
    await start(host, 'chain', { id: 'chain', input: Array.from({ length: 30 }, (_, n) => `c${n}`) });
    await start(host, 'sleepy', { id: 'sleepy', input: 4_000 });
    await start(host, 'eternal', { id: 'eternal', input: { turn: 0, heard: [] } });
    await manage(host, 'POST', 'instances/eternal/raiseEvent/Next', 'a');
    const counts: Promise<unknown>[] = [];
    for (let n = 0; n < 20; n += 1) counts.push(manage(host, 'POST', 'entities/Counter/k?op=add', 1));
    await Promise.all(counts);
    for (const ms of [150, 400, 900, 50]) {
      await new Promise((done) => setTimeout(done, ms));
      await host.kill();
      host = await world.startHost();
    }
    await manage(host, 'POST', 'instances/eternal/raiseEvent/Next', 'b');
    await manage(host, 'POST', 'instances/eternal/raiseEvent/Next', 'c');
    assert.equal((await untilStatus(host, 'fan')).output, 20_540);
    const chain = await untilStatus(host, 'chain');
    assert.deepEqual(
      chain.output,
      Array.from({ length: 30 }, (_, n) => `Hello c${n}`),
    );
    assert.ok(Number((await untilStatus(host, 'sleepy')).output) >= 4_000);
    assert.deepEqual((await untilStatus(host, 'eternal')).output, ['a', 'b', 'c']);
    await eventually('the counter', async () => {
      const response = await manage(host, 'GET', 'entities/Counter/k');
      const value = response.status === 200 ? await response.json() : 0;
      assert.ok(Number(value) <= 20);
      return value === 20;
    });
    const { historyEvents = [] } = (await statusOf(host, 'chain', '?showHistory=true')) ?? {};
    assert.equal(historyEvents.filter(({ EventType }) => EventType === 'TaskCompleted').length, 30);
    assert.equal(await host.stop(), 0);
  });

  test('a worker that dies in an activity costs one more run, not the orchestration', async () => {
    const host = await world.startHost();
    const id = await start(host, 'fan', { input: { count: 5, ms: 1_000 } });
    await eventually('an activity at work', () =>
      lines<{ square?: number }>(world.folder).some(({ square }) => square === 4),
    );
    const { workers } = await host.status();
    process.kill(workers[0]?.pid ?? 0, 'SIGKILL');
    assert.equal((await untilStatus(host, id)).output, 30);
    assert.equal(await host.stop(), 0);
  });

  test('a message whose sender died after its checkpoint is sent by the next host', async () => {
    const { connectionString: storage } = world.storage;
    const newId = () => randomUUID().replaceAll('-', '');
    const texts = createLargeTexts(storage, 'TestHub', newId);
    const store = createInstanceStore({ storage, hubName: 'TestHub', texts, newId });
    const body = { kind: 'start' as const, name: 'chain', executionId: newId(), input: '["left"]' };
    const instance = newInstance('left-behind', body, Date.now());
    const stale = structuredClone(instance);
    await store.commit({
      instance,
      outgoing: { control: [{ id: newId(), to: 'left-behind', body }], work: [] },
    });
    assert.ok(instance.etag);
    await assert.rejects(store.commit({ instance: stale }), ConflictError);
    await assert.rejects(store.commit({ instance: { ...stale, etag: 'W/"old"' } }), ConflictError);
    const host = await world.startHost();
    assert.deepEqual((await untilStatus(host, 'left-behind')).output, ['Hello left']);
    await eventually('an empty outbox', async () => (await store.unsent()).length === 0);
    assert.equal(await host.stop(), 0);
  });

  test('a purge that breaks off leaves nothing that a new life of the id could find', async () => {
    const { connectionString: storage } = world.storage;
    const newId = () => randomUUID().replaceAll('-', '');
    const texts = createLargeTexts(storage, 'TestHub', newId);
    const store = createInstanceStore({ storage, hubName: 'TestHub', texts, newId });
    await Promise.all([texts.prepare(), store.prepare()]);
    const body = { kind: 'start' as const, name: 'chain', executionId: newId() };
    const instance = newInstance('purged', body, Date.now());
    const event = makeEvent(Date.now(), EventType.EventRaised, { Name: 'E' });
    for (let n = 0; n < 120; n += 1) await store.commit({ instance, events: [event] });
    const flaky = await refuseBatches(storage, 2);
    const cut = createInstanceStore({ storage: flaky.connectionString, hubName: 'TestHub', texts, newId });
    await assert.rejects(cut.purge('purged'));
    await flaky.stop();
    const left = await store.load('purged');
    assert.equal(left?.name, 'chain');
    assert.ok(left && (await store.history(left)).length < 100);
    const both = await Promise.all([store.purge('purged'), store.purge('purged')]);
    assert.ok(both.includes(true));
    assert.equal(await store.load('purged'), undefined);
    assert.deepEqual(await store.history(instance), []);
    assert.equal(await store.purge('purged'), false);
  });

  test('a host that stops lets its activities finish and leaves the rest to the next', async () => {
    const ran = () =>
      lines<{ square?: number }>(world.folder).filter(({ square }) => square !== undefined).length;
    const before = ran();
    const first = await world.startHost();
    const id = await start(first, 'fan', { id: 'handed-over', input: { count: 15, ms: 300 } });
    await eventually('activities at work', () =>
      first.log.some((line) => line.includes("Executing 'Functions.square'")),
    );
    assert.equal(await first.stop(), 0);
    const second = await world.startHost();
    assert.equal((await untilStatus(second, id)).output, 1_015);
    assert.equal(ran() - before, 15);
    assert.equal(await second.stop(), 0);
  });

  test('hosts share a hub, and the rest goes on when one is killed', async () => {
    const [one, two] = await Promise.all([world.startHost(), world.startHost()]);
    let probes = 0;
    await eventually('orchestrators on both', async () => {
      probes += 1;
      await untilStatus(one, await start(one, 'chain', { id: `probe-${probes}`, input: [] }));
      return [one, two].every(({ log }) => log.some((line) => line.includes("Executed 'Functions.chain'")));
    });
    const ids = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        start(n % 2 ? one : two, 'fan', { id: `shared-${n}`, input: { count: 8, ms: 60 } }),
      ),
    );
    await eventually('activities on both', () =>
      [one, two].every(({ log }) => log.some((line) => line.includes("Executed 'Functions.square'"))),
    );
    await one.kill();
    for (const id of ids) assert.equal((await untilStatus(two, id)).output, 140);
    assert.equal(await two.stop(), 0);
  });
});
