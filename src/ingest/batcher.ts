import type { BatchConfig } from '../config/types.js';
import { isTextFormat } from '../formats/kinds.js';
import type { Clock } from '../runtime/clock.js';
import type { Gate } from '../runtime/gate.js';
import { planCuts } from './batch-plan.js';
import type { BlobShape } from './encode-types.js';
import type { BatchFate, BatchTimes, Fate, Ladder } from './ladder.js';
import type { RoutedTarget } from './route.js';
import type { IngestTelemetry } from './telemetry.js';
import type { Batch, EncodedRecord } from './types.js';

/** Flushes at once for one target; more than one only when batches are full or over age. */
const MAX_FLUSHES_PER_TARGET = 4;

export interface BatcherDeps {
  readonly clock: Clock;
  readonly config: BatchConfig;
  readonly deliver: Ladder;
  /** Flushes at once, all targets together. */
  readonly flushGate: Gate;
  readonly telemetry: IngestTelemetry;
}

export interface TicketTotals extends Record<Fate, number> {
  possibleDuplicates: number;
}

/** The records that one invocation gave for one target. */
export interface Ticket {
  /** Resolves when every record has its fate; rejects, then too, with the first failure. */
  readonly done: Promise<TicketTotals>;
  /** Takes back the records that no flush holds yet; how many are still on their way. */
  withdraw(): number;
}

export interface AddRequest {
  readonly target: RoutedTarget;
  readonly records: readonly EncodedRecord[];
  readonly shape: BlobShape;
  readonly times: BatchTimes;
}

/**
 * Group commit: what invocations add for the same target shares an open batch. A flush starts at once when none is
 * in flight for that target, and what arrives meanwhile forms the next.
 */
export interface Batcher {
  add(request: AddRequest): Ticket;
}

interface OpenTicket {
  waiting: number;
  inFlight: number;
  readonly totals: TicketTotals;
  error: unknown;
  finish(): void;
}

interface Segment {
  readonly ticket: OpenTicket;
  readonly records: readonly EncodedRecord[];
  readonly times: BatchTimes;
}

interface OpenBatch {
  readonly openedMs: number;
  segments: Segment[];
  records: number;
  bytes: number;
}

interface Lane {
  readonly request: AddRequest;
  readonly lineEndBytes: number;
  open: OpenBatch | undefined;
  full: OpenBatch[];
  inFlight: number;
  timer: { readonly atMs: number; readonly controller: AbortController } | undefined;
}

function createTicket(records: number): OpenTicket & { readonly done: Promise<TicketTotals> } {
  const totals: TicketTotals = { shipped: 0, deadLettered: 0, dropped: 0, possibleDuplicates: 0 };
  let settle: { resolve: (totals: TicketTotals) => void; reject: (error: unknown) => void } | undefined;
  const done = new Promise<TicketTotals>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // Whoever gave the records may have left at its deadline.
  done.catch(() => undefined);
  const ticket = {
    done,
    waiting: records,
    inFlight: 0,
    totals,
    error: undefined as unknown,
    finish: () => {
      if (ticket.waiting === 0 && ticket.inFlight === 0) {
        ticket.error === undefined ? settle?.resolve(totals) : settle?.reject(ticket.error);
      }
    },
  };
  return ticket;
}

function creditTicket({ ticket, records }: Segment, fate: BatchFate): void {
  ticket.totals[fate.fate] += records.length;
  if (fate.exceptions.size > 0) {
    for (const record of records) {
      const other = fate.exceptions.get(record);
      if (other !== undefined) {
        ticket.totals[fate.fate]--;
        ticket.totals[other]++;
      }
    }
  }
}

function toBatch(lane: Lane, batch: OpenBatch, id: string): Batch {
  const { target, shape } = lane.request;
  const [only] = batch.segments;
  return {
    id,
    target: target.target,
    records:
      batch.segments.length === 1 && only !== undefined
        ? only.records
        : batch.segments.flatMap(({ records }) => records),
    rawBytes: batch.bytes,
    ...shape,
  };
}

function earliest(segments: readonly Segment[]): BatchTimes {
  return {
    deliverByMs: Math.min(...segments.map(({ times }) => times.deliverByMs)),
    endByMs: Math.min(...segments.map(({ times }) => times.endByMs)),
  };
}

function append(lane: Lane, config: BatchConfig, segment: Segment, nowMs: number): void {
  const { records } = segment;
  const sizes = new Float64Array(records.length);
  for (let at = 0; at < records.length; at++) {
    sizes[at] = (records[at] as EncodedRecord).bytes.length + lane.lineEndBytes;
  }
  const fill = { records: lane.open?.records ?? 0, bytes: lane.open?.bytes ?? 0 };
  for (const cut of planCuts(sizes, config, fill)) {
    lane.open ??= { openedMs: nowMs, segments: [], records: 0, bytes: 0 };
    lane.open.records = cut.records;
    lane.open.bytes = cut.bytes;
    if (cut.to > cut.from) {
      const whole = cut.from === 0 && cut.to === records.length;
      lane.open.segments.push(whole ? segment : { ...segment, records: records.slice(cut.from, cut.to) });
    }
    if (cut.full) {
      lane.full.push(lane.open);
      lane.open = undefined;
    }
  }
}

/** Removes the ticket's records from a batch that has not been flushed. */
function removeTicket(batch: OpenBatch, ticket: OpenTicket, lineEndBytes: number): void {
  for (const segment of batch.segments) {
    if (segment.ticket === ticket) {
      ticket.waiting -= segment.records.length;
      batch.records -= segment.records.length;
      for (const record of segment.records) {
        batch.bytes -= record.bytes.byteLength + lineEndBytes;
      }
    }
  }
  batch.segments = batch.segments.filter((segment) => segment.ticket !== ticket);
}

interface BatcherState {
  readonly deps: BatcherDeps;
  readonly lanes: Map<string, Lane>;
}

async function flush(state: BatcherState, lane: Lane, batch: OpenBatch): Promise<void> {
  const { clock, deliver, flushGate, telemetry } = state.deps;
  lane.inFlight++;
  for (const { ticket, records } of batch.segments) {
    ticket.waiting -= records.length;
    ticket.inFlight += records.length;
  }
  const leave = await flushGate.enter(1);
  try {
    telemetry.record('batchAgeMs', clock.now() - batch.openedMs);
    const fate = await deliver(toBatch(lane, batch, clock.newId()), earliest(batch.segments));
    for (const segment of batch.segments) {
      creditTicket(segment, fate);
    }
    (batch.segments[0] as Segment).ticket.totals.possibleDuplicates += fate.possibleDuplicates;
  } catch (error) {
    for (const { ticket } of batch.segments) {
      ticket.error ??= error;
    }
  } finally {
    leave();
    lane.inFlight--;
    for (const { ticket, records } of batch.segments) {
      ticket.inFlight -= records.length;
      ticket.finish();
    }
    pump(state, lane);
  }
}

function setTimer(state: BatcherState, lane: Lane, atMs: number): void {
  if (lane.timer?.atMs === atMs) {
    return;
  }
  lane.timer?.controller.abort();
  const controller = new AbortController();
  lane.timer = { atMs, controller };
  const { clock } = state.deps;
  clock.sleep(Math.max(0, atMs - clock.now()), controller.signal).then(
    () => {
      lane.timer = undefined;
      pump(state, lane);
    },
    () => undefined,
  );
}

function clearTimer(lane: Lane): void {
  lane.timer?.controller.abort();
  lane.timer = undefined;
}

/** When the open batch may go: after the linger when nothing is in flight, else when it is over age. */
function dueMs(config: BatchConfig, lane: Lane, open: OpenBatch): number {
  const lingerMs = Math.min(config.lingerMs, config.maxAgeMs);
  return open.openedMs + (lane.inFlight === 0 ? lingerMs : config.maxAgeMs);
}

function pumpOpen(state: BatcherState, lane: Lane): void {
  const { open } = lane;
  if (open === undefined || lane.inFlight >= MAX_FLUSHES_PER_TARGET) {
    return;
  }
  const due = dueMs(state.deps.config, lane, open);
  if (due > state.deps.clock.now()) {
    setTimer(state, lane, due);
    return;
  }
  lane.open = undefined;
  void flush(state, lane, open);
}

function pump(state: BatcherState, lane: Lane): void {
  lane.full = lane.full.filter((batch) => batch.records > 0);
  while (lane.full.length > 0 && lane.inFlight < MAX_FLUSHES_PER_TARGET) {
    void flush(state, lane, lane.full.shift() as OpenBatch);
  }
  if (lane.open?.records === 0) {
    lane.open = undefined;
  }
  pumpOpen(state, lane);
  if (lane.open === undefined) {
    clearTimer(lane);
  }
  const idle = lane.inFlight === 0 && lane.full.length === 0 && lane.open === undefined;
  if (idle && state.lanes.get(lane.request.target.key) === lane) {
    state.lanes.delete(lane.request.target.key);
  }
}

function laneOf(state: BatcherState, request: AddRequest): Lane {
  const { key, target } = request.target;
  const existing = state.lanes.get(key);
  if (existing !== undefined) {
    return existing;
  }
  const lineEndBytes = isTextFormat(target.format) ? 1 : 0;
  const lane: Lane = { request, lineEndBytes, open: undefined, full: [], inFlight: 0, timer: undefined };
  state.lanes.set(key, lane);
  return lane;
}

export function createBatcher(deps: BatcherDeps): Batcher {
  const state: BatcherState = { deps, lanes: new Map() };
  return {
    add: (request) => {
      const { records, times } = request;
      const ticket = createTicket(records.length);
      const lane = laneOf(state, request);
      if (records.length > 0) {
        append(lane, deps.config, { ticket, records, times }, deps.clock.now());
      }
      pump(state, lane);
      ticket.finish();
      return {
        done: ticket.done,
        withdraw: () => {
          for (const batch of lane.open === undefined ? lane.full : [...lane.full, lane.open]) {
            removeTicket(batch, ticket, lane.lineEndBytes);
          }
          pump(state, lane);
          ticket.finish();
          return ticket.inFlight;
        },
      };
    },
  };
}
