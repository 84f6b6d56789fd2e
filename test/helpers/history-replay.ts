import type { OrchestrationHandler } from 'durable-functions';
import { endedAt, hasOpenTasks } from '../../local/functions-host/durable/ending.js';
import { numberingOf, planStep, type Step } from '../../local/functions-host/durable/plan.js';
import { begunTask, scheduledBy } from '../../local/functions-host/durable/tasks.js';
import {
  type Action,
  ActionType,
  EventType,
  type HistoryEvent,
  type OrchestratorState,
} from '../../local/functions-host/durable/types.js';
import { runOrchestratorOnce } from './orchestrator-runner.js';

/** Most events named in a problem. */
const MAX_NAMED = 5;

/**
 * The history of one instance, as `recordHistory` gets it and as it can be kept in a file. It is that of one
 * generation: `continueAsNew` begins a new history and the host removes the one before, so a recording made while an
 * instance runs holds the generation that ran then, and one made at its end the last. To keep several generations,
 * record several times; each is replayed by itself, with the input its ExecutionStarted event holds.
 */
export interface RecordedHistory {
  name: string;
  instanceId: string;
  parentInstanceId: string | null;
  runtimeStatus: string;
  /** Number of the generation, from 0. */
  generation: number;
  input: unknown;
  /** Every event: PascalCase fields as the library reads them, results and inputs as JSON text. */
  history: HistoryEvent[];
}

/** Who the replayed instance is; what a RecordedHistory says, when it is given as it is. */
export interface ReplayOptions {
  instanceId?: string;
  parentInstanceId?: string | null;
  /** As `defaultAsyncRequestSleepTimeMilliseconds` of the host, in ms. */
  httpPollMs?: number;
}

/** One run of the function over what was new to it. */
export interface ReplayedEpisode {
  /** What the function was given, in words. */
  given: string[];
  /** Actions the code asks for in this run and did not ask for before. */
  actions: Action[];
  /** What these actions, and the retries that are due, begin: in words, in their order. */
  planned: string[];
  /** What the history says was begun. */
  recorded: string[];
  /** How the two differ; undefined when they are the same. */
  problem?: string;
}

/** What came of a replay. */
export interface Replay {
  /** Runs up to the first that differs. */
  episodes: ReplayedEpisode[];
  /** Why the code does not fit the history; undefined when it does. */
  problem?: string;
  /** What the function returned, when it returned. */
  output?: unknown;
}

interface Recorded {
  start: HistoryEvent;
  given: HistoryEvent[];
  begun: HistoryEvent[];
  completed?: HistoryEvent;
}

const isBegun = (event: HistoryEvent) =>
  begunTask(event) !== undefined || event.EventType === EventType.EventSent;

/** Cuts a history into its runs. What stands between two runs (suspend, resume, the end) is none of them. */
function episodesOf(history: readonly HistoryEvent[]): Recorded[] {
  const found: Recorded[] = [];
  let open: Recorded | undefined;
  for (const event of history) {
    if (event.EventType === EventType.OrchestratorStarted) {
      open = { start: event, given: [], begun: [] };
      found.push(open);
    } else if (event.EventType === EventType.OrchestratorCompleted && open) {
      open.completed = event;
      open = undefined;
    } else if (open) (isBegun(event) ? open.begun : open.given).push(event);
  }
  return found;
}

/** A begun task in words. Two tasks are the same when these are; times, inputs and generated ids may differ. */
function describeBegun(event: HistoryEvent): string {
  const task = `(task ${event.EventId})`;
  switch (event.EventType) {
    case EventType.TaskScheduled:
      return `activity "${event.Name}" ${task}`;
    case EventType.TimerCreated:
      return `timer ${task}`;
    case EventType.SubOrchestrationInstanceCreated:
      return `sub-orchestration "${event.Name}" ${task}`;
    default: {
      const { kind, operation } = JSON.parse(event.Input ?? '{}') as { kind?: string; operation?: string };
      return `${kind} ${operation ? `"${operation}" ` : ''}to entity ${event.InstanceId} ${task}`;
    }
  }
}

function describeGiven(event: HistoryEvent, history: readonly HistoryEvent[]): string {
  if (event.EventType === EventType.ExecutionStarted) return 'the start';
  if (event.EventType === EventType.EventRaised) {
    return event.internal ? 'the answer of an entity' : `event "${event.Name}"`;
  }
  const source = scheduledBy(history, event);
  return source ? `the end of ${describeBegun(source)}` : `event of type ${event.EventType}`;
}

/** How a run leaves the orchestration. */
function endOf(state: OrchestratorState): string {
  if (state.error !== undefined) return 'Failed';
  const again = state.actions.flat().some(({ actionType }) => actionType === ActionType.ContinueAsNew);
  if (again) return 'ContinuedAsNew';
  return state.isDone ? 'Completed' : 'Running';
}

interface Replaying {
  handler: OrchestrationHandler;
  options: ReplayOptions;
  input: string | undefined;
  /** What the function sees: the recorded events. */
  seen: HistoryEvent[];
  /** The same, with what this code plans in the place of what was planned. */
  shadow: HistoryEvent[];
}

async function runEpisode(replaying: Replaying, { start, given }: Recorded) {
  const { handler, input, options, seen } = replaying;
  const before = seen.map((event) => ({ ...event, IsPlayed: true }));
  const call = {
    instanceId: options.instanceId ?? 'replayed',
    input,
    parentInstanceId: options.parentInstanceId ?? undefined,
    httpPollMs: options.httpPollMs ?? 30_000,
  };
  const fresh = [start, ...given].map((event) => ({ ...event, IsPlayed: false }));
  return runOrchestratorOnce(handler, call, [...before, ...fresh]);
}

function plan(replaying: Replaying, { start, given }: Recorded, actions: readonly Action[]): Step {
  const context = {
    instanceId: replaying.options.instanceId ?? 'replayed',
    executionId: 'replayed',
    name: '',
    nowMs: Date.parse(start.Timestamp),
    httpPollMs: replaying.options.httpPollMs ?? 30_000,
    newId: () => 'replayed',
  };
  return planStep(context, [...replaying.shadow, ...given], given, actions);
}

/** The first difference, in words. */
function compare(episode: ReplayedEpisode, state: OrchestratorState): string | undefined {
  const { planned, recorded } = episode;
  const length = Math.max(planned.length, recorded.length);
  for (let index = 0; index < length; index += 1) {
    if (planned[index] === recorded[index]) continue;
    const ending = { Failed: `fails: ${state.error}`, Completed: 'returns', ContinuedAsNew: 'begins anew' };
    const nothing = ending[endOf(state) as keyof typeof ending] ?? 'waits';
    return `the history has ${recorded[index] ?? 'nothing more'}, the code ${planned[index] ?? nothing}`;
  }
  return undefined;
}

/** Notes what a run led to, so that the next one is planned upon it. */
function note(replaying: Replaying, recorded: Recorded, step: Step, state: OrchestratorState): void {
  const { start, given, begun, completed } = recorded;
  const { seen, nextId, locks, sent } = step;
  const isEnd = endOf(state) !== 'Running' && endedAt(replaying.shadow) === undefined;
  const end = {
    ...(completed ?? start),
    EventType: EventType.OrchestratorCompleted,
    seen,
    nextId,
    locks,
    sent,
  };
  replaying.shadow.push(start, ...given, ...step.events, { ...end, ...(isEnd ? { ended: true } : {}) });
  replaying.seen.push(start, ...given, ...begun, ...(completed ? [completed] : []));
}

/** How the recorded end differs from that of the code. */
function compareEnd(history: readonly HistoryEvent[], shadow: HistoryEvent[], state: OrchestratorState) {
  if (history.some(({ EventType: type }) => type === EventType.ExecutionTerminated)) return undefined;
  const end = history.findLast(({ EventType: type }) => type === EventType.ExecutionCompleted);
  const expected = end?.OrchestrationStatus ?? 'Running';
  const isHeld = endOf(state) !== 'Running' && hasOpenTasks(shadow, state.actions.flat());
  const actual = isHeld ? 'Running' : endOf(state);
  if (expected === actual) return undefined;
  const why = state.error === undefined ? '' : ` (${state.error})`;
  return `the history ends as ${expected}, the code as ${actual}${why}`;
}

async function replayOne(replaying: Replaying, recorded: Recorded) {
  const outcome = await runEpisode(replaying, recorded);
  const given = recorded.given.map((event) => describeGiven(event, replaying.seen));
  const episode: ReplayedEpisode = {
    given,
    actions: [],
    planned: [],
    recorded: recorded.begun.map(describeBegun),
  };
  if ('error' in outcome) return { episode: { ...episode, problem: outcome.error } };
  const actions = outcome.state.actions.flat();
  episode.actions = actions.slice(numberingOf(replaying.shadow).seen);
  try {
    const step = plan(replaying, recorded, actions);
    episode.planned = step.events.map(describeBegun);
    episode.problem = compare(episode, outcome.state);
    note(replaying, recorded, step, outcome.state);
  } catch (error) {
    episode.problem = error instanceof Error ? error.message : String(error);
  }
  return { episode, state: outcome.state };
}

/**
 * Replays a recorded history with the code of today. Each run in it is given to the function by the real library;
 * what the function then asks for must be what the history records as begun: the same activities, timers,
 * sub-orchestrations and calls of entities under the same numbers. That is what an instance needs which was begun by
 * earlier code and is to be finished by this one. Inputs of activities, times of timers and the output may differ.
 * The numbering is this host's: a history of Azure in which a failed attempt of a retried task came together with
 * other results may be reported although it fits.
 */
export async function replayHistory(
  handler: OrchestrationHandler,
  history: readonly HistoryEvent[],
  options: ReplayOptions = {},
): Promise<Replay> {
  const started = history.find(({ EventType: type }) => type === EventType.ExecutionStarted);
  const replaying: Replaying = { handler, options, input: started?.Input, seen: [], shadow: [] };
  const episodes: ReplayedEpisode[] = [];
  let last: OrchestratorState | undefined;
  for (const recorded of episodesOf(history)) {
    const { episode, state } = await replayOne(replaying, recorded);
    episodes.push(episode);
    if (episode.problem !== undefined || !state) {
      const more = episode.given.length > MAX_NAMED ? [`${episode.given.length - MAX_NAMED} more`] : [];
      const given = [...episode.given.slice(0, MAX_NAMED), ...more].join(', ');
      const place = `run ${episodes.length}, after ${given}`;
      return { episodes, problem: `${place}: ${episode.problem}` };
    }
    last = state;
  }
  if (!last) return { episodes, problem: 'the history has no run of the orchestrator' };
  return { episodes, problem: compareEnd(history, replaying.shadow, last), output: last.output };
}

/**
 * Gets the history of an instance from a running local host.
 * @param hostUrl the host's address, as `http://127.0.0.1:7071`
 * @throws Error when there is no such instance
 */
export async function recordHistory(hostUrl: string, instanceId: string): Promise<RecordedHistory> {
  const path = `/runtime/webhooks/durabletask/instances/${encodeURIComponent(instanceId)}/history`;
  const response = await fetch(new URL(path, hostUrl));
  if (!response.ok) throw new Error(`history of ${instanceId}: ${response.status} ${await response.text()}`);
  return (await response.json()) as RecordedHistory;
}
