import { advance } from './advance.js';
import type { LoadProgress, StepAnswer } from './steps/types.js';
import type { LoadState } from './types.js';

/** A task of Durable Functions: what a generator yields. */
export interface FlowTask {
  readonly isCompleted: boolean;
}

/** The part of Durable Functions that a load's orchestrator uses; times in ms. */
export interface LoadFlow {
  readonly input: LoadProgress;
  /** The orchestration's own time, the same in every replay. */
  nowMs(): number;
  callStep(progress: LoadProgress): FlowTask;
  /** Ends after `waitMs`; `cancel` ends it early. */
  timer(untilMs: number): FlowTask & { cancel(): void };
  cancelEvent(): FlowTask;
  any(tasks: readonly FlowTask[]): FlowTask;
  showStatus(status: { readonly step: string; readonly attempt: number }): void;
  continueAsNew(progress: LoadProgress): void;
}

/** Steps without a wait between them that one generation runs; bounds its history. */
const MAX_STEPS_PER_GENERATION = 24;

export interface LoadEnd {
  readonly id: string;
  readonly state: LoadState;
}

/**
 * The orchestrator of a load: one step after the other, each an activity that may run again without doing its
 * effect twice; a wait ends the generation. So a replay costs the same however many blobs a load has, and however
 * long it takes. All decisions are in {@link advance}; whatever must survive is in the load's row.
 */
export function* runLoad(flow: LoadFlow): Generator<FlowTask, LoadEnd | undefined, unknown> {
  let progress = flow.input;
  for (let steps = 0; steps < MAX_STEPS_PER_GENERATION; steps++) {
    flow.showStatus({ step: progress.step, attempt: progress.attempt });
    const answer = yield* callStep(flow, progress);
    progress = advance(progress, answer, flow.nowMs());
    if (progress.ended !== undefined) return { id: progress.id, state: progress.ended };
    if (progress.waitMs > 0) {
      yield* wait(flow, progress.waitMs);
      break;
    }
  }
  flow.continueAsNew({ ...progress, waitMs: 0 });
  return undefined;
}

/** A step that throws is one whose host failed it (time limit, lost worker): it may run again. */
function* callStep(flow: LoadFlow, progress: LoadProgress): Generator<FlowTask, StepAnswer, unknown> {
  try {
    return (yield flow.callStep(progress)) as StepAnswer;
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return { is: 'error', error: { code: 'INTERNAL', message }, retryable: true };
  }
}

function* wait(flow: LoadFlow, waitMs: number): Generator<FlowTask, void, unknown> {
  const timer = flow.timer(flow.nowMs() + waitMs);
  const cancel = flow.cancelEvent();
  yield flow.any([timer, cancel]);
  if (!timer.isCompleted) timer.cancel();
}
