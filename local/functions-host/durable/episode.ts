import { messageOf } from '../errors.js';
import { endedAt, hasOpenTasks, unconsumedEvents } from './ending.js';
import type { Instance } from './instance.js';
import { stamp } from './ordering.js';
import {
  numberingOf,
  type PlanContext,
  planStep,
  releaseRequest,
  type Step,
  takesIds,
  textOf,
} from './plan.js';
import { isExternal } from './tasks.js';
import {
  type Action,
  ActionType,
  type ControlBody,
  EventType,
  type HistoryEvent,
  isFinished,
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
  /** True once this generation has ended with `continueAsNew`. */
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

/** The next events one run of the function can take together. */
export function takeSegment(history: readonly HistoryEvent[], fresh: HistoryEvent[]): HistoryEvent[] {
  const segment: HistoryEvent[] = [];
  for (const event of fresh) {
    const alone = takesIds(history, event);
    if (alone && segment.length > 0) break;
    segment.push(event);
    if (alone) break;
  }
  fresh.splice(0, segment.length);
  return segment;
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

function fail(episode: Episode, message: string, state?: OrchestratorState): void {
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

function continueAsNew(
  episode: Episode,
  next: { input: string | undefined; version?: string; carried: HistoryEvent[] },
): void {
  const { instance, deps } = episode;
  releaseLocks(episode);
  instance.executionId = deps.newId();
  instance.generation += 1;
  instance.rows = 0;
  instance.input = next.input;
  instance.status = 'Running';
  episode.newGeneration = true;
  episode.droppedEarlier = true;
  episode.history = [];
  episode.added = [];
  send(episode, instance.instanceId, {
    kind: 'start',
    name: instance.name,
    executionId: instance.executionId,
    input: next.input,
    version: next.version,
    parent: instance.parent,
  });
  // They wait in the instance, not in the queue: an event that arrives meanwhile must stay behind them.
  instance.extra = next.carried.length > 0 ? JSON.stringify(next.carried) : undefined;
}

function planContext(episode: Episode, nowMs: number): PlanContext {
  const { instance, deps } = episode;
  return {
    instanceId: instance.instanceId,
    executionId: instance.executionId,
    name: instance.name,
    nowMs,
    httpPollMs: deps.httpPollMs,
    newId: deps.newId,
  };
}

/** A time after every other in the history, so that replays see the clock move with each run. */
function nextTimeMs(episode: Episode): number {
  const last = episode.history.findLast(({ EventType: type }) => type === EventType.OrchestratorStarted);
  return Math.max(episode.deps.now(), last ? Date.parse(last.Timestamp) + 1 : 0);
}

function beginAnew(episode: Episode, next: Action, actions: Action[]): void {
  const version = episode.history.find(({ EventType: type }) => type === EventType.ExecutionStarted)?.Version;
  const carried = [...unconsumedEvents(episode.history, actions), ...unconsumedEvents(episode.fresh, [])];
  continueAsNew(episode, { input: textOf(next.input), version, carried });
}

/** True when the function has returned, thrown or asked to begin anew. */
function hasEnded(state: OrchestratorState): boolean {
  return state.isDone || state.error !== undefined;
}

/** Ends the orchestration, or begins it anew, when its function has ended and no task is open. */
function settle(episode: Episode, state: OrchestratorState, actions: Action[]): void {
  if (!hasEnded(state) || hasOpenTasks(episode.history, actions)) return;
  const next = actions.findLast(({ actionType }) => actionType === ActionType.ContinueAsNew);
  if (state.error !== undefined) {
    fail(episode, state.error, state);
  } else if (next) {
    beginAnew(episode, next, actions);
  } else {
    const output = JSON.stringify(state.output) ?? 'null';
    finish(episode, 'Completed', output);
    notifyParent(episode, { EventType: EventType.SubOrchestrationInstanceCompleted, Result: output });
  }
}

/** What a run leads to; an error when the function asks for what cannot be done. */
function plan(
  episode: Episode,
  nowMs: number,
  run: { segment: HistoryEvent[]; actions: Action[] },
): Step | { error: string } {
  try {
    return planStep(planContext(episode, nowMs), episode.history, run.segment, run.actions);
  } catch (error) {
    return { error: messageOf(error) };
  }
}

/** Runs the function over the history and some new events. */
function call(episode: Episode, events: readonly HistoryEvent[]): Promise<RunOutcome> {
  const before = episode.history.map((event) => (event.IsPlayed ? event : { ...event, IsPlayed: true }));
  return episode.deps.run(episode.instance, [...before, ...events]);
}

/**
 * Gives events back that a function which begins anew has not looked at. Which of them it had looked at when it ended
 * shows only in runs over fewer of them; for all other endings it does not matter.
 */
async function giveBackUnread(
  episode: Episode,
  start: HistoryEvent,
  segment: HistoryEvent[],
): Promise<HistoryEvent[]> {
  let fewest = 1;
  for (let most = segment.length; fewest < most; ) {
    const count = Math.floor((fewest + most) / 2);
    const outcome = await call(episode, [start, ...segment.slice(0, count)]);
    if ('state' in outcome && outcome.state.isDone) most = count;
    else fewest = count + 1;
  }
  episode.fresh.unshift(...segment.slice(fewest));
  return segment.slice(0, fewest);
}

function beginsAnew({ state }: { state: OrchestratorState }): boolean {
  return state.actions.flat().some(({ actionType }) => actionType === ActionType.ContinueAsNew);
}

/** Gives a segment to the function. */
async function read(episode: Episode, start: HistoryEvent, segment: HistoryEvent[]) {
  const outcome = await call(episode, [start, ...segment]);
  const isFirstEnd = 'state' in outcome && endedAt(episode.history) === undefined && beginsAnew(outcome);
  const taken =
    isFirstEnd && segment.slice(1).some(isExternal) ? await giveBackUnread(episode, start, segment) : segment;
  append(episode, start, ...taken);
  return { outcome, taken };
}

/** Gives one segment to the function and records what it asks for. */
async function runSegment(episode: Episode, segment: HistoryEvent[]): Promise<void> {
  const { deps, instance } = episode;
  const nowMs = nextTimeMs(episode);
  const { outcome, taken } = await read(episode, makeEvent(nowMs, EventType.OrchestratorStarted), segment);
  if (instance.status === 'Pending') instance.status = 'Running';
  if ('error' in outcome) return fail(episode, outcome.error);
  const { state } = outcome;
  const actions = state.actions.flat();
  if (actions.length > deps.maxActions) {
    return fail(
      episode,
      `it asked for ${actions.length} actions; maxOrchestrationActions is ${deps.maxActions}`,
    );
  }
  const step = plan(episode, nowMs, { segment: taken, actions });
  if ('error' in step) return fail(episode, step.error);
  const { seen, nextId, locks, sent } = step;
  const isEnd = hasEnded(state) && endedAt(episode.history) === undefined;
  const marks = { seen, nextId, locks, sent, ...(isEnd ? { ended: true as const } : {}) };
  append(episode, ...step.events, makeEvent(nowMs, EventType.OrchestratorCompleted, marks));
  episode.outgoing.control.push(...step.outgoing.control);
  episode.outgoing.work.push(...step.outgoing.work);
  if (state.customStatus !== undefined) instance.customStatus = JSON.stringify(state.customStatus);
  settle(episode, state, actions);
}

/** Runs the function over all fresh events, as few times as the numbering of tasks allows. */
export async function runFresh(episode: Episode): Promise<void> {
  while (episode.fresh.length > 0 && !isFinished(episode.instance.status) && !episode.newGeneration) {
    await runSegment(episode, takeSegment(episode.history, episode.fresh));
  }
}
