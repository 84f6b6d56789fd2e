import { setImmediate as turn } from 'node:timers/promises';
import type { RouteConfig, SourceConfig } from '../../../src/config/types.js';
import type { DeadLetter, DeadLetterStore } from '../../../src/deadletter/ports.js';
import { createEventIngest, type EventIngestDeps } from '../../../src/ingest/ingest-events.js';
import type { Batch, Delivery, Envelope, Sink } from '../../../src/ingest/types.js';
import type { Clock } from '../../../src/runtime/clock.js';
import { createGate } from '../../../src/runtime/gate.js';
import type { Logger, Metrics } from '../../../src/runtime/log.js';

/** Time that moves only when told to. */
export interface FakeClock extends Clock {
  readonly sleeping: number;
  advance(ms: number): Promise<void>;
  /** Moves time to the next sleeper, again and again, until the promise ends. */
  runUntil<T>(promise: Promise<T>): Promise<T>;
}

export function createFakeClock(startMs = 1_700_000_000_000): FakeClock {
  let nowMs = startMs;
  let ids = 0;
  const sleepers = new Set<{ readonly atMs: number; readonly wake: () => void }>();
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 5; round++) {
      await turn();
    }
  };
  const advance = async (ms: number): Promise<void> => {
    const endMs = nowMs + ms;
    await settle();
    for (;;) {
      const next = [...sleepers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) {
        break;
      }
      nowMs = Math.max(nowMs, next.atMs);
      next.wake();
      await settle();
    }
    nowMs = endMs;
  };
  return {
    get sleeping() {
      return sleepers.size;
    },
    now: () => nowMs,
    random: () => 0.5,
    newId: () => `id-${++ids}`,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const sleeper = {
          atMs: nowMs + ms,
          wake: () => {
            sleepers.delete(sleeper);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          reject(signal.reason);
        });
      }),
    advance,
    runUntil: async (promise) => {
      let ended = false;
      const watched = promise.finally(() => {
        ended = true;
      });
      watched.catch(() => undefined);
      for (let step = 0; step < 10_000; step++) {
        await settle();
        if (ended) {
          return watched;
        }
        const next = Math.min(...[...sleepers].map(({ atMs }) => atMs));
        if (Number.isFinite(next)) {
          await advance(Math.max(0, next - nowMs));
        }
      }
      throw new Error('the promise never ended');
    },
  };
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface CountingMetrics extends Metrics {
  total(name: string): number;
}

export function createCountingMetrics(): CountingMetrics {
  const totals = new Map<string, number>();
  return {
    add: (name, value) => totals.set(name, (totals.get(name) ?? 0) + value),
    record: () => undefined,
    total: (name) => totals.get(name) ?? 0,
  };
}

export function route(change: Partial<RouteConfig> = {}): RouteConfig {
  return {
    database: 'Telemetry',
    table: 'Sensors',
    format: 'json',
    delivery: 'queued',
    staging: 'own',
    tableCreateOptions: 'FailIfNotExist',
    dynamicAllow: [],
    columns: {},
    existingColumn: 'deadLetter',
    oversizedValue: 'deadLetter',
    transformTimeoutMs: 1000,
    batch: { maxBytes: 64 * 1024 * 1024, maxRecords: 500_000, lingerMs: 0, maxAgeMs: 30_000 },
    flushImmediately: false,
    ignoreFirstRecord: false,
    tags: { additional: [], dropBy: [] },
    maxRecordBytes: 64 * 1024 * 1024,
    maxInflatedBytes: 256 * 1024 * 1024,
    maxInflateRatio: 1000,
    ...change,
  };
}

export function source(
  change: Partial<SourceConfig> = {},
  routeChange: Partial<RouteConfig> = {},
): SourceConfig {
  return {
    name: 'sensors',
    eventHub: { connection: 'EVENTHUB', name: 'telemetry', consumerGroup: 'kusto', startFrom: 'earliest' },
    route: route(routeChange),
    onError: 'deadLetter',
    retry: { maxAttempts: 5, baseMs: 1000, maxMs: 60_000, maxElapsedMs: 240_000 },
    ...change,
  };
}

export function envelope(
  body: string | Uint8Array,
  sequenceNumber = 0,
  change: Partial<Envelope> = {},
): Envelope {
  return {
    body: typeof body === 'string' ? Buffer.from(body) : body,
    properties: {},
    source: 'sensors',
    position: { partition: '0', offset: String(1000 + sequenceNumber), sequenceNumber },
    enqueuedAt: '2026-11-21T00:00:00.000Z',
    ...change,
  };
}

export interface MemorySink extends Sink {
  readonly batches: Batch[];
  readonly lines: string[];
}

/** Keeps what it is given; `before` may throw or hold a delivery up. */
export function createMemorySink(before?: (batch: Batch) => void | Promise<void>): MemorySink {
  const batches: Batch[] = [];
  return {
    batches,
    get lines() {
      return batches.flatMap(({ records }) => records.map(({ bytes }) => Buffer.from(bytes).toString()));
    },
    deliver: async (batch): Promise<Delivery> => {
      await before?.(batch);
      batches.push(batch);
      return { records: batch.records.length, blobs: 1, possibleDuplicates: 0, refused: [] };
    },
  };
}

export interface MemoryDeadLetters extends DeadLetterStore {
  readonly letters: Map<string, DeadLetter>;
  readonly codes: string[];
}

export function createMemoryDeadLetters(before?: () => void | Promise<void>): MemoryDeadLetters {
  const letters = new Map<string, DeadLetter>();
  return {
    letters,
    get codes() {
      return [...letters.values()].map(({ code }) => code);
    },
    write: async (written) => {
      await before?.();
      for (const letter of written) {
        letters.set(letter.id, letter);
      }
    },
    list: async () => ({ letters: [...letters.values()] }),
    markReplayed: async () => undefined,
  };
}

export function createTestIngest(change: Partial<EventIngestDeps> = {}) {
  const clock = createFakeClock();
  const sink = createMemorySink();
  const deadLetters = createMemoryDeadLetters();
  const metrics = createCountingMetrics();
  const deps: EventIngestDeps = {
    clock,
    logger: silentLogger,
    metrics,
    source: source(),
    sink,
    deadLetters,
    gate: createGate(256 * 1024 * 1024),
    handlerDeadlineMs: 480_000,
    ...change,
  };
  return { clock, sink, deadLetters, metrics, deps, ingest: createEventIngest(deps) };
}
