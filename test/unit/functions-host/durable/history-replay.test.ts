import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OrchestrationContext, OrchestrationHandler, Task } from 'durable-functions';
import * as df from 'durable-functions';
import type { HistoryEvent } from '../../../../local/functions-host/durable/types.js';
import { replayHistory } from '../../../helpers/history-replay.js';
import { createMemoryHub } from './memory-hub.js';

const later = (context: OrchestrationContext, ms: number) =>
  new Date(context.df.currentUtcDateTime.getTime() + ms);

/** How a later version of the code differs. */
interface Change {
  price?: string;
  event?: string;
  waitMs?: number;
  packInput?: number;
  swap?: boolean;
  operation?: string;
  withoutRetry?: boolean;
  before?(context: OrchestrationContext): Task | undefined;
  atEnd?(context: OrchestrationContext): Task | undefined;
  output?: string;
}

function orderOf(change: Change = {}): OrchestrationHandler {
  return function* (context) {
    const { price: first = 'price', event = 'Approval', operation = 'take' } = change;
    const retry = new df.RetryOptions(1_000, 3);
    const price: unknown = yield context.df.callActivity(first, context.df.getInput());
    if (change.withoutRetry) yield context.df.callActivity('reserve', price);
    else yield context.df.callActivityWithRetry('reserve', retry, price);
    const due = context.df.createTimer(later(context, change.waitMs ?? 60_000));
    const approval = context.df.waitForExternalEvent(event);
    const winner: unknown = yield context.df.Task.any([approval, due]);
    if (winner === approval) due.cancel();
    const inserted = change.before?.(context);
    if (inserted) yield inserted;
    const parts = [
      context.df.callActivity('pack', change.packInput ?? 1),
      context.df.callActivity('bill', price),
    ];
    yield context.df.Task.all(change.swap ? parts.reverse() : parts);
    context.df.signalEntity(new df.EntityId('Stock', 'a'), operation, 1);
    yield context.df.callSubOrchestrator('ship', { price });
    const last = change.atEnd?.(context);
    if (last) yield last;
    return change.output ?? 'sent';
  };
}
const order = orderOf();
const ship: OrchestrationHandler = function* (context) {
  yield context.df.callActivity('load');
  return context.df.newGuid('x');
};
const turns: OrchestrationHandler = function* (context) {
  const left = context.df.getInput<number>();
  yield context.df.callActivity('turn', left);
  yield context.df.callActivity('turn', left);
  if (left > 0) context.df.continueAsNew(left - 1);
  return left;
};

/** Fails twice in each recording. */
let failures = 0;
const app = {
  orchestrators: { order, ship, turns },
  activities: {
    reserve: () => {
      failures += 1;
      if (failures < 3) throw new Error('busy');
    },
  },
};

/** Histories of finished instances, and of every state before. */
async function record(name: string, input: unknown, options = { seed: 5, crashes: 0 }) {
  failures = 0;
  const hub = createMemoryHub(app, options);
  await hub.client.start({ name, instanceId: 'i', input: JSON.stringify(input) });
  const states: HistoryEvent[][] = [];
  while (await hub.step()) {
    if (name === 'order' && states.length === 12) await hub.client.raise('i', 'Approval', 'true');
    states.push(hub.history('i'));
  }
  hub.output('i');
  return { hub, states, last: states.at(-1) ?? [] };
}

describe('replay of recorded histories', () => {
  test('unchanged code fits the history at its end and at every point before', async () => {
    const { states, last } = await record('order', { n: 1 });
    for (const history of states.filter(({ length }) => length > 1)) {
      assert.equal((await replayHistory(order, history, { instanceId: 'i' })).problem, undefined);
    }
    const { episodes, output } = await replayHistory(order, last, { instanceId: 'i' });
    assert.equal(output, 'sent');
    assert.deepEqual(episodes[0]?.given, ['the start']);
    assert.deepEqual(episodes[0]?.planned, ['activity "price" (task 0)']);
    assert.deepEqual(
      episodes.flatMap(({ recorded }) => recorded).filter((text) => text.startsWith('activity "reserve"'))
        .length,
      3,
    );
    assert.ok(episodes.some(({ planned }) => planned[0] === 'signal "take" to entity @stock@a (task 9)'));
    assert.ok(episodes.some(({ actions }) => actions.some(({ functionName }) => functionName === 'ship')));
  });

  test('whatever comes twice, in any order, leaves a history that fits', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const { states } = await record('order', { n: 1 }, { seed, crashes: 0.2 });
      for (const history of states.filter(({ length }) => length > 1)) {
        assert.equal(
          (await replayHistory(order, history, { instanceId: 'i' })).problem,
          undefined,
          `${seed}`,
        );
      }
    }
  });

  test('a changed order of calls, another name, a new timer, an activity more or less are told with their place', async () => {
    const { last } = await record('order', { n: 1 });
    const fail = (text: string) => (): undefined => {
      throw new Error(text);
    };
    const cases: [Change, RegExp][] = [
      [
        { price: 'cost' },
        /^run 1, after the start: the history has activity "price" \(task 0\), the code activity "cost"/,
      ],
      [
        { swap: true },
        /after event "Approval": the history has activity "pack" \(task 7\), the code activity "bill" \(task 7\)/,
      ],
      [
        { before: (context) => context.df.createTimer(later(context, 5)) },
        /after event "Approval": the history has activity "pack" \(task 7\), the code timer \(task 7\)/,
      ],
      [{ before: fail('no') }, /the history has activity "pack" \(task 7\), the code fails: no$/],
      [{ event: 'Consent' }, /after event "Approval": the history has activity "pack" .*, the code waits$/],
      [{ operation: 'give' }, /signal "take" to entity @stock@a \(task 9\), the code signal "give" to/],
      [
        { withoutRetry: true },
        /after the end of activity "reserve" \(task 1\): the history has timer \(task 2\), the code fails/,
      ],
      [
        { atEnd: (context) => context.df.waitForExternalEvent('X') },
        /^the history ends as Completed, the code as Running$/,
      ],
      [
        { atEnd: (context) => context.df.callActivity('more') },
        /the history has nothing more, the code activity "more" \(task 11\)$/,
      ],
      [{ atEnd: fail('late') }, /^the history ends as Completed, the code as Failed \(late\)$/],
      [
        { atEnd: (context) => void context.df.continueAsNew(1) },
        /^the history ends as Completed, the code as ContinuedAsNew$/,
      ],
    ];
    for (const [change, expected] of cases) {
      const { problem } = await replayHistory(orderOf(change), last, { instanceId: 'i' });
      assert.match(problem ?? `no problem with ${JSON.stringify(change)}`, expected);
    }
  });

  test('what may differ is no problem: inputs, the length of a wait, the output', async () => {
    const { last } = await record('order', { n: 1 });
    for (const change of [{ waitMs: 90_000 }, { packInput: 2 }, { output: 'posted' }]) {
      assert.equal((await replayHistory(orderOf(change), last)).problem, undefined);
    }
  });

  test('a generation is replayed by itself, with its own input', async () => {
    const { states } = await record('turns', 2);
    const inputs = new Set<string | undefined>();
    for (const history of states.filter(({ length }) => length > 1)) {
      inputs.add(history.find(({ EventType: type }) => type === 0)?.Input);
      assert.equal((await replayHistory(turns, history)).problem, undefined);
    }
    assert.deepEqual([...inputs], ['2', '1', '0']);
  });

  test('a history without a run is told', async () => {
    assert.match((await replayHistory(order, [])).problem ?? '', /no run/);
  });
});
