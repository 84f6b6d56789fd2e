import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createGate } from '../../../src/runtime/gate.js';

test('what fits enters at once, what does not waits until it does', async () => {
  const gate = createGate(10);
  const leave = await gate.enter(8);
  const order: string[] = [];
  const waiting = gate.enter(5).then((release) => {
    order.push('in');
    return release;
  });
  await setImmediate();
  assert.deepEqual([order, gate.inUse], [[], 8]);
  leave();
  const release = await waiting;
  assert.equal(gate.inUse, 5);
  release();
  assert.equal(gate.inUse, 0);
});

test('first come, first served: a small one does not pass a large one', async () => {
  const gate = createGate(10);
  const leave = await gate.enter(6);
  const order: string[] = [];
  const large = gate.enter(9).then((release) => {
    order.push('large');
    return release;
  });
  const small = gate.enter(1).then((release) => {
    order.push('small');
    return release;
  });
  await setImmediate();
  assert.deepEqual(order, []);
  leave();
  (await large)();
  (await small)();
  assert.deepEqual(order, ['large', 'small']);
});

test('one larger than the whole budget enters alone', async () => {
  const gate = createGate(10);
  const leave = await gate.enter(1);
  let entered = false;
  const huge = gate.enter(100).then((release) => {
    entered = true;
    return release;
  });
  await setImmediate();
  assert.equal(entered, false);
  leave();
  (await huge)();
  assert.equal(gate.inUse, 0);
});

test('leaving twice gives back once', async () => {
  const gate = createGate(10);
  const leave = await gate.enter(4);
  await gate.enter(4);
  leave();
  leave();
  assert.equal(gate.inUse, 4);
});

test('a waiter that is cancelled leaves the queue and lets the next pass', async () => {
  const gate = createGate(10);
  const leave = await gate.enter(6);
  const abort = new AbortController();
  const cancelled = gate.enter(8, abort.signal);
  const next = gate.enter(2);
  abort.abort(new Error('stop'));
  await assert.rejects(cancelled, /stop/);
  (await next)();
  leave();
  assert.equal(gate.inUse, 0);
});

test('a caller that is cancelled already takes nothing', async () => {
  const gate = createGate(10);
  await assert.rejects(gate.enter(1, AbortSignal.abort(new Error('stop'))), /stop/);
  assert.equal(gate.inUse, 0);
});
