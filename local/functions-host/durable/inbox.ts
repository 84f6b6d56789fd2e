import { append, type Episode, finish, makeEvent, notifyParent, send } from './episode.js';
import type { Instance } from './instance.js';
import { releaseRequest } from './plan.js';
import { remember } from './recent.js';
import { rewind } from './rewind.js';
import { endedTask, scheduledBy } from './tasks.js';
import { type ControlMessage, EventType, type HistoryEvent, isFinished } from './types.js';

/** False for the result of a task that is not open (any more). */
function isWanted(episode: Episode, event: HistoryEvent): boolean {
  const id = endedTask(event);
  if (id === undefined) return true;
  const source = scheduledBy(episode.history, event);
  if (!source) return false;
  // After a rewind another timer may bear the same number.
  if (event.EventType === EventType.TimerFired && source.FireAt !== event.FireAt) return false;
  const isResult = (other: HistoryEvent) => endedTask(other) === id;
  return !episode.history.some(isResult) && !episode.fresh.some(isResult);
}

function waiting(episode: Episode): HistoryEvent[] {
  return episode.instance.extra ? (JSON.parse(episode.instance.extra) as HistoryEvent[]) : [];
}

function putOff(episode: Episode, event: HistoryEvent): void {
  episode.instance.extra = JSON.stringify([...waiting(episode), event]);
}

/** Takes events that were put off back into the inbox. */
function takeBack(episode: Episode): void {
  const events = waiting(episode);
  episode.instance.extra = undefined;
  for (const event of events) if (isWanted(episode, event)) episode.fresh.push(event);
}

function hasStarted(episode: Episode): boolean {
  return [...episode.history, ...episode.fresh].some(
    ({ EventType: type }) => type === EventType.ExecutionStarted,
  );
}

function isStartWaiting(episode: Episode): boolean {
  return waiting(episode)[0]?.EventType === EventType.ExecutionStarted;
}

function onStart(episode: Episode, body: Extract<ControlMessage['body'], { kind: 'start' }>): void {
  const { instance, deps } = episode;
  if (instance.executionId !== body.executionId) {
    const own = instance.parent;
    const repeated = own?.executionId === body.parent?.executionId && own?.taskId === body.parent?.taskId;
    if (!body.parent || repeated) return;
    if (isFinished(instance.status)) {
      restart(episode, body);
      return;
    }
    send(episode, body.parent.instanceId, {
      kind: 'event',
      executionId: body.parent.executionId,
      event: makeEvent(deps.now(), EventType.SubOrchestrationInstanceFailed, {
        TaskScheduledId: body.parent.taskId,
        Reason: `The sub-orchestrator function '${body.name}' could not start`,
        Details: `an orchestration with id '${instance.instanceId}' exists and is ${instance.status}`,
      }),
    });
    return;
  }
  if (hasStarted(episode) || isFinished(instance.status)) return;
  const { Input, Version } = { Input: instance.input, Version: body.version };
  const started = makeEvent(deps.now(), EventType.ExecutionStarted, { Name: instance.name, Input, Version });
  if (instance.status === 'Suspended') {
    instance.extra = JSON.stringify([started, ...waiting(episode)]);
    return;
  }
  episode.fresh.unshift(started);
  takeBack(episode);
}

/** A sub-orchestration takes over the id of an instance that has ended. */
function restart(episode: Episode, body: Extract<ControlMessage['body'], { kind: 'start' }>): void {
  const { instance, deps } = episode;
  Object.assign(instance, newInstance(instance.instanceId, body, deps.now()), {
    etag: instance.etag,
    generation: instance.generation + 1,
    recent: instance.recent,
  });
  episode.history = [];
  episode.droppedEarlier = true;
  onStart(episode, body);
}

/** A new orchestration that has not run yet. */
export function newInstance(
  instanceId: string,
  body: Extract<ControlMessage['body'], { kind: 'start' }>,
  nowMs: number,
): Instance {
  const now = new Date(nowMs).toISOString();
  return {
    instanceId,
    name: body.name,
    executionId: body.executionId,
    generation: 0,
    status: 'Pending',
    createdAt: now,
    updatedAt: now,
    rows: 0,
    parent: body.parent,
    recent: [],
    input: body.input,
    output: undefined,
    customStatus: undefined,
    extra: undefined,
  };
}

function onControl(episode: Episode, event: HistoryEvent): boolean {
  const { instance } = episode;
  switch (event.EventType) {
    case EventType.ExecutionTerminated:
      finish(episode, 'Terminated', JSON.stringify(event.Input ?? ''));
      notifyParent(episode, {
        EventType: EventType.SubOrchestrationInstanceFailed,
        Reason: `The sub-orchestrator function '${instance.name}' was terminated`,
        Details: event.Input ?? '',
      });
      return true;
    case EventType.ExecutionSuspended:
      append(episode, event);
      instance.status = 'Suspended';
      instance.output = JSON.stringify(event.Input ?? '');
      return true;
    case EventType.ExecutionResumed:
      if (instance.status !== 'Suspended') return true;
      append(episode, event);
      instance.status = 'Running';
      instance.output = undefined;
      if (hasStarted(episode) || isStartWaiting(episode)) takeBack(episode);
      return true;
    default:
      return false;
  }
}

/** A lock granted to an execution that is over is of no use and would be held for ever. */
function giveBackLocks(episode: Episode, event: HistoryEvent, executionId: string): void {
  const { deps, instance } = episode;
  for (const target of event.locks ?? []) {
    const request = releaseRequest({ instanceId: instance.instanceId, executionId, newId: deps.newId });
    send(episode, target, { kind: 'entity', request });
  }
}

function onEvent(episode: Episode, event: HistoryEvent, executionId: string | undefined): void {
  const { instance } = episode;
  if (executionId !== undefined && (executionId !== instance.executionId || isFinished(instance.status))) {
    giveBackLocks(episode, event, executionId);
  }
  if (executionId !== undefined && executionId !== instance.executionId) return;
  if (isFinished(instance.status)) {
    // A rewind may still need what other tasks delivered after the failure.
    if (instance.status === 'Failed' && event.EventId === -1 && isWanted(episode, event))
      putOff(episode, event);
    return;
  }
  if (onControl(episode, event)) return;
  if (instance.status === 'Suspended' || !hasStarted(episode)) putOff(episode, event);
  else if (isWanted(episode, event)) episode.fresh.push(event);
}

/**
 * Takes one message into the episode.
 * @returns false for a message that was handled before: it changes nothing
 */
export function accept(episode: Episode, message: ControlMessage): boolean {
  if (!remember(episode.instance.recent, message.id)) return false;
  const { body } = message;
  if (body.kind === 'start') onStart(episode, body);
  else if (body.kind === 'event') onEvent(episode, body.event, body.executionId);
  else if (body.kind === 'rewind') rewind(episode);
  return true;
}
