import { createRequire } from 'node:module';
import type { EntityHandler, OrchestrationHandler } from 'durable-functions';
import type { RunOutcome } from '../../local/functions-host/durable/episode.js';
import {
  type OrchestratorCall,
  orchestratorInput,
  stateOfError,
  stateOfResult,
} from '../../local/functions-host/durable/orchestrator-call.js';
import type { HistoryEvent } from '../../local/functions-host/durable/types.js';

/** The library's own wrappers, which `df.app` registers; its main module does not export them. */
interface TestingUtils {
  createEntityFunction(
    handler: EntityHandler<unknown>,
  ): (trigger: unknown, context: object) => Promise<unknown>;
  DummyEntityContext: new (name?: string, id?: string, log?: () => void) => object;
  createOrchestrator(handler: OrchestrationHandler): (trigger: unknown, context: object) => Promise<unknown>;
  DummyOrchestrationContext: new (name?: string, id?: string, log?: () => void) => object;
}

const { createOrchestrator, createEntityFunction, DummyEntityContext, DummyOrchestrationContext } =
  createRequire(import.meta.url)('durable-functions/lib/src/util/testingUtils.js') as TestingUtils;

/**
 * Calls an orchestrator function as a worker does, with the real library. What the function logs goes nowhere.
 * @param trigger data of the orchestration trigger
 * @throws Error with the state in its message when the function fails
 */
export async function callOrchestrator(handler: OrchestrationHandler, trigger: unknown): Promise<unknown> {
  // The library changes what it gets: times become dates there.
  const own = JSON.parse(JSON.stringify(trigger)) as unknown;
  const context = new DummyOrchestrationContext('orchestrator', 'replay', () => undefined);
  return JSON.parse(JSON.stringify(await createOrchestrator(handler)(own, context)));
}

/** Calls an entity function with a batch of operations, as a worker does. */
export async function callEntity(handler: EntityHandler<unknown>, trigger: unknown): Promise<unknown> {
  const context = new DummyEntityContext('entity', 'test', () => undefined);
  return JSON.parse(JSON.stringify(await createEntityFunction(handler)(trigger, context)));
}

/** Runs an orchestrator function once over a history, with the data a host gives it. */
export async function runOrchestratorOnce(
  handler: OrchestrationHandler,
  call: OrchestratorCall,
  history: readonly HistoryEvent[],
): Promise<RunOutcome> {
  try {
    return stateOfResult(await callOrchestrator(handler, orchestratorInput(call, history)));
  } catch (error) {
    return stateOfError(error instanceof Error ? error.message : String(error));
  }
}
