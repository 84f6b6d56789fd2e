import type { RunOutcome } from './episode.js';
import type { HistoryEvent, OrchestratorState } from './types.js';

/** Mark before the state in the message of what a failed orchestrator throws. */
const STATE_MARK = '$OutOfProcData$:';
/** Newest version of the orchestrator protocol spoken here: compound actions, HTTP polling, entity locks. */
const SCHEMA_VERSION = 3;
/** Durable timers of any length are one timer here. */
const NO_LIMIT_TIMER = '36500.00:00:00';

/** What a call of an orchestrator function needs besides the history. */
export interface OrchestratorCall {
  instanceId: string;
  /** JSON text. */
  input: string | undefined;
  parentInstanceId: string | undefined;
  httpPollMs: number;
}

/** The data of an orchestration trigger, as the library reads it. */
export function orchestratorInput(call: OrchestratorCall, history: readonly HistoryEvent[]) {
  return {
    history,
    input: call.input === undefined ? undefined : (JSON.parse(call.input) as unknown),
    instanceId: call.instanceId,
    isReplaying: history.some((event) => event.IsPlayed),
    parentInstanceId: call.parentInstanceId,
    upperSchemaVersion: SCHEMA_VERSION,
    upperSchemaVersionNew: SCHEMA_VERSION,
    longRunningTimerIntervalDuration: NO_LIMIT_TIMER,
    maximumShortTimerDuration: NO_LIMIT_TIMER,
    defaultHttpAsyncRequestSleepTimeMillseconds: call.httpPollMs,
  };
}

/** The state an orchestrator function returned. */
export function stateOfResult(value: unknown): RunOutcome {
  const state = value as OrchestratorState | undefined;
  if (Array.isArray(state?.actions)) return { state };
  return { error: 'it returned no orchestrator state; register it with df.app.orchestration' };
}

/** The state in the message of what an orchestrator function threw. */
export function stateOfError(message: string): RunOutcome {
  const at = message.indexOf(STATE_MARK);
  if (at < 0) return { error: message };
  const state = JSON.parse(message.slice(at + STATE_MARK.length)) as OrchestratorState;
  // The library leaves the text out when something else than an error was thrown, or one without a text.
  return { state: { ...state, error: state.error ?? 'it threw something that has no message' } };
}
