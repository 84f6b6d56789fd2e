import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { unconsumedEvents } from '../../../../local/functions-host/durable/ending.js';
import { makeEvent } from '../../../../local/functions-host/durable/episode.js';
import { numberingOf, planStep } from '../../../../local/functions-host/durable/plan.js';
import { takesIds } from '../../../../local/functions-host/durable/repeats.js';
import { takeSegment } from '../../../../local/functions-host/durable/run-episode.js';
import {
  type Action,
  ActionType,
  EventType,
  type HistoryEvent,
} from '../../../../local/functions-host/durable/types.js';

const NOW = Date.parse('2026-01-02T03:04:05Z');
let ids = 0;
const context = {
  instanceId: 'i',
  executionId: 'x',
  name: 'orchestrator',
  nowMs: NOW,
  httpPollMs: 7_000,
  newId: () => {
    ids += 1;
    return `id-${ids}`;
  },
};
const activity = (functionName: string): Action => ({ actionType: ActionType.CallActivity, functionName });
const retried: Action = {
  actionType: ActionType.CallActivityWithRetry,
  functionName: 'r',
  retryOptions: { firstRetryIntervalInMilliseconds: 100, maxNumberOfAttempts: 2, backoffCoefficient: 2 },
};
const completed = (id: number) =>
  makeEvent(NOW, EventType.TaskCompleted, { TaskScheduledId: id, Result: '1' });
const failed = (id: number) =>
  makeEvent(NOW, EventType.TaskFailed, { TaskScheduledId: id, Reason: 'no', Details: 'no' });

/** History after one planned step. */
function advance(history: HistoryEvent[], fresh: HistoryEvent[], actions: Action[]) {
  const step = planStep(context, [...history, ...fresh], fresh, actions);
  const { seen, nextId, locks, sent } = step;
  const end = makeEvent(NOW, EventType.OrchestratorCompleted, { seen, nextId, locks, sent });
  return { step, history: [...history, ...fresh, ...step.events, end] };
}

describe('plan', () => {
  test('actions are numbered in their order, those in a group too, and only once', () => {
    const group: Action = {
      actionType: ActionType.WhenAll,
      compoundActions: [
        activity('a'),
        { actionType: ActionType.WaitForExternalEvent, externalEventName: 'E' },
        { actionType: ActionType.CreateTimer, fireAt: new Date(NOW + 5_000).toISOString() },
        activity('b'),
      ],
    };
    const first = advance([], [], [group]);
    assert.deepEqual(
      first.step.events.map(({ EventType: type, EventId }) => [type, EventId]),
      [
        [EventType.TaskScheduled, 0],
        [EventType.TimerCreated, 1],
        [EventType.TaskScheduled, 2],
      ],
    );
    assert.equal(first.step.outgoing.control[0]?.notBeforeMs, NOW + 5_000);
    const second = advance(first.history, [completed(0)], [group, activity('c')]);
    assert.deepEqual(
      second.step.events.map(({ Name, EventId }) => [Name, EventId]),
      [['c', 3]],
    );
  });

  test('a failed attempt takes a number for its timer, a fired one for the next attempt, before new actions', () => {
    const one = advance([], [], [retried]);
    const two = advance(one.history, [failed(0)], [retried]);
    assert.deepEqual(
      two.step.events.map(({ EventType: type, EventId }) => [type, EventId]),
      [[EventType.TimerCreated, 1]],
    );
    const fired = makeEvent(NOW, EventType.TimerFired, { TimerId: 1 });
    const three = advance(two.history, [fired], [retried]);
    assert.deepEqual(
      three.step.events.map(({ EventType: type, EventId }) => [type, EventId]),
      [[EventType.TaskScheduled, 2]],
    );
    const four = advance(three.history, [failed(2)], [retried]);
    assert.equal(four.step.events[0]?.FireAt, new Date(NOW + 200).toISOString());
    const last = makeEvent(NOW, EventType.TimerFired, { TimerId: 3 });
    const five = advance(four.history, [last], [retried, activity('after')]);
    assert.deepEqual(
      five.step.events.map(({ Name, EventId }) => [Name, EventId]),
      [['after', 4]],
    );
  });

  test('an event that takes numbers of its own is given to the function alone', () => {
    const { history } = advance([], [], [retried, activity('a'), activity('b')]);
    assert.equal(takesIds(history, failed(0)), true);
    assert.equal(takesIds(history, failed(1)), false);
    assert.equal(takesIds(history, completed(0)), false);
    const fresh = [completed(1), failed(0), completed(2)];
    assert.equal(takeSegment(history, fresh).length, 1);
    assert.equal(takeSegment(history, fresh)[0]?.TaskScheduledId, 0);
    assert.equal(takeSegment(history, fresh)[0]?.TaskScheduledId, 2);
    assert.equal(fresh.length, 0);
  });

  test('an HTTP answer that asks to look again takes the numbers of timer and call at once', () => {
    const call: Action = {
      actionType: ActionType.CallHttp,
      httpRequest: { method: 'POST', uri: 'http://h/a', asynchronousPatternEnabled: true },
    };
    const one = advance([], [], [call]);
    const answer = makeEvent(NOW, EventType.TaskCompleted, {
      TaskScheduledId: 0,
      Result: JSON.stringify({ statusCode: 202, headers: { Location: '/b' }, content: '' }),
    });
    const two = advance(one.history, [answer], [call]);
    const [timer] = two.step.events;
    assert.equal(timer?.FireAt, new Date(NOW + 7_000).toISOString());
    assert.deepEqual([timer?.poll?.taskId, timer?.poll?.request.uri], [2, 'http://h/b']);
    assert.equal(two.step.nextId, 3);
    const fired = makeEvent(NOW, EventType.TimerFired, { TimerId: 1 });
    const three = advance(two.history, [fired], [call]);
    assert.equal(three.step.outgoing.work[0]?.http?.method, 'GET');
    assert.equal(three.step.nextId, 3);
  });

  test('an HTTP answer that names no address leads to a call that fails', () => {
    const httpRequest = { method: 'GET', uri: 'http://h/a', asynchronousPatternEnabled: true };
    const call: Action = { actionType: ActionType.CallHttp, httpRequest };
    const one = advance([], [], [call]);
    const answer = makeEvent(NOW, EventType.TaskCompleted, {
      TaskScheduledId: 0,
      Result: JSON.stringify({ statusCode: 202, headers: { location: 'http://' }, content: '' }),
    });
    const [timer] = advance(one.history, [answer], [call]).step.events;
    assert.equal(timer?.poll?.request.uri, 'http://');
  });

  test('locks are asked for one entity after the other and given back to each', () => {
    const lock: Action = {
      actionType: ActionType.LockEntities,
      lockRequestId: 'L',
      lockSet: [
        { name: 'C', key: '1' },
        { name: 'C', key: '2' },
      ],
    };
    const one = advance([], [], [lock]);
    assert.deepEqual(
      one.step.outgoing.control.map(({ to }) => to),
      ['@c@1'],
    );
    const two = advance(one.history, [], [lock, { actionType: ActionType.ReleaseEntities }]);
    assert.deepEqual(
      two.step.outgoing.control.map(({ to }) => to),
      ['@c@1', '@c@2'],
    );
    const { seen, nextId, locks } = numberingOf(two.history);
    assert.deepEqual({ seen, nextId, locks }, { seen: 2, nextId: 3, locks: [] });
  });

  test('an unknown action is refused by its number', () => {
    assert.throws(() => advance([], [], [{ actionType: 99 }]), /action 99/);
  });

  test('events never awaited are left over, the latest ones', () => {
    const raised = (Input: string) => makeEvent(NOW, EventType.EventRaised, { Name: 'E', Input });
    const wait: Action = { actionType: ActionType.WaitForExternalEvent, externalEventName: 'E' };
    const left = unconsumedEvents([raised('1'), raised('2'), raised('3')], [wait]);
    assert.deepEqual(
      left.map(({ Input }) => Input),
      ['2', '3'],
    );
  });
});
