import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EntityHandler, OrchestrationHandler } from 'durable-functions';
import * as df from 'durable-functions';
import fc from 'fast-check';
import { entityStateOf } from '../../../../local/functions-host/durable/entities.js';
import { inOrder } from '../../../../local/functions-host/durable/ordering.js';
import { remember } from '../../../../local/functions-host/durable/recent.js';
import type { EntityRequest } from '../../../../local/functions-host/durable/types.js';
import { createMemoryHub, type MemoryHub } from './memory-hub.js';

/** Keeps what it is given, in the order in which it comes. */
const list: EntityHandler<unknown> = (context) => {
  const items = context.df.getState(() => []) as unknown[];
  if (context.df.operationName === 'get') context.df.return(items);
  else context.df.setState([...items, context.df.getInput()]);
};
const counter: EntityHandler<unknown> = (context) => {
  const value = context.df.getState(() => 0) as number;
  if (context.df.operationName === 'get') context.df.return(value);
  else context.df.setState(value + (context.df.getInput<number>() ?? 0));
};

const writer: OrchestrationHandler = function* (context) {
  const id = new df.EntityId('List', 'x');
  const seen: unknown[] = [];
  for (let n = 0; n < 9; n += 1) {
    context.df.signalEntity(id, 'add', `${context.df.instanceId}${n}`);
    if (n % 2) yield context.df.callActivity('pause');
    if (n % 3 === 2) seen.push((yield context.df.callEntity(id, 'get')).length);
  }
  return seen;
};
const transfer: OrchestrationHandler = function* (context) {
  const [from, to] = context.df.getInput<string[]>().map((key) => new df.EntityId('Counter', key));
  if (!from || !to) return;
  const lock: df.DurableLock = yield context.df.lock(from, to);
  yield context.df.callEntity(from, 'add', -1);
  yield context.df.callActivity('pause');
  yield context.df.callEntity(to, 'add', 1);
  lock.release();
};

const app = { orchestrators: { writer, transfer }, entities: { list, counter } };

function stateOf(hub: MemoryHub, id: string) {
  const entity = entityStateOf(hub.instances.get(id));
  return { ...entity, state: JSON.parse(entity.state ?? 'null') as unknown };
}

const KEYS = ['a', 'b', 'c'];

describe('entities', () => {
  test('the messages of each orchestration take effect once and in their order, whatever comes late or twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const hub = createMemoryHub(app, { seed, crashes: 0.2 });
        for (const id of ['p', 'q']) await hub.client.start({ name: 'writer', instanceId: id });
        await hub.settle();
        const items = stateOf(hub, '@list@x').state as string[];
        for (const id of ['p', 'q']) {
          assert.deepEqual(
            items.filter((item) => item.startsWith(id)),
            Array.from({ length: 9 }, (_, n) => `${id}${n}`),
          );
        }
      }),
      { numRuns: 30 },
    );
  });

  test('transfers lose nothing, and every lock is free in the end though some are terminated', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.array(fc.nat(60), { maxLength: 3 }), async (seed, stops) => {
        const hub = createMemoryHub(app, { seed, crashes: 0.1 });
        for (let n = 0; n < 5; n += 1) {
          const input = JSON.stringify([KEYS[n % 3], KEYS[(n + 1) % 3]]);
          await hub.client.start({ name: 'transfer', instanceId: `t${n}`, input });
        }
        for (let step = 0; step < 60; step += 1) {
          if (stops.includes(step)) await hub.client.control(`t${step % 5}`, 'terminate', 'enough');
          await hub.step();
        }
        await hub.settle();
        const states = KEYS.map((key) => stateOf(hub, `@counter@${key}`));
        for (const { lockedBy, queue } of states) assert.deepEqual([lockedBy, queue], [undefined, []]);
        const sum = states.reduce((total, { state }) => total + Number(state ?? 0), 0);
        if (stops.length === 0) assert.equal(sum, 0);
      }),
      { numRuns: 30 },
    );
  });

  test('a message is not waited for that is older than the window', () => {
    const heard = { lastMs: {}, latestMs: 0, early: [] };
    const from = { instanceId: 'i', executionId: 'x' };
    const request = (sentMs: number, prevMs?: number): EntityRequest => ({
      kind: 'signal',
      id: String(sentMs),
      from,
      sentMs,
      prevMs,
    });
    assert.deepEqual(inOrder(heard, [request(1_000, 900)]), []);
    const later = inOrder(heard, [{ ...request(500_000), from: { ...from, executionId: 'y' } }]);
    assert.deepEqual(
      later.map(({ id }) => id),
      ['500000', '1000'],
    );
  });

  test('the newest two thousand messages are known, each by a part of its id', () => {
    const recent: string[] = [];
    const id = (n: number) => `${String(n).padStart(12, '0')}${'f'.repeat(20)}`;
    for (let n = 0; n < 2_500; n += 1) assert.equal(remember(recent, id(n)), true);
    assert.deepEqual([remember(recent, id(2_499)), remember(recent, id(501))], [false, false]);
    assert.equal(remember(recent, id(0)), true);
    assert.ok(JSON.stringify(recent).length < 32_768);
  });
});
