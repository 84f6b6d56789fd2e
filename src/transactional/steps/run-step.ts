import { KfError } from '../../runtime/errors.js';
import { engineOf } from '../engine.js';
import type { LoadDeps } from '../ports.js';
import { type Load, type LoadStep, uninterruptedSteps } from '../types.js';
import { commit } from './commit.js';
import { type Step, toLoadError } from './context.js';
import { create } from './create.js';
import { finish } from './finish.js';
import { ingest } from './ingest.js';
import { inspect } from './inspect.js';
import { mark } from './mark.js';
import { prepare } from './prepare.js';
import { repeatCheck } from './repeat-check.js';
import { settle } from './settle.js';
import { stage } from './stage.js';
import type { LoadProgress, StepAnswer } from './types.js';
import { undo } from './undo.js';
import { verify } from './verify.js';
import { wait } from './wait.js';

/** Longest run of one step; a longer one is cut and begun again. Well under the platform's `functionTimeout`. */
const STEP_TIMEOUT_MS = 20 * 60_000;

const steps: Readonly<Record<LoadStep, Step>> = {
  inspect,
  prepare,
  create,
  repeatCheck,
  stage,
  ingest,
  wait,
  verify,
  mark,
  commit,
  settle,
  finish,
  undo,
};

/** A 401 is asked again with a new token, so often; a token may have expired on its way. */
const UNAUTHORIZED_TRIES = 2;

function isRetryable(error: KfError | undefined, attempt: number): boolean {
  // What is no error of ours may be anything; a conflict is with another run of the same step.
  if (error === undefined || error.retryable || error.code === 'STORAGE_CONFLICT') return true;
  return error.code === 'KUSTO_UNAUTHORIZED' && attempt < UNAUTHORIZED_TRIES;
}

function failed(thrown: unknown, attempt: number): StepAnswer {
  const error = thrown instanceof KfError ? thrown : undefined;
  return {
    is: 'error',
    error: toLoadError(thrown),
    retryable: isRetryable(error, attempt),
    ...(error?.code === 'KUSTO_THROTTLED' ? { throttled: true } : {}),
    ...(error?.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  };
}

async function begin(deps: LoadDeps, progress: LoadProgress): Promise<Load> {
  const load = await deps.store.get(progress.id);
  if (load === undefined) throw new KfError('NOT_FOUND', `load ${progress.id}: unknown`);
  const { step, undo, restages } = progress;
  const known = load.restages ?? load.generation;
  const isKnown = load.step === step && restages <= known && (undo === undefined || load.undo !== undefined);
  if (isKnown || load.state !== 'running') return load;
  return deps.store.change(load.id, () => ({
    ...{ step, restages: Math.max(restages, known) },
    ...(undo === undefined ? {} : { undo }),
  }));
}

/** Runs the step that `progress` names; never throws what the orchestrator could not read. */
export async function runStep(deps: LoadDeps, progress: LoadProgress): Promise<StepAnswer> {
  const signal = AbortSignal.timeout(STEP_TIMEOUT_MS);
  const { id, step } = progress;
  try {
    const load = await begin(deps, progress);
    if (load.state !== 'running' && step !== 'finish') return { is: 'end', state: load.state };
    // A run that comes late, of a load that is further on: what is committed must not be staged anew.
    if (load.commit !== undefined && step !== 'commit' && !uninterruptedSteps.has(step))
      return { is: 'done', next: 'settle' };
    if (load.cancelRequested && !uninterruptedSteps.has(step)) return { is: 'cancel' };
    const answer = await steps[step]({ deps, load, engine: engineOf(deps, load, signal), progress, signal });
    deps.logger.debug('load.step', { load: id, step, answer: answer.is });
    return answer;
  } catch (thrown) {
    const answer = failed(thrown, progress.attempt);
    const { code, message } = toLoadError(thrown);
    deps.logger.warn('load.stepFailed', { load: id, step, attempt: progress.attempt, code, message });
    return answer;
  }
}
