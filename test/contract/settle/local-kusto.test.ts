import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Azurite, startAzurite } from '../../../local/shared/azurite.js';
import { createBlobLetterStore } from '../../../src/deadletter/blob-letter-store.js';
import { createCallSharer } from '../../../src/ingest/sinks/call-sharer.js';
import { createQueuedSink } from '../../../src/ingest/sinks/queued-sink.js';
import { createServiceStaging } from '../../../src/ingest/sinks/service-staging.js';
import { createStreamingSink } from '../../../src/ingest/sinks/streaming-sink.js';
import type { Batch, EncodedRecord, Target } from '../../../src/ingest/types.js';
import { createMessageTransport } from '../../../src/kusto/message-transport.azure.js';
import type { KustoClient, QueuedIngestion } from '../../../src/kusto/ports.js';
import { createMessageIngestion } from '../../../src/kusto/queued-message.js';
import { createRestIngestion } from '../../../src/kusto/queued-rest.js';
import { createMessageResources } from '../../../src/kusto/resources.js';
import { createStreamingIngestion } from '../../../src/kusto/streaming.js';
import { createOperations } from '../../../src/ledger/operations.js';
import { createSettler } from '../../../src/ledger/settle.js';
import { settleLimits } from '../../../src/ledger/settle-types.js';
import { createTableLedger } from '../../../src/ledger/table-ledger.js';
import type { Clock } from '../../../src/runtime/clock.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { createBlobStore } from '../../../src/storage/blob.azure.js';
import { createSasUploader } from '../../../src/storage/sas-upload.azure.js';
import { createTableStore } from '../../../src/storage/table.azure.js';
import { kustoParts } from '../../helpers/kusto-parts.js';
import { type KustoReady, type Part, startPart } from '../../helpers/stack.js';

/** The whole queued and streaming path over the wire: local Kusto, Azurite, the adapters of the app. */
const signal = new AbortController().signal;
const DATABASE = 'Telemetry';
const DEADLINE_MS = 60_000;
const logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const metrics = { add: () => undefined, record: () => undefined };

let kusto: Part<KustoReady>;
let azurite: Azurite;
let client: KustoClient;
let rest: QueuedIngestion;
let message: QueuedIngestion;

before(async () => {
  [kusto, azurite] = await Promise.all([
    startPart<KustoReady>('local/kusto/main.js', ['--port', '0', '--json']),
    startAzurite(),
  ]);
  const parts = kustoParts(kusto.ready.engine);
  client = parts.client;
  const { http, session } = parts;
  rest = createRestIngestion({
    ingestUrl: kusto.ready.dm,
    http,
    authorize: session.authorize,
    clock: systemClock,
    cacheMs: 60_000,
  });
  message = createMessageIngestion({
    resources: createMessageResources({ client, cacheMs: 60_000, clock: systemClock }),
    transport: createMessageTransport(),
    clock: systemClock,
    reporting: 'all',
  });
});
after(() => Promise.all([kusto.child.stop(), azurite.stop()]));

function open(queued: QueuedIngestion, name: string) {
  const storage = {
    connectionString: azurite.connectionString,
    stagingContainer: 'staging',
    ledgerTable: name,
  };
  const blobs = createBlobStore({ storage, clock: systemClock });
  const table = createTableStore({ storage, clock: systemClock, table: name });
  const ledger = createTableLedger({ table, clock: systemClock });
  const letters = createBlobLetterStore({
    blobs,
    table,
    container: `letters-${name}`,
    clock: systemClock,
    logger,
    metrics,
  });
  const sharer = createCallSharer({ queued, clock: systemClock, logger });
  const { http, session } = kustoParts(kusto.ready.engine);
  const queuedSink = createQueuedSink({
    clock: systemClock,
    blobs,
    ledger,
    sharer,
    maxBlobsPerCall: queued.maxBlobsPerCall,
    container: 'staging',
    linkTtlMs: 3_600_000,
    logger,
    service: createServiceStaging({ queued, uploader: createSasUploader() }),
  });
  const streaming = createStreamingIngestion({
    engineUrl: kusto.ready.engine,
    http,
    authorize: session.authorize,
  });
  const settler = createSettler({
    clock: hurriedClock(),
    ledger,
    blobs,
    queued,
    letters,
    deadLetterContainer: `letters-${name}`,
    operations: createOperations({ table, clock: systemClock }),
    metrics,
    logger,
    limits: settleLimits({ everyMs: 30_000, settleTimeoutMs: 86_400_000, graceMs: 600_000, maxDepth: 6 }),
  });
  return {
    queuedSink,
    streamingSink: createStreamingSink({ clock: systemClock, streaming, queued: queuedSink, logger }),
    letters,
    /** Settles until nothing is open. */
    settle: async () => {
      const until = Date.now() + DEADLINE_MS;
      for (;;) {
        await settler.run(signal);
        let isOpen = false;
        for await (const _ of ledger.open({ includeSettled: true })) isOpen = true;
        if (!isOpen) return;
        assert.ok(Date.now() < until, 'not settled in time');
        await systemClock.sleep(200);
      }
    },
  };
}

/** Each look at it is a second later, so that operations are asked again without the usual pause. */
function hurriedClock(): Clock {
  let aheadMs = 0;
  return {
    ...systemClock,
    now: () => {
      aheadMs += 1_000;
      return Date.now() + aheadMs;
    },
  };
}

const csv = (table: string, more: Partial<Target> = {}): Target => ({
  database: DATABASE,
  table,
  format: 'csv',
  tags: [],
  delivery: 'queued',
  staging: 'own',
  flushImmediately: true,
  ...more,
});

function batchOf(target: Target, lines: readonly string[]): Batch {
  const records = lines.map((line, n): EncodedRecord => {
    const body = Buffer.from(line);
    const position = { partition: '0', offset: String(n), sequenceNumber: n };
    return { bytes: body, envelope: { body, properties: {}, source: 'sensors', position } };
  });
  return {
    id: systemClock.newId(),
    target,
    records,
    rawBytes: records.reduce((sum, { bytes }) => sum + bytes.length + 1, 0),
  };
}

async function countOf(table: string): Promise<unknown> {
  return (await client.query(DATABASE, `${table} | summarize rows = count(), ids = dcount(n)`)).rows[0];
}

const create = (table: string) => client.command(DATABASE, `.create table ${table} (n: long, s: string)`);
const good = (count: number): string[] => Array.from({ length: count }, (_, n) => `${n},text ${n}`);

test('a queued batch arrives over the REST API and is settled', async () => {
  await create('Rest');
  const { queuedSink, settle } = open(rest, 'rest');
  await queuedSink.deliver(batchOf(csv('Rest'), good(100)), signal);
  await settle();
  assert.deepEqual(await countOf('Rest'), [100, 100]);
});

test('a row that fails its whole blob is found; the others arrive once', async () => {
  await create('Odd');
  const { queuedSink, settle, letters } = open(rest, 'odd');
  const lines = good(60);
  lines[41] = '41,"never closed';
  await queuedSink.deliver(batchOf(csv('Odd'), lines), signal);
  await settle();
  assert.deepEqual(await countOf('Odd'), [59, 59]);
  const page = await letters.list({});
  assert.deepEqual(
    page.letters.map(({ sequenceNumber, body }) => [sequenceNumber, Buffer.from(body).toString()]),
    [[41, lines[41]]],
  );
});

test('a batch for a table that is not there becomes dead letters', async () => {
  const { queuedSink, settle, letters } = open(rest, 'absent');
  const batch = batchOf(csv('Nowhere'), good(3));
  await queuedSink.deliver(batch, signal).then(settle, (error: unknown) => {
    assert.equal((error as { retryable?: boolean }).retryable, false);
  });
  const { length } = (await letters.list({})).letters;
  assert.ok(length === 3 || length === 0);
});

test('a queued batch arrives by queue message, its status in the table of the service', async () => {
  await create('Message');
  const { queuedSink, settle } = open(message, 'message');
  await queuedSink.deliver(batchOf(csv('Message'), good(50)), signal);
  await settle();
  assert.deepEqual(await countOf('Message'), [50, 50]);
});

test('a batch may be staged in the service’s own container', async () => {
  await create('Service');
  const { queuedSink, settle } = open(rest, 'service');
  await queuedSink.deliver(batchOf(csv('Service', { staging: 'service' }), good(20)), signal);
  await settle();
  assert.deepEqual(await countOf('Service'), [20, 20]);
});

test('a streamed batch is there at once; a table without streaming gets it queued', async () => {
  await create('Streamed');
  await create('NotStreamed');
  await client.command(DATABASE, '.alter table Streamed policy streamingingestion enable');
  const { streamingSink, settle } = open(rest, 'streamed');
  const first = await streamingSink.deliver(
    batchOf(csv('Streamed', { delivery: 'streaming' }), good(30)),
    signal,
  );
  assert.equal(first.blobs, 0);
  assert.deepEqual(await countOf('Streamed'), [30, 30]);
  const second = await streamingSink.deliver(
    batchOf(csv('NotStreamed', { delivery: 'streaming' }), good(30)),
    signal,
  );
  assert.equal(second.blobs, 1);
  await settle();
  assert.deepEqual(await countOf('NotStreamed'), [30, 30]);
});
