import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Meter } from '@opentelemetry/api';
import { createCountingMetrics, createOpenTelemetryMetrics } from '../../../src/runtime/metrics.js';

function fakeMeter() {
  const calls: unknown[] = [];
  const made: unknown[] = [];
  const instrument = (kind: string, method: string) => (name: string, options: { unit: string }) => {
    made.push([kind, name, options.unit]);
    return { [method]: (value: number, attributes: unknown) => calls.push([name, value, attributes]) };
  };
  const meter = {
    createCounter: instrument('counter', 'add'),
    createGauge: instrument('gauge', 'record'),
    createHistogram: instrument('histogram', 'record'),
  } as unknown as Meter;
  return { meter, calls, made };
}

test('counts, states and distributions get their own instrument with its unit, once', () => {
  const { meter, calls, made } = fakeMeter();
  const metrics = createOpenTelemetryMetrics({ meter });
  metrics.add('kusto_functions.records.shipped', 2, { source: 's' });
  metrics.add('kusto_functions.records.shipped', 3);
  metrics.record('kusto_functions.flush_ms', 12);
  metrics.record('kusto_functions.shipments.oldest_ms', 7);
  metrics.add('kusto_functions.in_bytes', 9);
  assert.deepEqual(made, [
    ['counter', 'kusto_functions.records.shipped', '1'],
    ['histogram', 'kusto_functions.flush_ms', 'ms'],
    ['gauge', 'kusto_functions.shipments.oldest_ms', 'ms'],
    ['counter', 'kusto_functions.in_bytes', 'By'],
  ]);
  assert.deepEqual(calls[0], ['kusto_functions.records.shipped', 2, { source: 's' }]);
  assert.equal(calls.length, 5);
});

test('without a provider metrics go nowhere and nothing fails', () => {
  const metrics = createOpenTelemetryMetrics();
  metrics.add('a', 1);
  metrics.record('b_ms', 1);
});

test('instruments are bounded', () => {
  const { meter, made } = fakeMeter();
  const metrics = createOpenTelemetryMetrics({ meter });
  for (let index = 0; index < 1000; index++) {
    metrics.add(`name.${index}`, 1);
  }
  assert.equal(made.length, 256);
});

test('counted numbers are kept by attribute and passed on', () => {
  const passed: unknown[] = [];
  const next = {
    add: (...call: unknown[]) => passed.push(call),
    record: (...call: unknown[]) => passed.push(call),
  };
  const metrics = createCountingMetrics('source', next);
  metrics.add('in', 2, { source: 'a' });
  metrics.add('in', 3, { source: 'a' });
  metrics.add('in', 1, { source: 'b' });
  metrics.record('age_ms', 5, { source: 'b' });
  metrics.record('age_ms', 4, { source: 'b' });
  metrics.add('all', 1);
  assert.deepEqual(metrics.snapshot(), { a: { in: 5 }, b: { in: 1, age_ms: 4 }, '': { all: 1 } });
  assert.equal(passed.length, 6);
});

test('series are bounded', () => {
  const metrics = createCountingMetrics('source');
  for (let index = 0; index < 2000; index++) {
    metrics.add('in', 1, { source: `s${index}` });
  }
  assert.equal(Object.keys(metrics.snapshot()).length, 1000);
});
