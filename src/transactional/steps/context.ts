import { KfError } from '../../runtime/errors.js';
import { scrub } from '../../runtime/redact.js';
import type { Engine } from '../engine.js';
import type { LoadDeps } from '../ports.js';
import type { Load, LoadError, LoadPlan } from '../types.js';
import type { LoadProgress, StepAnswer } from './types.js';

/** What a step is given: its load as it stands now, and the cluster. */
export interface StepContext {
  readonly deps: LoadDeps;
  readonly load: Load;
  readonly engine: Engine;
  readonly progress: LoadProgress;
  readonly signal: AbortSignal;
}

/** One step. It may run again at any time, after any part of it: it looks before it acts. */
export type Step = (context: StepContext) => Promise<StepAnswer>;

/** The plan that `inspect` made. @throws INTERNAL before that */
export function planOf(load: Load): LoadPlan {
  if (load.plan === undefined) throw new KfError('INTERNAL', `load ${load.id}: not inspected yet`);
  return load.plan;
}

export function toLoadError(thrown: unknown): LoadError {
  const error = thrown instanceof KfError ? thrown : undefined;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const source = error?.fields['source'];
  return {
    code: error?.code ?? 'INTERNAL',
    message: scrub(message),
    ...(error?.serviceCode === undefined ? {} : { serviceCode: error.serviceCode }),
    ...(typeof source === 'string' ? { source } : {}),
  };
}
