import { endedAt } from './ending.js';
import { type Episode, makeEvent, send } from './episode.js';
import { isFailure, scheduledBy } from './tasks.js';
import { EventType, type HistoryEvent } from './types.js';

const NOT_REPEATED: readonly number[] = [
  EventType.OrchestratorStarted,
  EventType.OrchestratorCompleted,
  EventType.TaskScheduled,
  EventType.TimerCreated,
  EventType.SubOrchestrationInstanceCreated,
  EventType.EventSent,
  EventType.ExecutionCompleted,
  EventType.ExecutionTerminated,
];

/** Where the run began that received the failure which ended the function; for a retried task, its first failure. */
function cutIndex(whole: readonly HistoryEvent[]): number {
  const end = endedAt(whole);
  // What came later, while other tasks were still open, did not end it.
  const history = end === undefined ? whole : whole.slice(0, end);
  const last = history.findLast(isFailure);
  const startMs = last && scheduledBy(history, last)?.retry?.firstMs;
  const first =
    startMs === undefined
      ? last
      : history.find((event) => isFailure(event) && scheduledBy(history, event)?.retry?.firstMs === startMs);
  const upTo = first ? history.indexOf(first) : history.length;
  return history
    .slice(0, upTo)
    .findLastIndex(({ EventType: type }) => type === EventType.OrchestratorStarted);
}

function dispatchAgain(episode: Episode, source: HistoryEvent, reason: string): void {
  const { instance, deps } = episode;
  if (source.EventType === EventType.SubOrchestrationInstanceCreated) {
    send(episode, source.InstanceId ?? '', { kind: 'rewind', reason });
    return;
  }
  episode.outgoing.work.push({
    id: deps.newId(),
    instanceId: instance.instanceId,
    executionId: instance.executionId,
    taskId: source.EventId,
    name: source.Name ?? '',
    input: source.Input,
    http: source.http,
  });
}

/**
 * Takes a failed orchestration back to before the failure that ended it: the history is cut there, the failed tasks
 * run again, and what other tasks and callers had delivered since is given to the function anew.
 */
export function rewind(episode: Episode): void {
  const { instance, deps } = episode;
  if (instance.status !== 'Failed') return;
  const whole = episode.history;
  const cut = Math.max(0, cutIndex(whole));
  const kept = whole.slice(0, cut);
  const late = instance.extra ? (JSON.parse(instance.extra) as HistoryEvent[]) : [];
  const later = [...whole.slice(cut), ...late].filter(({ EventType: type }) => !NOT_REPEATED.includes(type));
  instance.extra = undefined;
  instance.generation += 1;
  instance.rows = 0;
  instance.status = 'Running';
  instance.output = undefined;
  episode.history = kept;
  episode.added = [...kept];
  for (const event of later) {
    const source = scheduledBy(kept, event);
    if (isFailure(event) && source) dispatchAgain(episode, source, 'parent was rewound');
    const isResult = event.TaskScheduledId !== undefined || event.TimerId !== undefined;
    if (!isFailure(event) && (!isResult || source)) {
      episode.fresh.push(makeEvent(deps.now(), event.EventType, { ...event, IsPlayed: false }));
    }
  }
  episode.droppedEarlier = true;
}
