import { createBlobLetterStore } from '../../src/deadletter/blob-letter-store.js';
import type { DeadLetter } from '../../src/deadletter/ports.js';
import { createBodySink } from '../../src/ingest/sinks/body-sink.js';
import { createCallSharer } from '../../src/ingest/sinks/call-sharer.js';
import { createQueuedSink } from '../../src/ingest/sinks/queued-sink.js';
import { createServiceStaging } from '../../src/ingest/sinks/service-staging.js';
import type { Batch, BodySink, EncodedRecord, Sink, Target } from '../../src/ingest/types.js';
import type { SourceStatus } from '../../src/kusto/ports.js';
import { createOperations, type Operations } from '../../src/ledger/operations.js';
import type { Ledger, Shipment } from '../../src/ledger/ports.js';
import { createSettler, type Settler } from '../../src/ledger/settle.js';
import { type SettleLimits, settleLimits } from '../../src/ledger/settle-types.js';
import { createTableLedger } from '../../src/ledger/table-ledger.js';
import { createFakeService, type FakeService } from './fake-service.js';
import { createFaultPlan, type FaultPlan, withFaults } from './faults.js';
import { createManualClock, type ManualClock } from './manual-clock.js';
import {
  createMemoryBlobStore,
  createMemoryTableStore,
  type MemoryBlobStore,
  type MemoryTableStore,
} from './memory-stores.js';

export const STAGING = 'staging';
const LETTERS = 'dead-letters';

export interface World {
  readonly clock: ManualClock;
  readonly blobs: MemoryBlobStore;
  readonly table: MemoryTableStore;
  readonly service: FakeService;
  readonly counters: Map<string, number>;
  readonly logs: string[];
  /** A process: everything it calls is numbered and under its plan. What is durable is shared. */
  start(plan?: FaultPlan): Instance;
  shipments(): Promise<Shipment[]>;
  letters(): Promise<DeadLetter[]>;
  /** Lets the service work and settles until nothing is open, or `rounds` are over. */
  drain(rounds?: number): Promise<void>;
}

export interface Instance {
  readonly sink: Sink;
  readonly bodies: BodySink;
  readonly settler: Settler;
  readonly ledger: Ledger;
  readonly operations: Operations;
}

export interface WorldOptions {
  readonly judge?: (lines: readonly string[], sourceId: string) => Omit<SourceStatus, 'sourceId'> | undefined;
  readonly limits?: Partial<SettleLimits>;
}

/** Queued ingestion in memory: stores, a service that refuses blobs later, and processes that can die. */
export function createWorld(options: WorldOptions = {}): World {
  const clock = createManualClock();
  const blobs = createMemoryBlobStore(clock);
  const table = createMemoryTableStore();
  const service = createFakeService({
    blobs,
    ...(options.judge === undefined ? {} : { judge: options.judge }),
  });
  const counters = new Map<string, number>();
  const logs: string[] = [];
  const metrics = {
    add: (name: string, value: number) => counters.set(name, (counters.get(name) ?? 0) + value),
    record: () => undefined,
  };
  const log = (event: string, fields?: unknown) => logs.push(`${event} ${JSON.stringify(fields ?? {})}`);
  const logger = { debug: log, info: log, warn: log, error: log };

  const start = (plan: FaultPlan = createFaultPlan()): Instance => {
    const ports = {
      blobs: withFaults(blobs, plan, 'blob'),
      table: withFaults(table, plan, 'table'),
      queued: withFaults(service, plan, 'queued'),
    };
    const ledger = createTableLedger({ table: ports.table, clock });
    const operations = createOperations({ table: ports.table, clock });
    const sharer = createCallSharer({ queued: ports.queued, clock, logger });
    const letters = createBlobLetterStore({ ...ports, clock, logger, metrics, container: LETTERS });
    const common = {
      clock,
      blobs: ports.blobs,
      ledger,
      sharer,
      maxBlobsPerCall: 20,
      container: STAGING,
      linkTtlMs: 3_600_000,
      logger,
    };
    const uploader = { upload: async () => Promise.reject(new Error('not used')) };
    return {
      sink: createQueuedSink({
        ...common,
        service: createServiceStaging({ queued: ports.queued, uploader }),
      }),
      bodies: createBodySink({ ...common, operations }),
      ledger,
      operations,
      settler: createSettler({
        clock,
        ledger,
        blobs: ports.blobs,
        queued: ports.queued,
        letters,
        deadLetterContainer: LETTERS,
        operations,
        metrics,
        logger,
        limits: {
          ...settleLimits({ everyMs: 30_000, settleTimeoutMs: 86_400_000, graceMs: 600_000, maxDepth: 6 }),
          ...options.limits,
        },
      }),
    };
  };
  const shipments = async (): Promise<Shipment[]> => {
    const all: Shipment[] = [];
    for await (const shipment of createTableLedger({ table, clock }).open({ includeSettled: true }))
      all.push(shipment);
    return all;
  };
  return {
    clock,
    blobs,
    table,
    service,
    counters,
    logs,
    start,
    shipments,
    letters: async () => {
      const store = createBlobLetterStore({ blobs, table, clock, logger, metrics, container: LETTERS });
      return [...(await store.list({ limit: 1_000 })).letters];
    },
    drain: async (rounds = 40) => {
      const { settler } = start();
      for (let round = 0; round < rounds; round++) {
        service.work();
        await settler.run(new AbortController().signal);
        // Quick at first, so that pieces may settle while a lease of the whole still holds; then past every lease.
        clock.advance(round < 6 ? 90_000 : 700_000);
        if ((await shipments()).length === 0) return;
      }
    },
  };
}

export const jsonTarget: Target = {
  database: 'Db',
  table: 'T',
  format: 'json',
  tags: [],
  delivery: 'queued',
  staging: 'own',
  flushImmediately: false,
};

/** Records `{"n":0}`, `{"n":1}`, …; those in `changed` differ from their original body. */
export function jsonBatch(
  id: string,
  count: number,
  more: { changed?: readonly number[]; target?: Target } = {},
): Batch {
  const records = Array.from({ length: count }, (_, n): EncodedRecord => {
    const body = Buffer.from(JSON.stringify({ n }));
    return {
      bytes: more.changed?.includes(n) ? Buffer.from(JSON.stringify({ n, extra: 1 })) : body,
      envelope: {
        body,
        key: `key-${n}`,
        properties: { number: n },
        source: 'sensors',
        position: { partition: '0', offset: String(n), sequenceNumber: n },
        enqueuedAt: '2026-01-01T00:00:00.000Z',
      },
    };
  });
  return {
    id,
    target: more.target ?? jsonTarget,
    records,
    rawBytes: records.reduce((sum, { bytes }) => sum + bytes.length + 1, 0),
  };
}

/** The record numbers in lines or bodies, in order. */
export function numbersOf(texts: readonly (string | Uint8Array)[]): number[] {
  return texts
    .map((text) => (JSON.parse(Buffer.from(text as string).toString()) as { n: number }).n)
    .sort((a, b) => a - b);
}
