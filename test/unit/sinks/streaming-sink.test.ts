import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { createStreamingSink } from '../../../src/ingest/sinks/streaming-sink.js';
import { createTableMemory } from '../../../src/ingest/sinks/table-memory.js';
import type { Batch } from '../../../src/ingest/types.js';
import type { StreamRequest } from '../../../src/kusto/ports.js';
import type { ErrorCode } from '../../../src/runtime/error-codes.js';
import { KfError } from '../../../src/runtime/errors.js';
import { jsonBatch, jsonTarget } from '../../helpers/ingest-world.js';
import { createManualClock } from '../../helpers/manual-clock.js';

const signal = new AbortController().signal;
const target = { ...jsonTarget, delivery: 'streaming' as const };

function setUp(fail: (request: StreamRequest, call: number) => KfError | undefined = () => undefined) {
  const clock = createManualClock();
  const streamed: StreamRequest[] = [];
  const queued: Batch[] = [];
  const logs: string[] = [];
  let calls = 0;
  const log = (event: string) => logs.push(event);
  const sink = createStreamingSink({
    clock,
    logger: { debug: log, info: log, warn: log, error: log },
    streaming: {
      stream: async (request) => {
        const error = fail(request, calls++);
        if (error !== undefined) throw error;
        streamed.push(request);
      },
    },
    queued: {
      deliver: async (batch) => {
        queued.push(batch);
        return { records: batch.records.length, blobs: 1, possibleDuplicates: 0, refused: [] };
      },
    },
  });
  return { sink, clock, streamed, queued, logs, calls: () => calls };
}

/** Records of about `bytes` bytes each. */
function sized(count: number, bytes: number): Batch {
  const batch = jsonBatch('b', count, { target });
  const records = batch.records.map((record, n) => ({
    ...record,
    bytes: Buffer.from(JSON.stringify({ n, fill: 'x'.repeat(bytes) })),
  }));
  return { ...batch, records };
}

test('a batch is cut into requests of at most 4 MiB of whole records', async () => {
  const { sink, streamed } = setUp();
  const delivery = await sink.deliver(sized(10, 1024 * 1024), signal);
  assert.deepEqual(delivery, { records: 10, blobs: 0, possibleDuplicates: 0, refused: [] });
  const sizes = streamed.map(({ body }) => gunzipSync(body).length);
  assert.ok(sizes.length === 4 && sizes.every((size) => size <= 4 * 1024 * 1024), String(sizes));
});

test('a record larger than a request goes queued, the others stream', async () => {
  const { sink, streamed, queued } = setUp();
  const batch = sized(3, 10);
  const big = { ...batch.records[1]!, bytes: Buffer.alloc(5 * 1024 * 1024, 0x20) };
  await sink.deliver({ ...batch, records: [batch.records[0]!, big, batch.records[2]!] }, signal);
  assert.equal(streamed.length, 2);
  assert.deepEqual(
    queued.map(({ records, target: { delivery } }) => [records.length, delivery]),
    [[1, 'queued']],
  );
});

test('a passing failure is tried three times, then goes queued; lost answers are counted', async () => {
  const lost = new KfError('KUSTO_TRANSIENT', 'lost', { fields: { answerLost: true } });
  const { sink, queued, calls, clock } = setUp((_request, call) =>
    call === 0 ? lost : new KfError('KUSTO_TRANSIENT', 'busy'),
  );
  const delivery = await sink.deliver(jsonBatch('b', 5, { target }), signal);
  assert.deepEqual([calls(), queued.length, delivery.possibleDuplicates], [3, 1, 5]);
  assert.equal(clock.sleeps.length, 2);
});

test('a permanent failure goes to the caller at once', async () => {
  const { sink, queued, calls } = setUp(
    () => new KfError('KUSTO_PERMANENT', 'bad', { serviceCode: 'Stream_X' }),
  );
  await assert.rejects(sink.deliver(jsonBatch('b', 5, { target }), signal), {
    code: 'KUSTO_PERMANENT',
    serviceCode: 'Stream_X',
  });
  assert.deepEqual([calls(), queued.length], [1, 0]);
});

test('when one request of several is refused, its records alone are given back', async () => {
  const { sink } = setUp((_request, call) =>
    call === 1 ? new KfError('KUSTO_PERMANENT', 'bad') : undefined,
  );
  const delivery = await sink.deliver(sized(6, 1024 * 1024), signal);
  assert.deepEqual([delivery.records, delivery.refused.length], [3, 3]);
});

test('off is remembered for fifteen minutes and throttling for ten seconds, for that table only', async () => {
  const cases: [ErrorCode, number][] = [
    ['KUSTO_STREAMING_OFF', 15 * 60_000],
    ['KUSTO_THROTTLED', 10_000],
  ];
  for (const [code, ms] of cases) {
    let failing = true;
    const { sink, clock, streamed, queued, calls } = setUp(({ table }) =>
      failing && table === 'T' ? new KfError(code, 'no') : undefined,
    );
    await sink.deliver(jsonBatch('b', 1, { target }), signal);
    const after = calls();
    failing = false;
    await sink.deliver(jsonBatch('b2', 1, { target }), signal);
    assert.equal(calls(), after, code);
    await sink.deliver(jsonBatch('b3', 1, { target: { ...target, table: 'Other' } }), signal);
    assert.equal(streamed.length, 1, code);
    clock.advance(ms);
    await sink.deliver(jsonBatch('b4', 1, { target }), signal);
    assert.deepEqual([streamed.length, queued.length], [2, 2], code);
  }
});

test('a rate that is better queued is warned about once an hour', () => {
  const clock = createManualClock();
  const memory = createTableMemory(clock);
  const gibibyte = 1024 ** 3;
  const seen = Array.from({ length: 6 }, () => memory.isRateHigh('T', gibibyte));
  assert.deepEqual(seen, [false, false, false, false, true, false]);
  clock.advance(3_600_000);
  assert.equal(memory.isRateHigh('T', gibibyte), false);
});

test('tags go queued, since streaming has none; an inline mapping is a configuration error', async () => {
  const { sink, queued, calls } = setUp();
  await sink.deliver(jsonBatch('b', 1, { target: { ...target, tags: ['t'] } }), signal);
  assert.deepEqual([queued.length, calls()], [1, 0]);
  const inline = { ...target, mapping: [{ column: 'a', path: '$.a' }] };
  await assert.rejects(sink.deliver(jsonBatch('b', 1, { target: inline }), signal), {
    code: 'CONFIG_INVALID',
  });
});
