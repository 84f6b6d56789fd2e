import { parseTimeSpan } from '../../config/units.js';
import * as commands from '../../kusto/load-commands.js';
import type { Row } from '../../kusto/rows.js';
import { noneIfMissing } from '../engine.js';
import { markerTag, stagingTableOf } from '../names.js';
import type { Load, LoadCommit } from '../types.js';
import type { Step, StepContext } from './context.js';
import type { StepAnswer } from './types.js';

/** A command that nobody has heard of is looked for so long before it counts as never begun. */
export const LOST_MS = 30_000;
/** A move is a change of metadata, of seconds; one that takes longer than this and is not wanted is given up. */
const HANGS_MS = 10 * 60_000;
/** Clocks of the service and ours differ by less than this. */
const CLOCKS_DIFFER_MS = 10 * 60_000;
/** Commands for one load, or for one of its batches: when the service says they may be repeated, and when it does not. */
const MAX_RETRYABLE = 10;
const MAX_PERMANENT = 3;
/** Before a commit that the service throttled is issued again. */
const THROTTLED_WAIT_MS = 5_000;
/** Smallest batch of a load that allows partial visibility. */
const MIN_BATCH = 50;

/**
 * Finds out what became of the commit, by the operation and by looking: never by doing it again blindly. Leads on
 * to `finish` when all is committed, back to `commit` when nothing of the last attempt is, and fails for good.
 */
export const settle: Step = async (context) => {
  const { load } = context;
  const { commit } = load;
  if (commit === undefined) return { is: 'done', next: 'commit' };
  const operation = await findOperation(context, commit);
  const state = String(operation?.['state'] ?? '');
  if (isRunning(operation)) return stillRunning(context, commit, operation);
  const seen = await look(context);
  if (seen.isComplete) return committed(context, operation);
  if (commit.cleared >= commit.attempt) return { is: 'done', next: 'commit' };
  if (operation === undefined) return lost(context, commit);
  return /^Completed$/i.test(state)
    ? completed(context, { commit, operation, seen })
    : unsuccessful(context, commit, operation);
};

export const isRunning = (operation: Row | undefined): boolean =>
  /^(InProgress|Scheduled)$/i.test(String(operation?.['state'] ?? ''));

/** By its id, in the log of updates after six hours, or by the client request id when the answer was lost. */
export async function findOperation(
  { deps, load, engine }: StepContext,
  commit: LoadCommit,
): Promise<Row | undefined> {
  if (commit.operationId !== undefined) {
    const [row] = await engine.command(commands.showOperation(commit.operationId));
    return row ?? (await engine.command(commands.showOperationLog(commit.operationId)))[0];
  }
  const [command] = await engine.command(commands.showCommandsOf(commit.clientRequestId));
  const activity = String(command?.['rootactivityid'] ?? '');
  if (activity === '') return undefined;
  const [row] = await engine.command(commands.showOperationsOf(activity));
  const operationId = row?.['operationid'];
  if (typeof operationId === 'string') {
    await deps.store.change(load.id, ({ commit: held }) =>
      held?.attempt === commit.attempt ? { commit: { ...held, operationId } } : {},
    );
  }
  return row;
}

/** A commit that is late, or no longer wanted, is cancelled at the service; its end is awaited all the same. */
async function stillRunning(
  { deps, load, engine, progress }: StepContext,
  commit: LoadCommit,
  operation: Row | undefined,
): Promise<StepAnswer> {
  const now = deps.clock.now();
  const operationId = commit.operationId ?? operation?.['operationid'];
  const isUnwanted = load.cancelRequested || now >= load.deadlineMs;
  const sinceMs = load.cancelRequested ? commit.issuedAtMs : Math.max(commit.issuedAtMs, load.deadlineMs);
  // The service cancels no move. What it is to move is taken from under it: either it was done before, or it fails.
  if (isUnwanted && commit.form === 'move' && now - sinceMs > HANGS_MS) {
    return failure(load, 'it has hung, and is no longer wanted');
  }
  if (isUnwanted && progress.waits % 8 === 0) await cancelOperation({ deps, load, engine }, operationId);
  return { is: 'wait', afterMs: Math.min(10_000, Math.max(250, Math.round((now - commit.issuedAtMs) / 4))) };
}

/** Asks for it; what becomes of the operation is seen by looking. */
export async function cancelOperation(
  { deps, load, engine }: Pick<StepContext, 'deps' | 'load' | 'engine'>,
  operationId: unknown,
): Promise<void> {
  if (typeof operationId !== 'string') return;
  await engine.command(commands.cancelOperation(operationId)).catch((error: unknown) => {
    deps.logger.debug('load.cancelFailed', { load: load.id, message: String(error) });
  });
}

interface Seen {
  /** Rows of this load in the target. */
  readonly inTarget: number;
  readonly isComplete: boolean;
}

async function look({ deps, load, engine }: StepContext): Promise<Seen> {
  const marker = markerTag(load.id);
  const wanted = load.verified?.rows ?? 0;
  const none = noneIfMissing({ extents: 0, rows: 0 });
  const target = await engine.tagged(load.options.table, marker).catch(none);
  if (load.commit?.form === 'append') {
    return { inTarget: target.rows, isComplete: target.rows === wanted && target.extents > 0 };
  }
  const left = await engine.tagged(stagingTableOf(deps.stagingPrefix, load), marker).catch(none);
  const isComplete = target.rows === wanted && target.extents > 0 && left.extents === 0;
  return { inTarget: target.rows, isComplete };
}

async function committed({ deps, load }: StepContext, operation: Row | undefined): Promise<StepAnswer> {
  const serviceMs = durationOf(operation);
  if (serviceMs !== undefined) {
    await deps.store.change(load.id, ({ commit }) =>
      commit === undefined ? {} : { commit: { ...commit, serviceMs } },
    );
  }
  return { is: 'done', next: 'finish' };
}

function durationOf(operation: Row | undefined): number | undefined {
  const told = parseTimeSpan(String(operation?.['duration'] ?? ''));
  const between =
    Date.parse(String(operation?.['lastupdatedon'])) - Date.parse(String(operation?.['startedon']));
  return told ?? (Number.isNaN(between) ? undefined : between);
}

async function lost(context: StepContext, commit: LoadCommit): Promise<StepAnswer> {
  const { deps, load } = context;
  const passedMs = deps.clock.now() - commit.issuedAtMs;
  if (passedMs < LOST_MS) return { is: 'wait', afterMs: Math.min(5_000, LOST_MS - passedMs) };
  if (commit.form === 'append' && (await someAppendRuns(context, commit))) return { is: 'wait' };
  deps.logger.warn('load.commitLost', { load: load.id, attempt: commit.attempt });
  return tryAgain(context, { commit, canRetry: true, why: 'the operation cannot be found' });
}

/** The list of commands has one only after its end, so an append whose answer was lost may be any that runs. */
export async function someAppendRuns(
  { load, engine }: Pick<StepContext, 'load' | 'engine'>,
  commit: LoadCommit,
): Promise<boolean> {
  const since = new Date(commit.issuedAtMs - CLOCKS_DIFFER_MS).toISOString();
  return (await engine.command(commands.showRunningAppends(load.options.database, since))).length > 0;
}

interface Outcome {
  readonly commit: LoadCommit;
  readonly operation: Row;
  readonly seen: Seen;
}

/** Every row of the details counts: a row that says Failed, or says why, is an extent that was not taken. */
async function completed(context: StepContext, { commit, seen, operation }: Outcome): Promise<StepAnswer> {
  const { deps, load, engine } = context;
  const id = String(operation['operationid'] ?? commit.operationId);
  const details = await engine.command(commands.showOperationDetails(id)).catch(noneIfMissing<Row[]>([]));
  const bad = details.find(
    (row) => row['resultextentid'] === 'Failed' || String(row['details'] ?? '') !== '',
  );
  if (bad !== undefined || !load.options.allowPartialVisibility || seen.inTarget === 0) {
    const why =
      bad === undefined
        ? `${seen.inTarget} of ${load.verified?.rows} rows are there`
        : String(bad['details']);
    return tryAgain(context, { commit, canRetry: true, why: `the operation ended, but ${why}` });
  }
  await deps.store.change(load.id, ({ commit: held }) =>
    held === undefined
      ? {}
      : {
          commit: {
            ...held,
            cleared: commit.attempt,
            moveBatches: held.moveBatches + 1,
            batchSize: commit.batchSize * 2,
          },
        },
  );
  return { is: 'done', next: 'commit' };
}

async function unsuccessful(context: StepContext, commit: LoadCommit, operation: Row): Promise<StepAnswer> {
  const state = String(operation['state']);
  const why = `${state}: ${String(operation['status'] ?? '')}`;
  const wasAsked =
    /^Cancel/i.test(state) && (context.load.cancelRequested || context.progress.undo !== undefined);
  if (/^BadInput$/i.test(state) || wasAsked) return failure(context.load, why);
  const isThrottled = /^Throttled$/i.test(state);
  const canRetry = isTrue(operation['shouldretry']) || /^(Throttled|Abandoned|Cancell?ed)$/i.test(state);
  return tryAgain(context, { commit, canRetry, why, isThrottled });
}

/** Sent as a boolean, a number or a text. */
const isTrue = (value: unknown): boolean =>
  value === true || value === 1 || String(value).toLowerCase() === 'true';

interface Retry {
  readonly commit: LoadCommit;
  readonly canRetry: boolean;
  readonly why: string;
  /** By the service, which is no try. */
  readonly isThrottled?: boolean;
}

async function tryAgain(
  context: StepContext,
  { commit, canRetry, why, isThrottled }: Retry,
): Promise<StepAnswer> {
  const { deps, load, progress } = context;
  const isLate = deps.clock.now() >= load.deadlineMs || load.cancelRequested || progress.undo !== undefined;
  const throttled = (commit.throttled ?? 0) + (isThrottled ? 1 : 0);
  const tries = commit.attempt - commit.moveBatches - throttled;
  if (isLate || tries >= (canRetry ? MAX_RETRYABLE : MAX_PERMANENT)) return failure(load, why);
  deps.logger.warn('load.commitAgain', { load: load.id, attempt: commit.attempt, why });
  const batchSize = load.options.allowPartialVisibility
    ? Math.max(MIN_BATCH, Math.floor(commit.batchSize / 2))
    : commit.batchSize;
  await deps.store.change(load.id, ({ commit: held }) =>
    held === undefined
      ? {}
      : { commit: { ...held, cleared: commit.attempt, batchSize, ...(throttled > 0 ? { throttled } : {}) } },
  );
  // The next look finds it cleared, and goes on to `commit`.
  return {
    is: 'wait',
    afterMs: isThrottled ? THROTTLED_WAIT_MS : Math.min(30_000, 500 * 2 ** Math.min(tries, 6)),
  };
}

/** Of a load whose cancellation is asked for, that is the reason why nothing is tried again. */
function failure(load: Load, why: string): StepAnswer {
  if (load.cancelRequested) return { is: 'cancel' };
  const { form, attempt } = load.commit as LoadCommit;
  const message = `load ${load.id}: the ${form === 'move' ? 'move of extents' : 'append'} failed in attempt ${attempt}: ${why}`;
  return { is: 'fail', error: { code: 'LOAD_COMMIT_FAILED', message } };
}
