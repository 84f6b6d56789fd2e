import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch, Sink, StagedBlob } from '../../../src/ingest/types.js';
import { summarize } from '../../../src/ledger/operations.js';
import { KfError } from '../../../src/runtime/errors.js';
import { createFaultPlan, type FaultKind, type FaultPlan, faultKinds } from '../../helpers/faults.js';
import { createWorld, jsonBatch, jsonTarget, numbersOf, type World } from '../../helpers/ingest-world.js';

/**
 * At every call a process makes to a store or the service, one after another: the call fails, its answer is lost,
 * the process dies before or after it, or it is done twice. Afterwards a healthy process drains. Then every record
 * must be in the table or in the dead letters, and what is there twice must have been counted.
 */
const signal = new AbortController().signal;
const RECORDS = 23;
const BAD = [3, 22];
const SETTLE_ROUNDS = 6;

const newWorld = (): World =>
  createWorld({
    judge: (lines) =>
      lines.some((line) => BAD.includes((JSON.parse(line) as { n: number }).n))
        ? { state: 'failed', failure: 'permanent', errorCode: 'Stream_ClosingQuoteMissing' }
        : undefined,
  });

interface Run {
  readonly plan: FaultPlan;
  readonly world: { -readonly [Key in keyof World]: World[Key] };
  /** Records that were counted as possible duplicates by a delivery. */
  counted: number;
  /** The source gave the records once more, because their function did not end. */
  redelivered: boolean;
}

async function checkOutcome(run: Run, fault: { at: number; kind: FaultKind } | undefined): Promise<void> {
  const { world, plan } = run;
  await world.drain();
  const place = `${fault?.kind} at call ${fault?.at} (${plan.calls[fault?.at ?? -1]})`;
  assert.deepEqual(await world.shipments(), [], `${place}: nothing stays open`);
  const letters = await world.letters();
  const all = [...numbersOf(world.service.rows), ...numbersOf(letters.map(({ body }) => body))];
  const distinct = new Set(all);
  assert.equal(distinct.size, RECORDS, `${place}: ${RECORDS - distinct.size} records are lost`);
  assert.ok(
    BAD.every((n) => letters.some((letter) => letter.sequenceNumber === n)),
    `${place}: a refused record is no dead letter`,
  );
  const doubled = all.length - distinct.size;
  const injected = fault?.kind === 'duplicate' && /submit/.test(plan.calls[fault.at] ?? '');
  const counted = run.counted + (world.counters.get('kusto_functions.records.possible_duplicates') ?? 0);
  if (!injected && !run.redelivered) {
    assert.ok(doubled <= counted, `${place}: ${doubled} records twice, ${counted} counted`);
  }
  const leftovers = [...world.blobs.blobs.keys()].filter((key) => key.startsWith('staging/'));
  if (!plan.fired) assert.deepEqual(leftovers, [], `${place}: blobs are left`);
}

async function deliverAsTheLadderDoes(run: Run, sink: Sink, batch: Batch): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const delivery = await sink.deliver(batch, signal);
      assert.equal(delivery.records + delivery.refused.length, batch.records.length);
      assert.deepEqual(delivery.refused, []);
      run.counted += delivery.possibleDuplicates;
      return;
    } catch (error) {
      if (!(error instanceof KfError) || !error.retryable || run.plan.crashed) break;
    }
  }
  assert.ok(run.plan.crashed, 'a passing failure outlasted its retries');
  run.redelivered = true;
  run.counted += (
    await run.world.start().sink.deliver({ ...batch, id: `${batch.id}-again` }, signal)
  ).possibleDuplicates;
}

async function runDelivery(fault: { at: number; kind: FaultKind } | undefined, batch: Batch): Promise<Run> {
  const run: Run = { plan: createFaultPlan(fault), world: newWorld(), counted: 0, redelivered: false };
  await deliverAsTheLadderDoes(run, run.world.start(run.plan).sink, batch);
  await checkOutcome(run, fault);
  return run;
}

/** A body of two blobs, sent by a caller who sends it again, under the same operation, until the answer is yes. */
async function runBody(fault: { at: number; kind: FaultKind } | undefined): Promise<Run> {
  const run: Run = { plan: createFaultPlan(fault), world: newWorld(), counted: 0, redelivered: false };
  const send = async (plan: FaultPlan | undefined): Promise<void> => {
    const { bodies } = run.world.start(plan);
    const blobs: StagedBlob[] = [];
    for (const [index, [from, to]] of [
      [0, 10],
      [10, RECORDS],
    ].entries()) {
      const lines = Array.from({ length: to! - from! }, (_, n) => JSON.stringify({ n: n + from! })).join(
        '\n',
      );
      const bytes = Buffer.from(`${lines}\n`);
      const writer = bodies.open({ operationId: 'op', index, target: jsonTarget, gzipped: false });
      await writer.write(bytes);
      blobs.push(
        await writer.commit({
          rows: to! - from!,
          rawBytes: bytes.length,
          sizeBytes: bytes.length,
          sha256: 'x',
        }),
      );
    }
    try {
      run.counted += (
        await bodies.submit({ operationId: 'op', target: jsonTarget, blobs })
      ).possibleDuplicates;
    } catch (error) {
      await bodies.discard(blobs);
      throw error;
    }
  };
  await send(run.plan).catch(async () => {
    // The repeat comes at once or much later, when what the first left may be given up meanwhile.
    if ((fault?.at ?? 0) % 2 === 1) {
      run.world.clock.advance(700_000);
      await run.world.start().settler.run(signal);
    }
    await send(undefined);
  });
  const dlq = run.world.letters;
  run.world.letters = async () => {
    // Records of a body have their number within the blob: the check wants it within the whole.
    return (await dlq()).map((letter) => ({
      ...letter,
      sequenceNumber: (JSON.parse(Buffer.from(letter.body).toString()) as { n: number }).n,
    }));
  };
  await checkOutcome(run, fault);
  const operation = await run.world.start().operations.get('op');
  assert.ok(operation !== undefined);
  const { state, records, deadLettered } = summarize(operation);
  assert.deepEqual(
    [state, records, deadLettered],
    ['partiallySucceeded', RECORDS, BAD.length],
    `${fault?.kind} at ${fault?.at} (${run.plan.calls[fault?.at ?? -1]})`,
  );
  return run;
}

async function runSettling(fault: { at: number; kind: FaultKind } | undefined): Promise<Run> {
  const run: Run = { plan: createFaultPlan(fault), world: newWorld(), counted: 0, redelivered: false };
  const { world, plan } = run;
  await world.start().sink.deliver(jsonBatch('b1', RECORDS, { changed: [3] }), signal);
  const { settler } = world.start(plan);
  for (let round = 0; round < SETTLE_ROUNDS && !plan.crashed; round++) {
    world.service.work();
    await settler.run(signal).catch((error: unknown) => {
      assert.ok(plan.fired, String(error));
    });
    world.clock.advance(60_000);
  }
  await checkOutcome(run, fault);
  return run;
}

async function enumerate(run: (fault?: { at: number; kind: FaultKind }) => Promise<Run>): Promise<number> {
  const { plan } = await run();
  const calls = plan.calls.length;
  assert.ok(calls >= 5, `only ${calls} calls: the enumeration would be vacuous`);
  let fired = 0;
  for (const kind of faultKinds) {
    for (let at = 0; at < calls; at++) {
      if ((await run({ at, kind })).plan.fired) fired++;
    }
  }
  return fired;
}

test('a fault at any call of a delivery loses nothing and doubles nothing uncounted', async () => {
  const fired = await enumerate((fault) => runDelivery(fault, jsonBatch('b1', RECORDS, { changed: [3] })));
  assert.ok(fired >= 25, String(fired));
});

test('a fault at any call of a delivery of many blobs loses nothing and doubles nothing uncounted', async () => {
  const batch = {
    ...jsonBatch('b1', RECORDS, { target: { ...jsonTarget, format: 'raw' as const } }),
    blobPerRecord: true,
  };
  const fired = await enumerate((fault) => runDelivery(fault, batch));
  assert.ok(fired >= 100, String(fired));
});

test('a fault at any call of taking a body loses nothing and doubles nothing uncounted', async () => {
  const fired = await enumerate(runBody);
  assert.ok(fired >= 30, String(fired));
});

test('a fault at any call of settling loses nothing and doubles nothing uncounted', async () => {
  const fired = await enumerate(runSettling);
  assert.ok(fired >= 100, String(fired));
});
