import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createIngestTelemetry } from '../../../src/ingest/telemetry.js';
import { createTransformer } from '../../../src/ingest/transform.js';
import type { Transformer } from '../../../src/ingest/transformer.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { createCountingMetrics, createTestIngest, envelope, silentLogger, source } from './support.js';

const directory = mkdtempSync(join(tmpdir(), 'kf-transform-'));
const opened: Transformer[] = [];
after(async () => {
  await Promise.all(opened.map((transformer) => transformer.close()));
  rmSync(directory, { recursive: true });
});

let modules = 0;
function transformer(code: string, options: { extension?: string; timeoutMs?: number } = {}): Transformer {
  const modulePath = join(directory, `t${modules++}.${options.extension ?? 'ts'}`);
  writeFileSync(modulePath, code);
  const made = createTransformer({
    clock: systemClock,
    logger: silentLogger,
    telemetry: createIngestTelemetry(createCountingMetrics(), 'sensors'),
    modulePath,
    timeoutMs: options.timeoutMs ?? 2000,
    maxOutputBytes: 1000,
    context: { pipeline: 'sensors', database: 'Telemetry', table: 'Sensors', format: 'json' },
  });
  opened.push(made);
  return made;
}

async function run(made: Transformer, bodies: readonly string[]): Promise<unknown[]> {
  const inputs = bodies.map((body, at) => ({ envelope: envelope(body, at), body: Buffer.from(body) }));
  const outcomes = await made.run(inputs, Date.now() + 60_000);
  return outcomes.map((outcome) =>
    outcome instanceof Error
      ? outcome.code
      : outcome.map(({ body, ...facts }) =>
          Object.keys(facts).some((name) => name !== 'properties')
            ? { body: Buffer.from(body).toString(), ...facts, properties: undefined }
            : Buffer.from(body).toString(),
        ),
  );
}

test('a TypeScript transform changes, splits, drops and passes records', async () => {
  const made = transformer(`
    import type { Nothing } from './nowhere.js';
    interface Reading { n: number; many?: number }
    const double = (value: number): number => value * 2;
    export default async (record: { json<T>(): T; with(change: object): unknown }, context: { table: string }) => {
      const reading = record.json<Reading>();
      if (reading.n === 0) return null;
      if (reading.n === 1) return record;
      if (reading.many) return Array.from({ length: reading.many }, (_, i) => record.with({ body: { i } }));
      return { body: { n: double(reading.n), table: context.table } };
    };`);
  assert.deepEqual(await run(made, ['{"n":0}', '{"n":1,"x":1e400}', '{"n":2,"many":2}', '{"n":3}']), [
    [],
    ['{"n":1,"x":1e400}'],
    ['{"i":0}', '{"i":1}'],
    ['{"n":6,"table":"Sensors"}'],
  ]);
});

test('JavaScript modules and CommonJS modules are loaded too', async () => {
  assert.deepEqual(
    await run(transformer('export default (r) => r.text() + "!"', { extension: 'mjs' }), ['a']),
    ['TRANSFORM_FAILED'],
  );
  const common = transformer('module.exports = (r) => ({ body: r.text() + "!", key: "k" })', {
    extension: 'cjs',
  });
  assert.deepEqual(await run(common, ['a']), [[{ body: 'a!', key: 'k', properties: undefined }]]);
});

test('what a transform throws fails that record only', async () => {
  const made = transformer(
    'export default (r) => { if (r.text() === "b") throw new Error("no b"); return { body: r.text() }; }',
  );
  assert.deepEqual(await run(made, ['a', 'b', 'c']), [['a'], 'TRANSFORM_FAILED', ['c']]);
});

test('an endless loop, a promise that never ends and a process exit fail that record only', async () => {
  const made = transformer(
    `export default (r) => {
      if (r.text() === "loop") for (;;);
      if (r.text() === "wait") return new Promise(() => {});
      if (r.text() === "exit") process.exit(3);
      return { body: r.text() };
    }`,
    { timeoutMs: 100 },
  );
  assert.deepEqual(await run(made, ['a', 'loop', 'b', 'wait', 'c', 'exit', 'd']), [
    ['a'],
    'TRANSFORM_TIMEOUT',
    ['b'],
    'TRANSFORM_TIMEOUT',
    ['c'],
    'TRANSFORM_FAILED',
    ['d'],
  ]);
});

test('too many records, or too many bytes, of one are refused', async () => {
  const made = transformer(
    `export default (r) => r.text() === "many"
      ? Array.from({ length: 1001 }, () => ({ body: "x" }))
      : r.text() === "large" ? { body: "x".repeat(1001) } : { body: "ok" }`,
  );
  assert.deepEqual(await run(made, ['many', 'large', 'x']), ['TRANSFORM_LIMIT', 'TRANSFORM_LIMIT', ['ok']]);
});

test('a module that cannot be loaded, or exports no function, is named as such', async () => {
  await assert.rejects(transformer('export default (').check(), { code: 'TRANSFORM_INVALID' });
  await assert.rejects(transformer('export const a = 1;').check(), { code: 'TRANSFORM_INVALID' });
  await assert.rejects(transformer('throw new Error("at load")', { extension: 'mjs' }).check(), {
    code: 'TRANSFORM_INVALID',
    message: /at load/,
  });
});

test('a batch whose time is used up fails the records that were not reached', async () => {
  const made = transformer('export default () => { for (;;); }', { timeoutMs: 60_000 });
  await made.check();
  const inputs = ['a', 'b'].map((body, at) => ({ envelope: envelope(body, at), body: Buffer.from(body) }));
  const outcomes = await made.run(inputs, Date.now() + 200);
  assert.deepEqual(
    outcomes.map((outcome) => (outcome as { code?: string }).code),
    ['TRANSFORM_TIMEOUT', 'TRANSFORM_TIMEOUT'],
  );
});

test('transformed records reach their targets and a failed one keeps its original body', async () => {
  const made = transformer(`export default (r) => {
    const { to, n } = r.json();
    if (to === 'bad') return [{ body: '{"ok":1}' }, { body: 'not json' }];
    return n === 0 ? null : { body: { n }, target: to ? { table: to } : undefined };
  }`);
  const { ingest, sink, deadLetters } = createTestIngest({
    clock: systemClock,
    transformer: made,
    source: source({}, { dynamicAllow: ['Telemetry.Other*'], columns: { _offset: 'offset' } }),
  });
  const summary = await ingest.handle([
    envelope('{"n":1}', 0),
    envelope('{"n":2,"to":"Other1"}', 1),
    envelope('{"n":3,"to":"Secret"}', 2),
    envelope('{"to":"bad"}', 3),
    envelope('{"n":0}', 4),
  ]);
  assert.deepEqual(
    sink.batches.map(({ target, records }) => [
      target.table,
      records.map(({ bytes }) => Buffer.from(bytes).toString()),
    ]),
    [
      ['Sensors', ['{"n":1,"_offset":1000}']],
      ['Other1', ['{"n":2,"_offset":1001}']],
    ],
  );
  assert.deepEqual(
    [...deadLetters.letters.values()].map(({ code, body, bodyForm }) => [
      code,
      Buffer.from(body).toString(),
      bodyForm,
    ]),
    [
      ['ROUTE_NOT_ALLOWED', '{"n":3,"to":"Secret"}', 'original'],
      ['RECORD_NOT_JSON', '{"to":"bad"}', 'original'],
    ],
  );
  assert.deepEqual([summary.shipped, summary.deadLettered, summary.dropped], [2, 2, 1]);
});
