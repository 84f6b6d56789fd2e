import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { type FlowTask, type LoadFlow, runLoad } from '../transactional/flow.js';
import type { LoadStarter } from '../transactional/ports.js';
import { type LoadProgress, progressOf } from '../transactional/steps/types.js';
import { loadSteps } from '../transactional/types.js';
import type { AppServices } from './services.js';

/** Names of the orchestrator and its event; running instances know them, so they never change. */
const ORCHESTRATOR = 'load';
const CANCEL_EVENT = 'cancel';
const activityOf = (step: string): string => `load-${step}`;
/** Instances of loads are apart from those of other orchestrators. */
const instanceOf = (id: string): string => `load-${id}`;

/** Durable Functions as the orchestrator of a load sees it. */
function flowOf(context: df.OrchestrationContext): LoadFlow {
  const { df: durable } = context;
  return {
    input: durable.getInput<LoadProgress>(),
    nowMs: () => durable.currentUtcDateTime.getTime(),
    callStep: (progress) => durable.callActivity(activityOf(progress.step), progress),
    timer: (untilMs) => durable.createTimer(new Date(untilMs)),
    cancelEvent: () => durable.waitForExternalEvent(CANCEL_EVENT),
    any: (tasks) => durable.Task.any(tasks as df.Task[]),
    showStatus: (status) => {
      durable.setCustomStatus(status);
    },
    continueAsNew: (progress) => {
      durable.continueAsNew(progress);
    },
  };
}

/** The handler as Durable Functions calls it, again at every step. */
export function* loadOrchestrator(context: df.OrchestrationContext): Generator<df.Task, unknown, unknown> {
  const flow = runLoad(flowOf(context)) as Generator<FlowTask, unknown, unknown>;
  return yield* flow as Generator<df.Task, unknown, unknown>;
}

const goingOn = new Set<string>([
  df.OrchestrationRuntimeStatus.Running,
  df.OrchestrationRuntimeStatus.Pending,
  df.OrchestrationRuntimeStatus.ContinuedAsNew,
  df.OrchestrationRuntimeStatus.Suspended,
]);

/** Starts and tells loads through the durable client of an invocation that has one. */
export function loadStarterOf(context: InvocationContext): LoadStarter {
  const client = df.getClient(context);
  const state: LoadStarter['state'] = async (id) => {
    const status = await client.getStatus(instanceOf(id)).catch(() => undefined);
    const text = String(status?.runtimeStatus ?? '');
    if (text === df.OrchestrationRuntimeStatus.Terminated) return 'terminated';
    return goingOn.has(text) ? 'running' : 'ended';
  };
  return {
    state,
    start: async (load) => {
      if ((await state(load.id)) === 'running') return;
      try {
        await client.startNew(ORCHESTRATOR, { instanceId: instanceOf(load.id), input: progressOf(load) });
      } catch (error) {
        // Another caller may have started it between the look and the call; nobody may start it twice.
        if ((await state(load.id)) !== 'running') throw error;
      }
    },
    wake: async (id) => {
      if ((await state(id)) === 'running') await client.raiseEvent(instanceOf(id), CANCEL_EVENT, true);
    },
  };
}

/** The input that gives an invocation its durable client. */
export const durableClient = df.input.durableClient();

export function registerLoadOrchestration(services: AppServices): void {
  df.app.orchestration(ORCHESTRATOR, loadOrchestrator as df.OrchestrationHandler);
  for (const step of loadSteps) {
    df.app.activity(activityOf(step), {
      handler: (progress: unknown) => services.runLoadStep(progress as LoadProgress),
    });
  }
}
