import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ingestMetrics } from '../../../src/ingest/telemetry.js';
import { KfError } from '../../../src/runtime/errors.js';
import { createGate } from '../../../src/runtime/gate.js';
import {
  createFakeClock,
  createMemoryDeadLetters,
  createMemorySink,
  createTestIngest,
  envelope,
  source,
} from './support.js';

test('records reach the sink in one batch, in order, with their metadata columns', async () => {
  const { ingest, sink } = createTestIngest({
    source: source({}, { columns: { _offset: 'offset', _key: 'key', _at: 'enqueuedTime' } }),
  });
  const summary = await ingest.handle([
    envelope('{"a":1}', 0, { key: 'k"1' }),
    envelope('{ }', 1),
    envelope('[{"b":1e400},{"c":9223372036854775807}]', 2),
  ]);
  assert.deepEqual(sink.lines, [
    '{"a":1,"_offset":1000,"_key":"k\\"1","_at":"2026-11-21T00:00:00.000Z"}',
    '{ "_offset":1001,"_key":null,"_at":"2026-11-21T00:00:00.000Z"}',
    '{"b":1e400,"_offset":1002,"_key":null,"_at":"2026-11-21T00:00:00.000Z"}',
    '{"c":9223372036854775807,"_offset":1002,"_key":null,"_at":"2026-11-21T00:00:00.000Z"}',
  ]);
  assert.equal(sink.batches.length, 1);
  assert.equal(summary.shipped, 4);
  assert.equal(summary.envelopes, 3);
});

test('a bad record becomes a dead letter with its original bytes and the others go on', async () => {
  const { ingest, sink, deadLetters, metrics } = createTestIngest();
  const summary = await ingest.handle([
    envelope('{"a":1}', 0),
    envelope('{"a":', 1),
    envelope('[{"b":2},7]', 2),
  ]);
  assert.deepEqual(sink.lines, ['{"a":1}', '{"b":2}']);
  const letters = [...deadLetters.letters.values()];
  assert.deepEqual(
    letters.map(({ code, kind, sequenceNumber, index, body }) => [
      code,
      kind,
      sequenceNumber,
      index,
      Buffer.from(body).toString(),
    ]),
    [
      ['RECORD_NOT_JSON', 'decode', 1, undefined, '{"a":'],
      ['RECORD_NOT_OBJECT', 'decode', 2, 1, '7'],
    ],
  );
  assert.equal(summary.deadLettered, 2);
  assert.equal(metrics.total(ingestMetrics.deadLettered), 2);
});

test('a gzip body is inflated, and its dead letter keeps the bytes that came', async () => {
  const { ingest, sink, deadLetters } = createTestIngest();
  const bad = gzipSync('nope');
  await ingest.handle([envelope(gzipSync('{"a":1}'), 0), envelope(bad, 1)]);
  assert.deepEqual(sink.lines, ['{"a":1}']);
  assert.deepEqual(Buffer.from([...deadLetters.letters.values()][0]?.body ?? []), bad);
});

test('a transient failure is tried again and the batch arrives once', async () => {
  let failures = 2;
  const sink = createMemorySink(() => {
    if (failures-- > 0) {
      throw new KfError('KUSTO_THROTTLED', 'slow down');
    }
  });
  const clock = createFakeClock();
  const { ingest, metrics } = createTestIngest({ sink, clock });
  const summary = await clock.runUntil(ingest.handle([envelope('{"a":1}')]));
  assert.equal(summary.shipped, 1);
  assert.equal(sink.batches.length, 1);
  assert.equal(metrics.total(ingestMetrics.retries), 2);
});

test('a permanent failure sends every record of the batch to the dead letters', async () => {
  const sink = createMemorySink(() => {
    throw new KfError('KUSTO_PERMANENT', 'no such mapping', { serviceCode: 'BadRequest_MappingNotFound' });
  });
  const { ingest, deadLetters } = createTestIngest({ sink });
  const summary = await ingest.handle([envelope('{"a":1}', 0), envelope('[{"b":1},{"b":2}]', 1)]);
  assert.equal(summary.deadLettered, 3);
  const letters = [...deadLetters.letters.values()];
  assert.deepEqual(
    letters.map(({ bodyForm, index, body, serviceCode, kind }) => [
      bodyForm,
      index,
      Buffer.from(body).toString(),
      serviceCode,
      kind,
    ]),
    [
      ['original', undefined, '{"a":1}', 'BadRequest_MappingNotFound', 'delivery'],
      ['encoded', 0, '{"b":1}', 'BadRequest_MappingNotFound', 'delivery'],
      ['encoded', 1, '{"b":2}', 'BadRequest_MappingNotFound', 'delivery'],
    ],
  );
});

test('onError drop counts and goes on, but never drops for a passing reason', async () => {
  let code: 'KUSTO_PERMANENT' | 'KUSTO_UNREACHABLE' = 'KUSTO_PERMANENT';
  const sink = createMemorySink(() => {
    throw new KfError(code, 'no');
  });
  const clock = createFakeClock();
  const { ingest, deadLetters, metrics } = createTestIngest({
    clock,
    sink,
    source: source({ onError: 'drop' }),
  });
  const summary = await ingest.handle([envelope('{"a":1}'), envelope('x', 1)]);
  assert.equal(summary.dropped, 2);
  assert.equal(metrics.total(ingestMetrics.dropped), 2);
  code = 'KUSTO_UNREACHABLE';
  await assert.rejects(clock.runUntil(ingest.handle([envelope('{"a":1}')])), { code: 'KUSTO_UNREACHABLE' });
  assert.equal(deadLetters.letters.size, 0);
});

test('onError fail throws, so that the source keeps the records', async () => {
  const sink = createMemorySink(() => {
    throw new KfError('KUSTO_PERMANENT', 'no');
  });
  const { ingest, deadLetters } = createTestIngest({ sink, source: source({ onError: 'fail' }) });
  await assert.rejects(ingest.handle([envelope('{"a":1}')]), { code: 'KUSTO_PERMANENT' });
  assert.equal(deadLetters.letters.size, 0);
});

test('a dead-letter store that is down holds the source until the deadline', async () => {
  const deadLetters = createMemoryDeadLetters(() => {
    throw new KfError('STORAGE_UNREACHABLE', 'down');
  });
  const clock = createFakeClock();
  const { ingest } = createTestIngest({ clock, deadLetters });
  await assert.rejects(clock.runUntil(ingest.handle([envelope('x')])), { code: 'STORAGE_UNREACHABLE' });
});

test('a sink that never answers ends in dead letters within the deadline', async () => {
  const clock = createFakeClock();
  const sink = createMemorySink(() => new Promise(() => undefined));
  const { ingest, deadLetters } = createTestIngest({ clock, sink });
  const startedMs = clock.now();
  const summary = await clock.runUntil(ingest.handle([envelope('{"a":1}')]));
  assert.equal(summary.deadLettered, 1);
  assert.equal(summary.possibleDuplicates, 1);
  assert.deepEqual(deadLetters.codes, ['DEADLINE_EXCEEDED']);
  assert.ok(clock.now() - startedMs <= 480_000);
});

test('records refused alone become dead letters and the rest counts as shipped', async () => {
  const sink = createMemorySink();
  const deliver = sink.deliver;
  const refusing = {
    ...sink,
    deliver: async (...[batch, signal]: Parameters<typeof deliver>) => ({
      ...(await deliver(batch, signal)),
      refused: [{ record: batch.records[1] as never, error: new KfError('INGESTION_REFUSED', 'bad value') }],
    }),
  };
  const { ingest, deadLetters } = createTestIngest({ sink: refusing });
  const summary = await ingest.handle([envelope('{"a":1}'), envelope('{"a":2}', 1), envelope('{"a":3}', 2)]);
  assert.deepEqual([summary.shipped, summary.deadLettered], [2, 1]);
  assert.deepEqual(deadLetters.codes, ['INGESTION_REFUSED']);
});

test('what arrives while a flush is in flight forms one next batch', async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const sink = createMemorySink(() => held);
  const clock = createFakeClock();
  const { ingest } = createTestIngest({ sink, clock });
  const all = [0, 1, 2, 3].map((n) => ingest.handle([envelope(`{"n":${n}}`, n)]));
  await clock.advance(0);
  release();
  await clock.runUntil(Promise.all(all));
  assert.deepEqual(
    sink.batches.map(({ records }) => records.length),
    [1, 3],
  );
});

test('lingerMs waits for company and maxRecords cuts at record borders', async () => {
  const clock = createFakeClock();
  const batch = { maxBytes: 1000, maxRecords: 3, lingerMs: 100, maxAgeMs: 1000 };
  const { ingest, sink } = createTestIngest({ clock, source: source({}, { batch }) });
  const first = ingest.handle([envelope('{"n":0}')]);
  await clock.advance(50);
  assert.equal(sink.batches.length, 0);
  const second = ingest.handle([1, 2, 3].map((n) => envelope(`{"n":${n}}`, n)));
  await clock.runUntil(Promise.all([first, second]));
  assert.deepEqual(
    sink.batches.map(({ records }) => records.length),
    [3, 1],
  );
});

test('an over-age batch goes although another flush hangs', async () => {
  const clock = createFakeClock();
  let calls = 0;
  const sink = createMemorySink(() => (calls++ === 0 ? new Promise(() => undefined) : undefined));
  const { ingest } = createTestIngest({ clock, sink });
  const hung = ingest.handle([envelope('{"n":0}')]);
  const next = ingest.handle([envelope('{"n":1}', 1)]);
  const startedMs = clock.now();
  await clock.runUntil(next);
  assert.equal(clock.now() - startedMs, 30_000);
  await clock.runUntil(hung);
});

test('a cancelled invocation takes back what no flush holds', async () => {
  const clock = createFakeClock();
  const batch = { maxBytes: 1000, maxRecords: 10, lingerMs: 1000, maxAgeMs: 5000 };
  const { ingest, sink } = createTestIngest({ clock, source: source({}, { batch }) });
  const stop = new AbortController();
  const cancelled = ingest.handle([envelope('{"n":0}')], stop.signal);
  const other = ingest.handle([envelope('{"n":1}', 1)]);
  await clock.advance(10);
  stop.abort(new Error('host stops'));
  await assert.rejects(cancelled, { code: 'CANCELLED' });
  await clock.runUntil(other);
  assert.deepEqual(sink.lines, ['{"n":1}']);
});

test('bytes in flight are bounded: an invocation waits for the gate', async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const sink = createMemorySink(() => held);
  const clock = createFakeClock();
  const gate = createGate(10);
  const { ingest } = createTestIngest({ sink, clock, gate });
  const first = ingest.handle([envelope('{"n":0}')]);
  const second = ingest.handle([envelope('{"n":1}', 1)]);
  await clock.advance(100);
  assert.equal(gate.inUse, 7);
  release();
  await clock.runUntil(Promise.all([first, second]));
  assert.equal(gate.inUse, 0);
  assert.equal(clock.sleeping, 0);
});

test('a streaming record that fills a request goes queued', async () => {
  const batch = { maxBytes: 100, maxRecords: 10, lingerMs: 0, maxAgeMs: 5000 };
  const { ingest, sink } = createTestIngest({ source: source({}, { batch, delivery: 'streaming' }) });
  await ingest.handle([envelope('{"n":0}'), envelope(`{"n":"${'x'.repeat(200)}"}`, 1)]);
  assert.deepEqual(
    sink.batches.map(({ target }) => target.delivery),
    ['streaming', 'queued'],
  );
});

test('an empty invocation is nothing', async () => {
  const { ingest, sink } = createTestIngest();
  const summary = await ingest.handle([]);
  assert.equal(summary.shipped, 0);
  assert.equal(sink.batches.length, 0);
});

test('an invocation that the gate never lets in gives up at its deadline', async () => {
  const clock = createFakeClock();
  const gate = createGate(10);
  const leave = await gate.enter(10);
  const { ingest, sink } = createTestIngest({ clock, gate });
  await assert.rejects(clock.runUntil(ingest.handle([envelope('{"n":0}')])), { code: 'DEADLINE_EXCEEDED' });
  leave();
  assert.equal(gate.inUse, 0);
  assert.equal(sink.batches.length, 0);
});

test('bodies that grow by inflation hold their whole weight', async () => {
  const clock = createFakeClock();
  let inUse = 0;
  const gate = createGate(1_000_000);
  const sink = createMemorySink(() => {
    inUse = gate.inUse;
  });
  const { ingest } = createTestIngest({ clock, gate, sink });
  const body = JSON.stringify({ text: 'x'.repeat(50_000) });
  await ingest.handle([envelope(gzipSync(body))]);
  assert.equal(inUse, body.length);
  assert.equal(gate.inUse, 0);
});

test('retries are counted by code and a bad record is counted by kind', async () => {
  const seen: string[] = [];
  let failed = false;
  const sink = createMemorySink(() => {
    if (!failed) {
      failed = true;
      throw new KfError('KUSTO_THROTTLED', 'slow down');
    }
  });
  const clock = createFakeClock();
  const metrics = {
    add: (name: string, value: number, attributes?: Readonly<Record<string, string>>) => {
      seen.push(`${name} ${value} ${JSON.stringify(attributes)}`);
    },
    record: () => undefined,
  };
  const { ingest } = createTestIngest({ clock, sink, metrics: { ...metrics, total: () => 0 } as never });
  await clock.runUntil(ingest.handle([envelope('{"n":0}'), envelope('x', 1)]));
  assert.ok(
    seen.includes(
      `${ingestMetrics.retries} 1 {"pipeline":"sensors","code":"KUSTO_THROTTLED","step":"deliver"}`,
    ),
  );
  assert.ok(
    seen.includes(
      `${ingestMetrics.deadLettered} 1 {"pipeline":"sensors","kind":"decode","code":"RECORD_NOT_JSON"}`,
    ),
  );
});
