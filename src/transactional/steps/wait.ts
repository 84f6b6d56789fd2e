import type { SourceStatus } from '../../kusto/ports.js';
import { scrub } from '../../runtime/redact.js';
import { sourceIdOf } from '../names.js';
import { pollMs } from '../plan.js';
import { inParallel } from '../staged.js';
import type { CallSource, LoadCall, LoadError } from '../types.js';
import type { Step, StepContext } from './context.js';
import type { StepAnswer } from './types.js';

/** Operations asked for in one run, and at the same time. */
const OPERATIONS_PER_RUN = 200;
const OPERATIONS_IN_FLIGHT = 8;
/** A call of which nothing is heard for this long is made again, under a tag of its own. */
const STALLED_MS = 30 * 60_000;
/** Attempts of one call, and rounds in which blobs that failed for a passing reason are sent again. */
const MAX_ATTEMPTS = 4;
const MAX_RESENDS = 3;
const RESEND_MARK = 'r';

const finals: ReadonlySet<string> = new Set(['succeeded', 'failed', 'partiallySucceeded', 'skipped']);

/** Asks what has become of the calls, some at a time; holds no compute between two looks. */
export const wait: Step = async (context) => {
  const { deps, load, progress } = context;
  const open: LoadCall[] = [];
  for await (const call of deps.store.calls(load.id, load.generation, ['sent'])) open.push(call);
  const from = open.length <= OPERATIONS_PER_RUN ? 0 : (progress.waits * OPERATIONS_PER_RUN) % open.length;
  const asked = open.slice(from, from + OPERATIONS_PER_RUN);
  const looks: Look[] = [];
  await inParallel(asked, OPERATIONS_IN_FLIGHT, async (call, index) => {
    looks[index] = await look(context, call);
  });
  const unasked = open.length - asked.length;
  const stillOpen = unasked + looks.filter(({ call }) => call.state === 'sent').length;
  await tellProgress(context, open, looks);
  return conclude(context, looks, stillOpen);
};

interface Look {
  readonly call: LoadCall;
  readonly moved: boolean;
  readonly refused?: CallSource;
  /** Something is to be sent again. */
  readonly again: boolean;
}

async function look(context: StepContext, call: LoadCall): Promise<Look> {
  const { deps } = context;
  const { operation } = call;
  if (operation === undefined) return { call, moved: false, again: false };
  const ids = call.sources.map(({ index }) => sourceIdOf(call, index));
  const statuses = await deps.queued.status(operation, ids);
  const sources = call.sources.map((source, index) => withStatus(source, statuses[index]));
  const settledAtMs = Math.max(0, ...statuses.map(({ updatedAtMs = 0 }) => updatedAtMs));
  const passing = sources.filter((source, index) => isPassing(source, statuses[index]));
  if (passing.length > 0 && resendsOf(call) < MAX_RESENDS) {
    return resend(context, { ...call, sources }, passing);
  }
  const refused = sources.find(isRefused);
  const isOver = sources.every(({ state }) => finals.has(state));
  const stalled =
    !isOver && deps.clock.now() - (call.sentAtMs ?? 0) > STALLED_MS && call.attempt < MAX_ATTEMPTS;
  const moved = JSON.stringify(sources) !== JSON.stringify(call.sources);
  const again = stalled && context.load.options.writeMode === 'Transactional';
  const next: LoadCall = {
    ...call,
    sources,
    state: isOver ? 'done' : again ? 'pending' : 'sent',
    ...(isOver && settledAtMs > 0 ? { settledAtMs } : {}),
  };
  const kept = moved || isOver || again ? await deps.store.replaceCall(next) : call;
  return { call: kept, moved, again, ...(refused === undefined ? {} : { refused }) };
}

function withStatus(source: CallSource, status: SourceStatus | undefined): CallSource {
  if (status === undefined || status.state === 'pending') return source;
  return {
    ...source,
    state: status.state,
    ...(status.errorCode === undefined ? {} : { errorCode: status.errorCode }),
    ...(status.details === undefined ? {} : { details: scrub(status.details) }),
  };
}

const isPassing = (source: CallSource, status: SourceStatus | undefined): boolean =>
  source.state === 'failed' && status?.failure === 'transient';
const resendsOf = ({ key }: LoadCall): number => key.split(RESEND_MARK).length - 1;

/** Blobs that failed for a passing reason brought nothing; they go in a call of their own, made once. */
async function resend({ deps }: StepContext, call: LoadCall, failed: readonly CallSource[]): Promise<Look> {
  const { load, generation } = call;
  await deps.store.addCall({
    load,
    generation,
    key: `${call.key}${RESEND_MARK}`,
    attempt: 0,
    state: 'pending',
    sources: failed.map(({ errorCode: _code, details: _details, ...source }) => ({
      ...source,
      state: 'pending',
    })),
  });
  const sources = call.sources.filter((source) => !failed.includes(source));
  const state = sources.every((source) => finals.has(source.state)) ? 'done' : 'sent';
  const kept = await deps.store.replaceCall({ ...call, sources, state });
  const refused = sources.find(isRefused);
  return { call: kept, moved: true, again: true, ...(refused === undefined ? {} : { refused }) };
}

async function tellProgress({ deps, load }: StepContext, open: readonly LoadCall[], looks: readonly Look[]) {
  if (!looks.some(({ moved }) => moved)) return;
  const calls = new Map(open.map((call) => [call.key, call]));
  for (const { call } of looks) calls.set(call.key, call);
  const waiting = [...calls.values()]
    .flatMap(({ sources }) => sources)
    .filter(({ state }) => !finals.has(state));
  const before = new Map(open.map((call) => [call.key, call]));
  const failedNow = looks.flatMap(({ call }) => newlyFailed(call, before.get(call.key)));
  const lastStatusMs = Math.max(0, ...looks.map(({ call }) => call.settledAtMs ?? 0));
  await deps.store.change(load.id, ({ sources, times, progress }) => {
    const sent = sources?.blobs ?? 0;
    const failed = (progress?.failed ?? 0) + failedNow.length;
    return {
      progress: { sent, failed, succeeded: Math.max(0, sent - waiting.length - failed) },
      times:
        lastStatusMs === 0
          ? times
          : { ...times, lastStatusMs: Math.max(times.lastStatusMs ?? 0, lastStatusMs) },
    };
  });
}

/** Blobs of a call that ended in this look without success. */
function newlyFailed(call: LoadCall, before: LoadCall | undefined): CallSource[] {
  const known = new Set(before?.sources.filter(isRefused).map(({ index }) => index));
  return call.sources.filter((source) => isRefused(source) && !known.has(source.index));
}

const isRefused = ({ state }: CallSource): boolean => finals.has(state) && state !== 'succeeded';

function refusal({ address, state, errorCode, details }: CallSource): LoadError {
  const why = details === undefined ? '' : `: ${details}`;
  return {
    code: 'LOAD_SOURCE_REFUSED',
    message: `${address}: ${state}${errorCode === undefined ? '' : ` with ${errorCode}`}${why}`,
    source: address,
    ...(errorCode === undefined ? {} : { serviceCode: errorCode }),
  };
}

function conclude({ deps, load }: StepContext, looks: readonly Look[], stillOpen: number): StepAnswer {
  const refused = looks.find((one) => one.refused !== undefined)?.refused;
  const isQueued = load.options.writeMode === 'Queued';
  if (refused !== undefined && !isQueued) return { is: 'fail', error: refusal(refused) };
  if (looks.some(({ again }) => again)) return { is: 'done', next: 'ingest' };
  if (stillOpen === 0) return { is: 'done', next: isQueued ? 'finish' : 'verify' };
  const passedMs = deps.clock.now() - (load.times.lastSentMs ?? load.createdAtMs);
  return { is: 'wait', afterMs: pollMs(passedMs), moved: looks.some(({ moved }) => moved) };
}

/** The first blob of a Queued load that did not get in, over all its calls. */
export async function firstRefusal({ deps, load }: StepContext): Promise<LoadError | undefined> {
  for await (const call of deps.store.calls(load.id, load.generation)) {
    const refused = call.sources.find(isRefused);
    if (refused !== undefined) return refusal(refused);
  }
  return undefined;
}
