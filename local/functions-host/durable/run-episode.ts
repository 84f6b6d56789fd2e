import { messageOf } from '../errors.js';
import { endedAt, hasOpenTasks, unconsumedEvents } from './ending.js';
import {
  append,
  continueAsNew,
  type Episode,
  fail,
  finish,
  makeEvent,
  notifyParent,
  type RunOutcome,
} from './episode.js';
import { type PlanContext, planStep, type Step, textOf } from './plan.js';
import { takesIds } from './repeats.js';
import { isExternal } from './tasks.js';
import {
  type Action,
  ActionType,
  EventType,
  type HistoryEvent,
  isFinished,
  type OrchestratorState,
} from './types.js';

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

/** A time after that of every run before, so that replays see the clock move with each. */
function nextTimeMs(episode: Episode): number {
  const last = episode.history.findLast(({ EventType: type }) => type === EventType.OrchestratorStarted);
  const lastMs = Math.max(episode.lastMs, last ? Date.parse(last.Timestamp) : 0);
  episode.lastMs = Math.max(episode.deps.now(), lastMs + 1);
  return episode.lastMs;
}

function beginAnew(episode: Episode, next: Action, actions: Action[]): void {
  const version = episode.history.find(({ EventType: type }) => type === EventType.ExecutionStarted)?.Version;
  const { extra } = episode.instance;
  const putOff = extra === undefined ? [] : (JSON.parse(extra) as HistoryEvent[]);
  const unread = unconsumedEvents(episode.history, actions);
  const carried = [...unread, ...episode.fresh.filter(isExternal), ...putOff.filter(isExternal)];
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
