import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBlobLetterStore } from '../../../src/deadletter/blob-letter-store.js';
import { letterId } from '../../../src/deadletter/letter-id.js';
import type { DeadLetter, DeadLetterFilter } from '../../../src/deadletter/ports.js';
import { replayDeadLetters } from '../../../src/deadletter/replay.js';
import { createManualClock } from '../../helpers/manual-clock.js';
import { createMemoryBlobStore, createMemoryTableStore } from '../../helpers/memory-stores.js';

const HOUR = 3_600_000;
const logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

function setUp(forwardFails = false) {
  const clock = createManualClock();
  const blobs = createMemoryBlobStore(clock);
  const forwarded: DeadLetter[] = [];
  const counters = new Map<string, number>();
  const store = createBlobLetterStore({
    blobs,
    table: createMemoryTableStore(),
    container: 'letters',
    clock,
    logger,
    metrics: {
      add: (name, value) => counters.set(name, (counters.get(name) ?? 0) + value),
      record: () => undefined,
    },
    forward: {
      delivery: {
        forward: async (letters) => {
          if (forwardFails) throw new Error('hub is away');
          forwarded.push(...letters);
        },
      },
    },
  });
  return { clock, blobs, store, forwarded, counters };
}

function letter(n: number, more: Partial<DeadLetter> = {}): DeadLetter {
  const place = { source: 'sensors', partition: '0', offset: String(n), sequenceNumber: n };
  return {
    ...place,
    id: letterId({ ...place, ...(more.source === undefined ? {} : { source: more.source }) }),
    kind: 'decode',
    body: new Uint8Array([0, 255, n % 256]),
    bodyForm: 'original',
    properties: { big: 2n ** 60n, bytes: new Uint8Array([1]), n },
    database: 'D',
    table: 'T',
    format: 'json',
    code: 'RECORD_NOT_JSON',
    message: 'no',
    attempts: 1,
    timeMs: Date.UTC(2026, 0, 31, 23, 59),
    ...more,
  };
}

async function all(store: ReturnType<typeof setUp>['store'], filter: DeadLetterFilter) {
  const letters: Awaited<ReturnType<typeof store.list>>['letters'][number][] = [];
  let continuation: string | undefined;
  let pages = 0;
  do {
    const page = await store.list({ ...filter, ...(continuation === undefined ? {} : { continuation }) });
    letters.push(...page.letters);
    continuation = page.continuation;
    pages++;
  } while (continuation !== undefined && pages < 100);
  return { letters, pages };
}

test('a letter is read as it was written, under its source and UTC hour', async () => {
  const { store, blobs } = setUp();
  await store.write([letter(1)]);
  assert.match(
    [...blobs.blobs.keys()][0] ?? '',
    /^letters\/letters\/sensors\/2026\/01\/31\/23\/decode-[0-9a-f]{32}\.jsonl\.gz$/,
  );
  const [read] = (await store.list({})).letters;
  assert.deepEqual(Buffer.from(read?.body ?? ''), Buffer.from([0, 255, 1]));
  assert.deepEqual(read?.properties, { big: '1152921504606846976', bytes: 'AQ==', n: 1 });
});

test('the same letters written again are one, together or with others', async () => {
  const { store, blobs } = setUp();
  await store.write([letter(1), letter(2)]);
  await store.write([letter(2), letter(1)]);
  assert.equal(blobs.blobs.size, 1);
  await store.write([letter(2), letter(3)]);
  assert.deepEqual(
    (await store.list({})).letters.map(({ sequenceNumber }) => sequenceNumber).sort(),
    [1, 2, 3],
  );
});

test('letters are found by source, kind, code and time', async () => {
  const { store } = setUp();
  const base = letter(0).timeMs;
  await store.write([
    letter(1),
    letter(2, { kind: 'delivery', code: 'INGESTION_REFUSED', serviceCode: 'Stream_X' }),
    letter(3, { timeMs: base + 2 * HOUR }),
    letter(4, { source: 'a/b c' }),
  ]);
  const found = async (filter: DeadLetterFilter) =>
    (await store.list(filter)).letters.map(({ sequenceNumber }) => sequenceNumber).sort();
  assert.deepEqual(await found({}), [1, 2, 3, 4]);
  assert.deepEqual(await found({ source: 'a/b c' }), [4]);
  assert.deepEqual(await found({ kind: 'delivery' }), [2]);
  assert.deepEqual(await found({ code: 'Stream_X' }), [2]);
  assert.deepEqual(await found({ fromMs: base + HOUR }), [3]);
  assert.deepEqual(await found({ toMs: base + 1, source: 'sensors' }), [1, 2]);
});

test('pages are bounded and continue where they ended', async () => {
  const { store } = setUp();
  await store.write(Array.from({ length: 2_500 }, (_, n) => letter(n)));
  const { letters, pages } = await all(store, { limit: 300 });
  assert.equal(new Set(letters.map(({ id }) => id)).size, 2_500);
  assert.equal(letters.length, 2_500);
  assert.equal(pages, 9);
  assert.equal((await store.list({ limit: 5_000 })).letters.length, 1_000);
  await assert.rejects(store.list({ continuation: 'bm9uc2Vuc2U' }), { code: 'REQUEST_INVALID' });
});

test('a second home gets letters of its kind; when it fails the letters are stored all the same', async () => {
  const good = setUp();
  await good.store.write([letter(1), letter(2, { kind: 'delivery' })]);
  assert.deepEqual(
    good.forwarded.map(({ sequenceNumber }) => sequenceNumber),
    [2],
  );
  const bad = setUp(true);
  await bad.store.write([letter(2, { kind: 'delivery' })]);
  assert.equal((await bad.store.list({})).letters.length, 1);
  assert.equal(bad.counters.get('kusto_functions.dead_letters.forward_failed'), 1);
});

test('a replay marks what went through, deletes nothing, and does not repeat it', async () => {
  const { store, blobs } = setUp();
  await store.write(Array.from({ length: 1_200 }, (_, n) => letter(n)));
  await store.write([
    letter(5_000, { body: new Uint8Array(0), properties: { bodyBlob: 'letters/blobs/x' } }),
  ]);
  const before = blobs.blobs.size;
  const ingested: number[] = [];
  const ingest = async (letters: readonly DeadLetter[]) => {
    ingested.push(...letters.map(({ sequenceNumber }) => sequenceNumber));
    return new Set(letters.filter(({ sequenceNumber }) => sequenceNumber % 2 === 0).map(({ id }) => id));
  };
  assert.deepEqual(await replayDeadLetters({ store, ingest, logger }, {}), {
    replayed: 600,
    failed: 600,
    skipped: 1,
  });
  assert.equal(blobs.blobs.size, before);
  ingested.length = 0;
  assert.deepEqual(await replayDeadLetters({ store, ingest, logger }, {}), {
    replayed: 0,
    failed: 600,
    skipped: 601,
  });
  assert.ok(ingested.every((n) => n % 2 === 1));
  const failing = async () => Promise.reject(new Error('down'));
  assert.equal((await replayDeadLetters({ store, ingest: failing, logger }, { limit: 10 })).replayed, 0);
});
