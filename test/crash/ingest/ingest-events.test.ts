import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeadLetter, DeadLetterStore } from '../../../src/deadletter/ports.js';
import { createEventIngest, type EventIngest } from '../../../src/ingest/ingest-events.js';
import type { Envelope, Sink } from '../../../src/ingest/types.js';
import { KfError } from '../../../src/runtime/errors.js';
import { createGate, type Gate } from '../../../src/runtime/gate.js';
import {
  createCountingMetrics,
  createFakeClock,
  envelope,
  type FakeClock,
  silentLogger,
  source,
} from '../../unit/ingest/support.js';

/**
 * Every call of a port fails in every way, one at a time and in pairs; after each run every record that the source
 * gave must be in the table or among the dead letters.
 */
const modes = ['failBefore', 'permanentBefore', 'failAfter', 'twice', 'hang', 'crash', 'crashAfter'] as const;
type Mode = (typeof modes)[number];

interface Fault {
  readonly call: number;
  readonly mode: Mode;
}

interface World {
  readonly clock: FakeClock;
  readonly rows: string[];
  readonly letters: Map<string, DeadLetter>;
  readonly faults: readonly Fault[];
  readonly hit: Set<number>;
  calls: number;
  crashed: () => void;
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** Does the effect of a call under the fault that is meant for it. */
async function underFault<T>(world: World, effect: () => T): Promise<T> {
  const call = world.calls++;
  const fault = world.faults.find((candidate) => candidate.call === call);
  if (fault === undefined) {
    return effect();
  }
  world.hit.add(call);
  switch (fault.mode) {
    case 'failBefore':
      throw new KfError('STORAGE_TRANSIENT', 'before');
    case 'permanentBefore':
      throw new KfError('KUSTO_PERMANENT', 'before');
    case 'failAfter':
      effect();
      throw new KfError('STORAGE_TRANSIENT', 'after');
    case 'twice':
      effect();
      return effect();
    case 'hang':
      return never();
    case 'crash':
      world.crashed();
      return never();
    case 'crashAfter':
      effect();
      world.crashed();
      return never();
  }
}

function build(world: World, gate: Gate): EventIngest {
  const sink: Sink = {
    deliver: (batch) =>
      underFault(world, () => {
        world.rows.push(...batch.records.map(({ bytes }) => Buffer.from(bytes).toString()));
        return { records: batch.records.length, blobs: 1, possibleDuplicates: 0, refused: [] };
      }),
  };
  const deadLetters: DeadLetterStore = {
    write: (letters) =>
      underFault(world, () => {
        for (const letter of letters) {
          world.letters.set(letter.id, letter);
        }
      }),
    list: async () => ({ letters: [] }),
    markReplayed: async () => undefined,
  };
  return createEventIngest({
    clock: world.clock,
    logger: silentLogger,
    metrics: createCountingMetrics(),
    source: source({}, { batch: { maxBytes: 1000, maxRecords: 3, lingerMs: 5, maxAgeMs: 1000 } }),
    sink,
    deadLetters,
    gate,
    handlerDeadlineMs: 400_000,
  });
}

const invocations: readonly (readonly Envelope[])[] = [
  [envelope('{"id":"0"}', 0), envelope('bad 1', 1), envelope('{"id":"2"}', 2)],
  [envelope('[{"id":"3a"},{"id":"3b"},4]', 3), envelope('{"id":"5"}', 5)],
  [envelope('bad 6', 6)],
];
const wanted = [
  '{"id":"0"}',
  'bad 1',
  '{"id":"2"}',
  '{"id":"3a"}',
  '{"id":"3b"}',
  '4',
  '{"id":"5"}',
  'bad 6',
];

/** Gives invocations until they are taken, as a source with an unlimited retry policy does. */
async function drive(world: World): Promise<void> {
  let taken = new Set<number>();
  for (let life = 0; life < 5 && taken.size < invocations.length; life++) {
    let crashed = false;
    const death = new Promise<void>((resolve) => {
      world.crashed = () => {
        crashed = true;
        resolve();
      };
    });
    const gate = createGate(10_000);
    const ingest = build(world, gate);
    const done = new Set(taken);
    const all = invocations.map(async (envelopes, index) => {
      for (let attempt = 0; attempt < 5 && !done.has(index) && !crashed; attempt++) {
        await ingest.handle(envelopes).then(
          () => {
            if (!crashed) {
              done.add(index);
            }
          },
          () => undefined,
        );
      }
    });
    await world.clock.runUntil(Promise.race([Promise.all(all), death]));
    taken = new Set(done);
    if (!crashed) {
      assert.equal(gate.inUse, 0, 'the gate is empty');
    }
  }
  assert.equal(taken.size, invocations.length, 'every invocation is taken in the end');
}

async function run(faults: readonly Fault[]): Promise<World> {
  const world: World = {
    clock: createFakeClock(),
    rows: [],
    letters: new Map(),
    faults,
    hit: new Set(),
    calls: 0,
    crashed: () => undefined,
  };
  await drive(world);
  const stored = new Set(world.rows);
  const dead = new Set([...world.letters.values()].map(({ body }) => Buffer.from(body).toString()));
  for (const record of wanted) {
    const inPiece = [...dead].some((body) => body.includes(record));
    assert.ok(stored.has(record) || inPiece, `${record} is lost under ${JSON.stringify(faults)}`);
  }
  return world;
}

const clean = await run([]);

test('without a fault every record is stored once and every bad one is a dead letter', () => {
  assert.deepEqual([...clean.rows].sort(), wanted.filter((text) => text.startsWith('{')).sort());
  assert.equal(clean.letters.size, 3);
  assert.ok(clean.calls >= 5);
});

for (const mode of modes) {
  test(`no record is lost when any one call meets ${mode}`, async () => {
    for (let call = 0; call < clean.calls; call++) {
      const world = await run([{ call, mode }]);
      assert.equal(world.hit.size, 1, 'the fault fired');
      if (mode === 'failBefore') {
        assert.equal(new Set(world.rows).size, world.rows.length, 'no duplicate');
      }
    }
  });
}

test('no record is lost under pairs of faults', async () => {
  let fired = 0;
  for (const first of modes) {
    for (const second of modes) {
      for (let call = 0; call < clean.calls; call++) {
        const world = await run([
          { call, mode: first },
          { call: call + 1, mode: second },
        ]);
        fired += world.hit.size;
      }
    }
  }
  assert.ok(fired > modes.length * modes.length * clean.calls);
});
