import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OrchestrationContext, OrchestrationHandler } from 'durable-functions';
import * as df from 'durable-functions';
import fc from 'fast-check';
import { EventType } from '../../../../local/functions-host/durable/types.js';
import { createMemoryHub, type MemoryApp, type MemoryHub } from './memory-hub.js';

const SECOND_MS = 1_000;

const later = (context: OrchestrationContext, ms: number) =>
  new Date(context.df.currentUtcDateTime.getTime() + ms);

/** Waits for an event or a timer, then begins anew, a number of times. */
const listener: OrchestrationHandler = function* (context) {
  const { turns, heard } = context.df.getInput<{ turns: number; heard: unknown[] }>();
  const tick = context.df.createTimer(later(context, SECOND_MS));
  const poke = context.df.waitForExternalEvent('Poke');
  const winner: unknown = yield context.df.Task.any([tick, poke]);
  if (winner === poke) {
    tick.cancel();
    heard.push(poke.result);
  }
  if (turns === 0) return heard;
  context.df.continueAsNew({ turns: turns - 1, heard });
  return undefined;
};

/** The same within one generation. */
const loop: OrchestrationHandler = function* (context) {
  const heard: unknown[] = [];
  for (let turn = 0; turn < context.df.getInput<number>(); turn += 1) {
    const tick = context.df.createTimer(later(context, SECOND_MS));
    const poke = context.df.waitForExternalEvent('Poke');
    const winner: unknown = yield context.df.Task.any([tick, poke]);
    if (winner !== poke) continue;
    tick.cancel();
    heard.push(poke.result);
  }
  return heard;
};

const chain: OrchestrationHandler = function* (context) {
  const got: unknown[] = [];
  for (let n = 0; n < 4; n += 1) got.push(yield context.df.callActivity('once', n));
  return got;
};

const fan: OrchestrationHandler = function* (context) {
  const retry = new df.RetryOptions(SECOND_MS, 3);
  const tasks = [0, 1, 2, 3, 4].map((n) =>
    n % 2 ? context.df.callActivityWithRetry('flaky', retry, n) : context.df.callActivity('once', n),
  );
  const first: unknown = yield context.df.Task.all(tasks);
  const children = [0, 1].map((n) => context.df.callSubOrchestratorWithRetry('child', retry, n));
  const second: unknown = yield context.df.Task.all(children);
  const last: unknown = yield context.df.callActivity('once', 'last');
  return [first, second, last];
};

const child: OrchestrationHandler = function* (context) {
  const value: unknown = yield context.df.callActivity('flaky', context.df.getInput());
  return { value };
};

/** An app whose activity results tell each run apart. */
function app(): MemoryApp {
  let runs = 0;
  const tries = new Map<number, number>();
  return {
    orchestrators: { listener, loop, chain, fan, child, early, mixed, thrower },
    activities: {
      once: (input: unknown) => {
        runs += 1;
        return [input, runs];
      },
      flaky: (n: number) => {
        tries.set(n, (tries.get(n) ?? 0) + 1);
        if (tries.get(n) === 1) throw new Error('not yet');
        return n;
      },
    },
  };
}

/** Returns at the first of two activities. */
const early: OrchestrationHandler = function* (context) {
  const { cancel } = context.df.getInput<{ cancel: boolean }>();
  const timer = context.df.createTimer(later(context, 60 * SECOND_MS));
  yield context.df.Task.any([context.df.callActivity('once', 1), timer]);
  if (cancel) timer.cancel();
  return 'early';
};

/** Fails while a sub-orchestration is open, and has caught a failure before. */
const mixed: OrchestrationHandler = function* (context) {
  try {
    yield context.df.callSubOrchestrator('missing');
  } catch {
    yield context.df.callActivity('once', 'caught');
  }
  yield context.df.Task.all([
    context.df.callActivity('flaky', 7),
    context.df.callActivity('once', 'beside'),
    context.df.createTimer(later(context, SECOND_MS)),
  ]);
  return 'mended';
};

const thrower: OrchestrationHandler = function* (context) {
  yield context.df.callActivity('once', 1);
  throw new Error('');
};

/** The documented verification of a phone number: one timer against several events. */
const verification: OrchestrationHandler = function* (context) {
  const code: unknown = yield context.df.callActivity('code');
  const due = context.df.createTimer(later(context, 90 * SECOND_MS));
  context.df.setCustomStatus('asked');
  for (let turn = 0; turn <= 3; turn += 1) {
    const answer = context.df.waitForExternalEvent('Answer');
    const winner: unknown = yield context.df.Task.any([answer, due]);
    if (winner === due) return false;
    if (answer.result === code) break;
  }
  due.cancel();
  return true;
};

/** Raises numbered events at random steps and returns them. */
async function pokeAtRandom(hub: MemoryHub, id: string, at: readonly number[]): Promise<number[]> {
  const sent: number[] = [];
  for (let step = 0; sent.length < at.length; step += 1) {
    for (const _one of at.filter((one) => one === step)) {
      sent.push(sent.length);
      await hub.client.raise(id, 'Poke', JSON.stringify(sent.length - 1));
    }
    await hub.step();
  }
  await hub.settle();
  return sent;
}

const sorted = (values: unknown) => [...(values as number[])].sort((left, right) => left - right);

describe('episodes', () => {
  test('each event reaches exactly one generation, whatever comes twice or together with a timer', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(fc.nat(40), { minLength: 1, maxLength: 12 }),
        fc.constantFrom(0, 0.2),
        async (seed, at, crashes) => {
          const hub = createMemoryHub(app(), { seed, crashes });
          const input = JSON.stringify({ turns: 70, heard: [] });
          await hub.client.start({ name: 'listener', instanceId: 'i', input });
          const sent = await pokeAtRandom(hub, 'i', at);
          assert.deepEqual(sorted(hub.output('i')), sent);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('a suspended instance does nothing until it is resumed, and misses no event', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.nat(60), async (seed, at) => {
        const hub = createMemoryHub(app(), { seed, crashes: 0.1 });
        const input = JSON.stringify({ turns: 60, heard: [] });
        await hub.client.start({ name: 'listener', instanceId: 'i', input });
        for (let step = 0; step < at; step += 1) await hub.step();
        await hub.client.raise('i', 'Poke', '1');
        await hub.client.control('i', 'suspend', 'wait');
        await hub.client.raise('i', 'Poke', '2');
        await hub.settle();
        assert.equal(hub.instances.get('i')?.status, 'Suspended');
        await hub.client.raise('i', 'Poke', '3');
        await hub.client.control('i', 'resume', 'go');
        await hub.settle();
        assert.deepEqual(sorted(hub.output('i')), [1, 2, 3]);
      }),
      { numRuns: 60 },
    );
  });

  test('each event ends one wait of a loop', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(fc.nat(30), { minLength: 1, maxLength: 8 }),
        async (seed, at) => {
          const hub = createMemoryHub(app(), { seed, crashes: 0.1 });
          await hub.client.start({ name: 'loop', instanceId: 'i', input: '60' });
          const sent = await pokeAtRandom(hub, 'i', at);
          assert.deepEqual(sorted(hub.output('i')), sent);
        },
      ),
      { numRuns: 20 },
    );
  });

  test('a crash at any point costs further runs of activities, and each result is taken once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const hub = createMemoryHub(app(), { seed, crashes: 0.25 });
        await hub.client.start({ name: 'chain', instanceId: 'chain' });
        await hub.client.start({ name: 'fan', instanceId: 'fan' });
        await hub.settle();
        const got = hub.output('chain') as [number, number][];
        assert.deepEqual(
          got.map(([n]) => n),
          [0, 1, 2, 3],
        );
        const results = hub
          .history('chain')
          .filter(({ EventType: type }) => type === EventType.TaskCompleted)
          .map(({ Result }) => JSON.parse(Result ?? '') as unknown);
        assert.deepEqual(results, got);
        const [first, second, last] = hub.output('fan') as [unknown[], unknown[], unknown[]];
        assert.deepEqual([first[1], first[3], second, last[0]], [1, 3, [{ value: 0 }, { value: 1 }], 'last']);
      }),
      { numRuns: 30 },
    );
  });

  test('a function that has returned does not end the orchestration while a timer is open', async () => {
    for (const cancel of [true, false]) {
      const hub = createMemoryHub(app());
      const input = JSON.stringify({ cancel });
      await hub.client.start({ name: 'early', instanceId: 'i', input });
      let open = 0;
      while (await hub.step()) {
        const history = hub.history('i');
        const isOver = history.some(({ ended }) => ended);
        if (isOver && hub.instances.get('i')?.status === 'Running') open += 1;
      }
      assert.equal(hub.output('i'), 'early');
      assert.equal(open > 0, !cancel);
    }
  });

  test('an orchestration fails when its open tasks are done, and a rewind repeats the failed ones only', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const hub = createMemoryHub(app(), { seed });
        await hub.client.start({ name: 'mixed', instanceId: 'i' });
        await hub.settle();
        assert.equal(hub.instances.get('i')?.status, 'Failed');
        const done = (history = hub.history('i')) =>
          history.flatMap(({ EventType: type, TaskScheduledId, TimerId }) =>
            type === EventType.TaskCompleted || type === EventType.TimerFired
              ? (TaskScheduledId ?? TimerId)
              : [],
          );
        assert.deepEqual(sorted(done()), [1, 3, 4]);
        await hub.client.rewind('i', 'again');
        await hub.settle();
        assert.equal(hub.output('i'), 'mended');
        assert.deepEqual(sorted(done()), [1, 2, 3, 4]);
      }),
      { numRuns: 30 },
    );
  });

  test('a generation leaves no history behind', async () => {
    const hub = createMemoryHub(app());
    const input = JSON.stringify({ turns: 100, heard: [] });
    await hub.client.start({ name: 'listener', instanceId: 'i', input });
    let most = 0;
    while (await hub.step()) most = Math.max(most, hub.history('i').length);
    assert.ok(hub.rows('i').length > 400 && most < 20, `${hub.rows('i').length} in all, ${most} at once`);
  });

  test('an orchestrator that throws an error without a text fails', async () => {
    const hub = createMemoryHub(app());
    await hub.client.start({ name: 'thrower', instanceId: 'i' });
    await hub.settle();
    assert.match(hub.instances.get('i')?.output ?? '', /'thrower' failed: it threw something/);
  });

  test('a running instance is replaced only where the settings allow it, and hears nothing of its former life', async () => {
    for (const state of ['NonRunningStates', 'AnyState']) {
      const durableTask = { overridableExistingInstanceStates: state };
      const hub = createMemoryHub(app(), { durableTask, crashes: 0.2 });
      await hub.client.start({ name: 'chain', instanceId: 'i' });
      for (let step = 0; step < 6; step += 1) await hub.step();
      assert.equal(hub.instances.get('i')?.status, 'Running');
      const again = await hub.client.start({
        name: 'listener',
        instanceId: 'i',
        input: '{"turns":0,"heard":[]}',
      });
      assert.deepEqual(again, state === 'AnyState' ? { id: 'i' } : { refused: 'exists' });
      await hub.settle();
      assert.equal(hub.instances.get('i')?.name, state === 'AnyState' ? 'listener' : 'chain');
      if (state === 'AnyState') assert.deepEqual(hub.output('i'), []);
      const restarted = await hub.client.start({ name: 'early', instanceId: 'i', input: '{"cancel":true}' });
      assert.deepEqual(restarted, { id: 'i' });
      await hub.settle();
      assert.equal(hub.output('i'), 'early');
    }
  });

  test('a task that is open and given to Task.any again is begun once more, as in Azure', async () => {
    const hub = createMemoryHub({ orchestrators: { verification }, activities: { code: () => 7 } });
    await hub.client.start({ name: 'verification', instanceId: 'i' });
    while (hub.instances.get('i')?.customStatus === undefined) await hub.step();
    for (const answer of [1, 2, 7]) {
      await hub.client.raise('i', 'Answer', String(answer));
      await hub.step();
    }
    assert.equal(hub.output('i'), true);
    const timers = hub.history('i').filter(({ EventType: type }) => type === EventType.TimerCreated);
    assert.deepEqual(
      timers.map(({ EventId }) => EventId),
      [1, 2, 3],
    );
  });
});
