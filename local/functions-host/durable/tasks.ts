import { EventType, type HistoryEvent } from './types.js';

const SCHEDULING: readonly number[] = [
  EventType.TaskScheduled,
  EventType.TimerCreated,
  EventType.SubOrchestrationInstanceCreated,
];

const FAILURES: readonly number[] = [EventType.TaskFailed, EventType.SubOrchestrationInstanceFailed];

const COMPLETIONS: readonly number[] = [
  ...FAILURES,
  EventType.TaskCompleted,
  EventType.TimerFired,
  EventType.SubOrchestrationInstanceCompleted,
];

/** Id of the task this event began; undefined for another event. Timers and other tasks share one count. */
export function begunTask(event: HistoryEvent): number | undefined {
  return SCHEDULING.includes(event.EventType) ? event.EventId : undefined;
}

/** Id of the task this event ended; undefined for another event. */
export function endedTask(event: HistoryEvent): number | undefined {
  return COMPLETIONS.includes(event.EventType) ? (event.TaskScheduledId ?? event.TimerId) : undefined;
}

/** True for the failure of an activity or a sub-orchestration. */
export function isFailure(event: HistoryEvent): boolean {
  return FAILURES.includes(event.EventType);
}

/** True for an event someone outside raised. */
export function isExternal(event: HistoryEvent): boolean {
  return event.EventType === EventType.EventRaised && !event.internal;
}

/** The event that began the task a completion belongs to. */
export function scheduledBy(
  history: readonly HistoryEvent[],
  completion: HistoryEvent,
): HistoryEvent | undefined {
  const id = completion.TaskScheduledId ?? completion.TimerId;
  return id === undefined ? undefined : history.find((event) => begunTask(event) === id);
}
