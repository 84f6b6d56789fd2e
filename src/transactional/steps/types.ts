import {
  type Load,
  type LoadError,
  type LoadState,
  type LoadStep,
  type LoadUndo,
  uninterruptedSteps,
} from '../types.js';

/**
 * What a step tells the orchestrator; small, since it enters the history. All facts are in the load's row.
 * - `done`: the next step, or `next` when it is another.
 * - `more`: bounded work was done; the same step again, at once.
 * - `wait`: nothing to do yet; the same step after `afterMs`, or after a growing wait.
 * - `restage`: what is staged cannot be trusted; begin anew under a new staging table, a bounded number of times.
 * - `skip`: the target holds what the load would bring; clean up and end as `skipped`.
 * - `end`: the load has ended as `state`.
 * - `error`: the step failed; its effect may or may not have happened.
 */
export type StepAnswer =
  | { readonly is: 'done'; readonly next?: LoadStep }
  | { readonly is: 'more' }
  | { readonly is: 'wait'; readonly afterMs?: number; readonly moved?: boolean }
  | { readonly is: 'restage'; readonly error: LoadError }
  | { readonly is: 'fail'; readonly error: LoadError }
  | { readonly is: 'cancel' }
  | { readonly is: 'skip' }
  | { readonly is: 'end'; readonly state: LoadState }
  | {
      readonly is: 'error';
      readonly error: LoadError;
      readonly retryable: boolean;
      readonly throttled?: boolean;
      readonly retryAfterMs?: number;
    };

/** The state of the orchestration: its input, and the input of each step. */
export interface LoadProgress {
  readonly id: string;
  readonly step: LoadStep;
  /** Failed tries of this step. */
  readonly attempt: number;
  /** Waits of this step without progress; they grow. */
  readonly waits: number;
  readonly restages: number;
  readonly deadlineMs: number;
  /** Before the next step. */
  readonly waitMs: number;
  /** Why the load is being undone, and what it ends as. */
  readonly undo?: LoadUndo;
  readonly ended?: LoadState;
}

type Resumed = Pick<Load, 'id' | 'step' | 'generation' | 'restages' | 'deadlineMs' | 'commit' | 'undo'>;

/** Where a load begins, and where one goes on whose orchestration is gone: never past a commit that may be under way. */
export function progressOf(load: Resumed): LoadProgress {
  const step = load.commit !== undefined && !uninterruptedSteps.has(load.step) ? 'settle' : load.step;
  const { id, deadlineMs, generation, restages = generation, undo } = load;
  return {
    ...{ id, step, attempt: 0, waits: 0, restages, deadlineMs, waitMs: 0 },
    ...(undo === undefined ? {} : { undo }),
  };
}
