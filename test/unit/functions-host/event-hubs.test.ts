import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ReceivedEventData } from '@azure/event-hubs';
import fc from 'fast-check';
import { systemClock } from '../../../local/functions-host/clock.js';
import { createBatcher } from '../../../local/functions-host/triggers/event-hubs/batcher.js';
import { type Ownership, planBalance } from '../../../local/functions-host/triggers/event-hubs/ownership.js';
import { createPartitionPump } from '../../../local/functions-host/triggers/event-hubs/partition-pump.js';
import {
  createPartitionReader,
  HOLD_MS,
} from '../../../local/functions-host/triggers/event-hubs/partition-reader.js';
import { manyInvocation, oneInvocation } from '../../../local/functions-host/triggers/event-hubs/payload.js';

const EXPIRATION_MS = 1000;

/** Lets hosts take turns on shared ownership until nobody wants to change anything. */
function settle(
  hosts: number,
  partitionIds: string[],
  turns: { host: number; random: number }[],
): Map<string, string> {
  const owners = new Map<string, string>();
  const quiet = new Set<string>();
  const endless = Array.from({ length: 20 * partitionIds.length * hosts + 20 }, (_value, index) => ({
    host: index % hosts,
    random: 0.37,
  }));
  for (const { host, random } of [...turns, ...endless]) {
    const me = `host-${host % hosts}`;
    const ownerships: Ownership[] = [...owners].map(([partitionId, ownerId]) => ({
      partitionId,
      ownerId,
      lastModifiedMs: 0,
      etag: '',
    }));
    const plan = planBalance({ me, partitionIds, ownerships, nowMs: 1, expirationMs: EXPIRATION_MS, random });
    for (const partitionId of plan.claim) owners.set(partitionId, me);
    if (plan.claim.length > 0) quiet.clear();
    else quiet.add(me);
  }
  assert.equal(quiet.size, hosts, 'balancing comes to rest');
  return owners;
}

describe('planBalance', () => {
  test('any order of turns ends with every partition owned and shares that differ by at most one', () => {
    const turn = fc.record({ host: fc.nat(5), random: fc.double({ min: 0, max: 0.999, noNaN: true }) });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 17 }),
        fc.array(turn, { maxLength: 40 }),
        (hosts, partitions, turns) => {
          const ids = Array.from({ length: partitions }, (_value, index) => `${index}`);
          const owners = settle(hosts, ids, turns);
          assert.equal(owners.size, partitions);
          const counts = Array.from(
            { length: hosts },
            (_value, host) => [...owners.values()].filter((one) => one === `host-${host}`).length,
          );
          assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
        },
      ),
      { numRuns: 200 },
    );
  });

  test('expired and given-up ownership is free', () => {
    const owned = (partitionId: string, ownerId: string, lastModifiedMs: number) => ({
      partitionId,
      ownerId,
      lastModifiedMs,
      etag: '',
    });
    const plan = planBalance({
      me: 'me',
      partitionIds: ['0', '1', '2'],
      ownerships: [owned('0', 'dead', 0), owned('1', '', 1500), owned('2', 'me', 1500)],
      nowMs: 1600,
      expirationMs: EXPIRATION_MS,
      random: 0,
    });
    assert.deepEqual(plan, { renew: ['2'], claim: ['0', '1'] });
  });
});

describe('createBatcher', () => {
  test('no event is lost, repeated or reordered, and sizes keep the limits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 0, max: 10 }),
        fc.array(fc.nat(25)),
        (minSize, extra, arrivals) => {
          const limits = { minSize, maxSize: minSize + extra };
          const batcher = createBatcher<number>(limits);
          let next = 0;
          const out: number[] = [];
          for (const count of arrivals) {
            const batches = batcher.add(Array.from({ length: count }, () => next++));
            for (const batch of batches) {
              assert.ok(batch.length >= minSize && batch.length <= limits.maxSize);
              out.push(...batch);
            }
            assert.ok(batcher.size < minSize);
          }
          out.push(...batcher.flush().flat());
          assert.deepEqual(
            out,
            Array.from({ length: next }, (_value, index) => index),
          );
        },
      ),
    );
  });
});

describe('createPartitionPump', () => {
  function pump(overrides: {
    checkpointEvery?: number;
    run?: (batch: number[], closing: AbortSignal) => Promise<boolean>;
  }) {
    const checkpoints: number[] = [];
    const made = createPartitionPump<number>({
      limits: { minSize: 1, maxSize: 2 },
      maxWaitMs: 1000,
      checkpointEvery: overrides.checkpointEvery ?? 1,
      clock: systemClock,
      onError: (error) => assert.fail(String(error)),
      run: async (batch, _will, closing) => {
        const cancelled = (await overrides.run?.(batch, closing)) ?? false;
        return { cancelled, last: cancelled ? undefined : batch.at(-1) };
      },
      checkpoint: async (last) => void checkpoints.push(last),
    });
    return { made, checkpoints };
  }

  test('a lost partition records nothing, even for the batch that then ends well', async () => {
    let finish: (() => void) | undefined;
    const { made, checkpoints } = pump({
      run: () =>
        new Promise((done) => {
          finish = () => done(false);
        }),
    });
    const work = made.process([1, 2, 3]);
    await new Promise(setImmediate);
    const closed = made.close('lost');
    finish?.();
    await Promise.all([work, closed]);
    assert.deepEqual(checkpoints, []);
  });

  test('a stop records the batch that was running and drops the rest', async () => {
    const ran: number[][] = [];
    let finish: (() => void) | undefined;
    const { made, checkpoints } = pump({
      run: (batch) => {
        ran.push(batch);
        return new Promise((done) => {
          finish = () => done(false);
        });
      },
    });
    const work = made.process([1, 2, 3, 4]);
    await new Promise(setImmediate);
    const closed = made.close('stopping', new AbortController().signal);
    finish?.();
    await Promise.all([work, closed]);
    assert.deepEqual([ran, checkpoints], [[[1, 2]], [2]]);
  });

  test('a cancelled batch and everything after the cut are not recorded', async () => {
    const cancelled = pump({ run: async () => true });
    await cancelled.made.process([1, 2]);
    await cancelled.made.close('stopping', new AbortController().signal);
    assert.deepEqual(cancelled.checkpoints, []);
    const cut = pump({ checkpointEvery: 5 });
    await cut.made.process([1, 2]);
    await cut.made.close('stopping', AbortSignal.abort());
    assert.deepEqual(cut.checkpoints, []);
  });
});

test('a reader gives up the link of a slow batch and goes on behind it', async () => {
  let wake: (() => void) | undefined;
  const clock = {
    ...systemClock,
    sleep: (ms: number) => {
      assert.equal(ms, HOLD_MS);
      return new Promise<void>((done) => {
        wake = done;
      });
    },
  };
  const from: number[] = [];
  let handlers: { onEvents(events: readonly number[]): Promise<void> } | undefined;
  let closes = 0;
  let finish: (() => void) | undefined;
  let held = 0;
  const reader = createPartitionReader<number, number>({
    from: 0,
    clock,
    subscribe(position, given) {
      from.push(position);
      handlers = given;
      return {
        close: async () => {
          closes += 1;
        },
      };
    },
    after: (event) => event + 1,
    process: () =>
      new Promise((done) => {
        finish = done;
      }),
    onLost: () => assert.fail('not lost'),
    onError: (error) => assert.fail(String(error)),
    onHeld: () => {
      held += 1;
    },
  });
  const first = handlers;
  const work = first?.onEvents([7, 8]);
  wake?.();
  await work;
  await first?.onEvents([9]);
  assert.deepEqual([from, closes, held], [[0], 1, 1]);
  finish?.();
  await new Promise(setImmediate);
  assert.deepEqual(from, [0, 9]);
  await reader.close();
  assert.equal(closes, 2);
});

describe('payload', () => {
  const event = (body: unknown, more: Record<string, unknown> = {}): ReceivedEventData =>
    ({
      body,
      offset: '10',
      sequenceNumber: 3,
      enqueuedTimeUtc: new Date('2026-01-02T03:04:05.120Z'),
      partitionKey: null,
      getRawAmqpMessage: () => ({ applicationProperties: more['applicationProperties'] }),
      ...more,
    }) as unknown as ReceivedEventData;
  const origin = {
    fullyQualifiedNamespace: 'ns',
    eventHubName: 'h',
    consumerGroup: 'g',
    partitionId: '0',
    isCheckpointingAfterInvocation: true,
  };

  test('times have no Z, offsets that are no numbers become -1, bytes in properties base64', () => {
    const { triggerMetadata } = manyInvocation(
      [
        event(Buffer.from('a'), {
          offset: 'geo:1',
          partitionKey: 'k',
          applicationProperties: { at: new Date(0), raw: Buffer.from('x'), n: 1 },
        }),
        event(Buffer.from('b')),
      ],
      { cardinality: 'many', dataType: 'string', keepEmpty: false },
      origin,
    );
    assert.deepEqual(triggerMetadata['OffsetArray'], { collectionString: { string: ['-1', '10'] } });
    assert.deepEqual(triggerMetadata['OffsetStringArray'], { collectionString: { string: ['geo:1', '10'] } });
    assert.deepEqual(triggerMetadata['PartitionKeyArray'], { collectionString: { string: ['k'] } });
    assert.equal(
      triggerMetadata['EnqueuedTimeUtcArray']?.json,
      '["2026-01-02T03:04:05.12","2026-01-02T03:04:05.12"]',
    );
    assert.deepEqual(JSON.parse(triggerMetadata['PropertiesArray']?.json ?? ''), [
      { at: '1970-01-01T00:00:00Z', raw: 'eA==', n: 1 },
      {},
    ]);
  });

  test('a single JSON body overwrites metadata of the same name in any case', () => {
    const { triggerMetadata, input } = oneInvocation(
      event(Buffer.from('{"OFFSET":"mine","list":[1],"o":{"a":1},"n":null}')),
      { cardinality: 'one', dataType: 'string', keepEmpty: false },
      origin,
    );
    assert.equal(input.string?.startsWith('{"OFFSET"'), true);
    assert.equal(triggerMetadata['Offset'], undefined);
    assert.deepEqual(triggerMetadata['OFFSET'], { string: 'mine' });
    assert.deepEqual(triggerMetadata['o'], { json: '{"a":1}' });
    assert.equal('list' in triggerMetadata || 'n' in triggerMetadata, false);
  });
});
