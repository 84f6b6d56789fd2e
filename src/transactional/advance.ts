import type { LoadProgress, StepAnswer } from './steps/types.js';
import { type LoadError, type LoadStep, type LoadUndo, loadSteps, uninterruptedSteps } from './types.js';

/** First wait between two looks, and the longest; each look without news doubles it. */
const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 30_000;
/** Tries of a step that fails for passing reasons: with waits of 1, 2, 4 … 30 s, about five minutes. */
const MAX_ATTEMPTS = 14;
/** A throttled step waits at least this long, and does not use up its tries. */
const THROTTLED_WAIT_MS = 5_000;
/** A mismatch of rows is answered by staging anew so often. */
const MAX_RESTAGES = 1;
/** An undo, or a commit whose end is not known, is kept at for this long after the deadline. */
const KEEP_TRYING_MS = 24 * 3_600_000;

function goTo(progress: LoadProgress, step: LoadStep): LoadProgress {
  return { ...progress, step, attempt: 0, waits: 0, waitMs: 0 };
}

function nextOf(step: LoadStep): LoadStep {
  return loadSteps[loadSteps.indexOf(step) + 1] ?? step;
}

const growing = (tries: number): number => Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(tries, 10));

/** The way back; from within the commit it leads over `settle`, which knows whether there is anything to undo. */
function turnBack(progress: LoadProgress, undo: LoadUndo): LoadProgress {
  const to = progress.step === 'commit' ? 'settle' : 'undo';
  return { ...goTo(progress, to), undo: progress.undo ?? undo };
}

const rolledBack = (error: LoadError): LoadUndo => ({ as: 'rolledBack', error });

function timedOut(progress: LoadProgress): LoadError {
  return {
    code: 'LOAD_TIMED_OUT',
    message: `load ${progress.id}: not over within timeoutMs; the step ${progress.step} was under way`,
  };
}

function afterError(
  progress: LoadProgress,
  answer: Extract<StepAnswer, { is: 'error' }>,
  nowMs: number,
): LoadProgress {
  const { retryable, throttled = false, retryAfterMs = 0, error } = answer;
  const attempt = throttled ? progress.attempt : progress.attempt + 1;
  const waitMs = Math.max(growing(progress.attempt), retryAfterMs, throttled ? THROTTLED_WAIT_MS : 0);
  const again: LoadProgress = { ...progress, attempt, waitMs };
  const lost = nowMs > progress.deadlineMs + KEEP_TRYING_MS;
  switch (progress.step) {
    case 'settle':
      return lost ? turnBack(progress, rolledBack({ ...error, code: 'LOAD_UNDO_FAILED' })) : again;
    case 'undo':
      return lost ? { ...progress, ended: 'failedDirty' } : again;
    case 'finish':
      // It is committed, whatever becomes of what is left; the reaper goes on.
      return attempt < MAX_ATTEMPTS ? again : { ...progress, ended: 'committed' };
    default:
      return retryable && attempt < MAX_ATTEMPTS ? again : turnBack(progress, rolledBack(error));
  }
}

/** From `settle`: committed, nothing committed, or to be tried again, which is not begun after the deadline. */
function afterSettle(progress: LoadProgress, next: LoadStep, nowMs: number): LoadProgress {
  if (next === 'finish') {
    const { undo: _tooLate, ...rest } = progress;
    return goTo(rest, 'finish');
  }
  if (progress.undo === undefined && nowMs >= progress.deadlineMs)
    return turnBack(progress, rolledBack(timedOut(progress)));
  return goTo(progress, progress.undo === undefined ? next : 'undo');
}

/**
 * What follows from a step's answer: the next step, the same again after a wait, the way back, or the end. Pure;
 * the table of all transitions of a load.
 */
export function advance(progress: LoadProgress, answer: StepAnswer, nowMs: number): LoadProgress {
  const late = nowMs >= progress.deadlineMs && !uninterruptedSteps.has(progress.step);
  switch (answer.is) {
    case 'end':
      return { ...progress, ended: answer.state };
    case 'error':
      return late ? turnBack(progress, rolledBack(timedOut(progress))) : afterError(progress, answer, nowMs);
    case 'fail':
      return turnBack(progress, rolledBack(answer.error));
    case 'cancel':
      return turnBack(progress, {
        as: 'cancelled',
        error: { code: 'LOAD_CANCELLED', message: `load ${progress.id}: cancelled by its caller` },
      });
    case 'skip':
      return turnBack(progress, { as: 'skipped' });
    case 'restage':
      return progress.restages < MAX_RESTAGES
        ? { ...goTo(progress, 'stage'), restages: progress.restages + 1 }
        : turnBack(progress, rolledBack(answer.error));
    case 'done': {
      const next = answer.next ?? nextOf(progress.step);
      if (progress.step === 'settle') return afterSettle(progress, next, nowMs);
      return late && !uninterruptedSteps.has(next)
        ? turnBack(progress, rolledBack(timedOut(progress)))
        : goTo(progress, next);
    }
    case 'more':
      return late
        ? turnBack(progress, rolledBack(timedOut(progress)))
        : { ...progress, attempt: 0, waits: 0 };
    case 'wait': {
      if (late) return turnBack(progress, rolledBack(timedOut(progress)));
      const waits = answer.moved === true ? 0 : progress.waits + 1;
      return { ...progress, attempt: 0, waits, waitMs: answer.afterMs ?? growing(waits - 1) };
    }
  }
}
