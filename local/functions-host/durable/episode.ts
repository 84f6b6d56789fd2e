import type { Instance } from './instance.js';
import { stamp } from './ordering.js';
import { numberingOf, releaseRequest } from './plan.js';
import {
  type ControlBody,
  EventType,
  type HistoryEvent,
  type OrchestratorState,
  type Outgoing,
} from './types.js';

/** How a run of an orchestrator function ended. */
export type RunOutcome = { state: OrchestratorState } | { error: string };

/** What an episode may use. */
export interface EpisodeDeps {
  now(): number;
  newId(): string;
  httpPollMs: number;
  maxActions: number;
  /**
   * Runs the orchestrator function once over a history.
   * @throws TransientError when the worker is gone: the episode is then tried again as a whole
   */
  run(instance: Instance, history: readonly HistoryEvent[]): Promise<RunOutcome>;
}

/** Most generations begun in one episode. */
const MAX_GENERATIONS = 1;

/** The work could not be done now; the same messages will be tried again. */
export class TransientError extends Error {}

/** An orchestration in the midst of an episode. */
export interface Episode {
  readonly deps: EpisodeDeps;
  readonly instance: Instance;
  /** Whole history, the new part included. */
  history: HistoryEvent[];
  /** The part not yet stored. */
  added: HistoryEvent[];
  outgoing: Outgoing;
  /** Input events not yet given to the function. */
  fresh: HistoryEvent[];
  /** Time of the last run, in ms since the epoch. */
  lastMs: number;
  /** Generations begun here. */
  begun: number;
  /** True when the next generation is to begin in an episode of its own. */
  newGeneration: boolean;
  /** True when rows of an earlier generation are left to remove after the commit. */
  droppedEarlier: boolean;
}

/** An event of now. */
export function makeEvent(nowMs: number, type: number, fields: Partial<HistoryEvent> = {}): HistoryEvent {
  return {
    EventType: type,
    EventId: -1,
    IsPlayed: false,
    Timestamp: new Date(nowMs).toISOString(),
    ...fields,
  };
}

/** Adds events to the history. */
export function append(episode: Episode, ...events: HistoryEvent[]): void {
  episode.history.push(...events);
  episode.added.push(...events);
}

/** Queues a message to go out after the commit. */
export function send(episode: Episode, to: string, body: ControlBody): void {
  episode.outgoing.control.push({ id: episode.deps.newId(), to, body });
}

/** Tells the parent of a sub-orchestration how it ended. */
export function notifyParent(episode: Episode, outcome: Partial<HistoryEvent> & { EventType: number }): void {
  const { parent } = episode.instance;
  if (!parent) return;
  const event = makeEvent(episode.deps.now(), outcome.EventType, {
    ...outcome,
    TaskScheduledId: parent.taskId,
  });
  send(episode, parent.instanceId, { kind: 'event', event, executionId: parent.executionId });
}

function releaseLocks(episode: Episode): void {
  const { instanceId, executionId } = episode.instance;
  const { locks, sent } = numberingOf(episode.history);
  for (const target of locks) {
    const request = releaseRequest({ instanceId, executionId, newId: episode.deps.newId });
    const place = stamp(sent, target, episode.deps.now()).stamp;
    send(episode, target, { kind: 'entity', request: { ...request, ...place } });
  }
}

/** Ends the orchestration. `output` is JSON text. */
export function finish(
  episode: Episode,
  status: 'Completed' | 'Failed' | 'Terminated',
  output: string,
): void {
  const { instance, deps } = episode;
  const type = status === 'Terminated' ? EventType.ExecutionTerminated : EventType.ExecutionCompleted;
  append(episode, makeEvent(deps.now(), type, { OrchestrationStatus: status, Result: output }));
  instance.status = status;
  instance.output = output;
  releaseLocks(episode);
}

/** Ends the orchestration as failed. */
export function fail(episode: Episode, message: string, state?: OrchestratorState): void {
  const { name } = episode.instance;
  const text = `Orchestrator function '${name}' failed: ${message}`;
  finish(episode, 'Failed', JSON.stringify(text));
  notifyParent(episode, {
    EventType: EventType.SubOrchestrationInstanceFailed,
    Reason: `The sub-orchestrator function '${name}' failed: "${message}". See the function execution logs for additional details.`,
    Details: text,
    ...(state?.failureDetails ? { FailureDetails: state.failureDetails } : {}),
  });
}

/**
 * Begins the next generation: at once, so that an eternal orchestration costs one turn each time; by a message when
 * that happens again, so that one which never waits does not hold up the others.
 */
export function continueAsNew(
  episode: Episode,
  next: { input: string | undefined; version?: string; carried: HistoryEvent[] },
): void {
  const { instance, deps } = episode;
  const { input, version, carried } = next;
  const { name, parent } = instance;
  releaseLocks(episode);
  const executionId = deps.newId();
  const generation = instance.generation + 1;
  Object.assign(instance, { executionId, generation, rows: 0, input, extra: undefined });
  episode.droppedEarlier = true;
  episode.history = [];
  episode.added = [];
  episode.begun += 1;
  if (instance.status !== 'Suspended' && episode.begun <= MAX_GENERATIONS) {
    const fields = { Name: name, Input: input, Version: version };
    episode.fresh = [makeEvent(deps.now(), EventType.ExecutionStarted, fields), ...carried];
    return;
  }
  episode.newGeneration = true;
  send(episode, instance.instanceId, { kind: 'start', name, executionId, input, version, parent });
  // They wait in the instance, not in the queue: an event that arrives meanwhile must stay behind them.
  instance.extra = carried.length > 0 ? JSON.stringify(carried) : undefined;
}
