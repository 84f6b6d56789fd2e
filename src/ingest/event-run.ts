import type { DataFormat } from '../config/types.js';
import { rangesText } from '../ledger/possible-duplicate.js';
import { rangesOfPlaces } from '../ledger/ranges.js';
import { asKfError } from '../runtime/errors.js';
import type { Batcher, Ticket } from './batcher.js';
import { toDeadLetter } from './dead-letters.js';
import { orAbort } from './deadline.js';
import {
  createGroups,
  type EncodeSliceOptions,
  encodePlain,
  encodeTransformed,
  type Groups,
} from './encode-slice.js';
import type { BadRecord, Encoder } from './encode-types.js';
import type { EventIngestDeps, IngestSummary } from './ingest-events.js';
import type { BatchTimes } from './ladder.js';
import type { LetterBox } from './letter-box.js';
import { type Prepared, prepare } from './prepare.js';
import type { Router } from './route.js';
import type { IngestTelemetry } from './telemetry.js';
import type { Envelope } from './types.js';

/** Bodies taken into work at once by one invocation; a single larger one goes alone. */
const SLICE_BYTES = 8 * 1024 * 1024;

export interface EventRunDeps extends EventIngestDeps {
  readonly telemetry: IngestTelemetry;
  readonly letterBox: LetterBox;
  readonly batcher: Batcher;
  readonly router: Router;
  readonly encoders: (format: DataFormat) => Encoder;
}

export interface EventRunOptions {
  readonly times: BatchTimes;
  /** Ends every wait; its reason is what is thrown then. */
  readonly signal: AbortSignal;
}

type Totals = { -readonly [K in keyof IngestSummary]: IngestSummary[K] };

interface Run extends EventRunOptions {
  readonly deps: EventRunDeps;
  readonly totals: Totals;
  readonly tickets: Ticket[];
}

function* slices(
  envelopes: readonly Envelope[],
): Generator<{ envelopes: readonly Envelope[]; bytes: number }> {
  let from = 0;
  let bytes = 0;
  for (let at = 0; at < envelopes.length; at++) {
    const size = (envelopes[at] as Envelope).body.byteLength;
    if (bytes + size > SLICE_BYTES && at > from) {
      yield { envelopes: envelopes.slice(from, at), bytes };
      from = at;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < envelopes.length) {
    yield { envelopes: from === 0 ? envelopes : envelopes.slice(from), bytes };
  }
}

async function settleBad(run: Run, bad: readonly BadRecord[]): Promise<void> {
  const { clock, source, letterBox, telemetry } = run.deps;
  if (source.onError === 'drop') {
    run.totals.dropped += bad.length;
    for (const { error } of bad) {
      telemetry.add('dropped', 1, { reason: error.code });
    }
    return;
  }
  const timeMs = clock.now();
  const letters = bad.map(({ envelope, target, error, index, body }) =>
    toDeadLetter({
      kind: 'decode',
      envelope,
      target: target.target,
      error,
      attempts: 1,
      timeMs,
      ...(index === undefined ? {} : { index }),
      ...(body === undefined ? {} : { piece: { bytes: body, form: 'original' as const } }),
    }),
  );
  await letterBox.write(letters, run.times.endByMs);
  run.totals.deadLettered += letters.length;
}

/** Transforms and encodes; only the module itself can fail here, records fail into `bad`. */
async function encodeSlice(run: Run, prepared: readonly Prepared[], bad: BadRecord[]): Promise<Groups> {
  const { transformer, router, encoders, source, telemetry } = run.deps;
  const options: EncodeSliceOptions = {
    router,
    encoders,
    maxStreamingBytes: source.route.batch.maxBytes,
    bad: (record) => bad.push(record),
  };
  const groups = createGroups(options);
  if (transformer === undefined) {
    await encodePlain(prepared, options, groups.output);
    return groups;
  }
  const outcomes = await orAbort(transformer.run(prepared, run.times.deliverByMs), run.signal);
  const dropped = await encodeTransformed(prepared, outcomes, options, groups.output);
  run.totals.dropped += dropped;
  telemetry.add('dropped', dropped, { reason: 'transform' });
  return groups;
}

async function settleTicket(run: Run, ticket: Ticket): Promise<void> {
  const fate = await ticket.done;
  run.totals.shipped += fate.shipped;
  run.totals.deadLettered += fate.deadLettered;
  run.totals.dropped += fate.dropped;
  run.totals.possibleDuplicates += fate.possibleDuplicates;
}

function startDelivery(run: Run, groups: Groups): Promise<void>[] {
  const settling: Promise<void>[] = [];
  for (const { target, records, shape } of groups.all.values()) {
    const ticket = run.deps.batcher.add({ target, records, shape, times: run.times });
    run.tickets.push(ticket);
    settling.push(settleTicket(run, ticket));
  }
  return settling;
}

const inflatedBytes = (prepared: readonly Prepared[]): number =>
  prepared.reduce((sum, { body }) => sum + body.byteLength, 0);

/**
 * Starts one slice and answers the promise of its end. The gate is never held while waiting for more of it: when
 * bodies grew by inflation the slice leaves and enters again with its whole weight.
 */
async function startSlice(
  run: Run,
  slice: { envelopes: readonly Envelope[]; bytes: number },
): Promise<{ readonly done: Promise<void> }> {
  const { gate, router, source, telemetry } = run.deps;
  const bad: BadRecord[] = [];
  let leave = await gate.enter(slice.bytes, run.signal);
  try {
    const prepared = await prepare(slice.envelopes, {
      router,
      route: source.route,
      bad: (record) => bad.push(record),
    });
    const bytes = inflatedBytes(prepared);
    if (bytes > slice.bytes) {
      leave();
      leave = await gate.enter(bytes, run.signal);
    }
    telemetry.record('bytesInFlight', gate.inUse);
    const groups = await encodeSlice(run, prepared, bad);
    const work = [...startDelivery(run, groups), settleBad(run, bad)];
    const end = (): void => {
      leave();
      telemetry.record('bytesInFlight', gate.inUse);
    };
    return { done: firstFailure(work).finally(end) };
  } catch (error) {
    leave();
    throw error;
  }
}

/** Waits for all, then throws the first failure. */
async function firstFailure(work: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work)) {
    if (outcome.status === 'rejected') {
      throw outcome.reason;
    }
  }
}

function giveUp(run: Run, envelopes: readonly Envelope[]): void {
  const onTheirWay = run.tickets.reduce((sum, ticket) => sum + ticket.withdraw(), 0);
  if (onTheirWay === 0) return;
  const { telemetry, logger, source } = run.deps;
  telemetry.add('possibleDuplicates', onTheirWay);
  const ranges = rangesText(rangesOfPlaces(envelopes.map(({ position }) => position)));
  logger.warn('events.possibleDuplicate', { cause: 'held', source: source.name, rows: onTheirWay, ranges });
}

/**
 * Takes envelopes to their end in bounded slices.
 * @throws KfError as {@link EventIngest.handle}; what no flush held then is taken back
 */
export async function handleEnvelopes(
  deps: EventRunDeps,
  envelopes: readonly Envelope[],
  options: EventRunOptions,
): Promise<IngestSummary> {
  const totals: Totals = {
    envelopes: envelopes.length,
    bytesIn: 0,
    shipped: 0,
    deadLettered: 0,
    dropped: 0,
    possibleDuplicates: 0,
  };
  const run: Run = { ...options, deps, totals, tickets: [] };
  const started: Promise<void>[] = [];
  try {
    for (const slice of slices(envelopes)) {
      totals.bytesIn += slice.bytes;
      const { done } = await startSlice(run, slice);
      done.catch(() => undefined);
      started.push(done);
    }
    await orAbort(firstFailure(started), options.signal);
  } catch (error) {
    giveUp(run, envelopes);
    throw asKfError(error, 'INTERNAL', `pipeline ${deps.source.name}`);
  }
  deps.telemetry.add('recordsIn', envelopes.length);
  deps.telemetry.add('bytesIn', totals.bytesIn);
  return totals;
}
