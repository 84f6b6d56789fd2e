import type { Instance } from './instance.js';
import { EventType, type HistoryEvent } from './types.js';

function parsed(text: string | undefined): unknown {
  return text === undefined ? null : JSON.parse(text);
}

/** Time as the management API shows it: whole seconds. */
function seconds(iso: string): string {
  return `${iso.slice(0, 19)}Z`;
}

/** The status of an instance as the management API answers it. */
export function toStatus(instance: Instance, showInput: boolean) {
  return {
    name: instance.name,
    instanceId: instance.instanceId,
    runtimeStatus: instance.status,
    input: showInput ? parsed(instance.input) : null,
    customStatus: parsed(instance.customStatus),
    output: parsed(instance.output),
    createdTime: seconds(instance.createdAt),
    lastUpdatedTime: seconds(instance.updatedAt),
  };
}

/** An instance with every event of its present generation, as this host keeps them. */
export function toExport(instance: Instance, history: readonly HistoryEvent[]) {
  return {
    name: instance.name,
    instanceId: instance.instanceId,
    parentInstanceId: instance.parent?.instanceId ?? null,
    runtimeStatus: instance.status,
    generation: instance.generation,
    input: parsed(instance.input),
    history,
  };
}

const NAMES = Object.fromEntries(Object.entries(EventType).map(([name, type]) => [type, name]));

const HIDDEN: readonly number[] = [
  EventType.OrchestratorStarted,
  EventType.OrchestratorCompleted,
  EventType.TaskScheduled,
  EventType.TimerCreated,
  EventType.SubOrchestrationInstanceCreated,
];

function describe(event: HistoryEvent, source: HistoryEvent | undefined, show: HistoryShow) {
  const isResult = source && event.EventType !== EventType.TimerFired;
  return {
    EventType: NAMES[event.EventType],
    Timestamp: event.Timestamp,
    ...(source ? { ScheduledTime: source.Timestamp } : {}),
    ...(isResult ? { FunctionName: source.Name } : {}),
    ...(event.EventType === EventType.ExecutionStarted ? { FunctionName: event.Name } : {}),
    ...(event.EventType === EventType.EventRaised ? { Name: event.Name } : {}),
    ...(event.EventType === EventType.EventSent ? { InstanceId: event.InstanceId } : {}),
    ...(event.FireAt ? { FireAt: event.FireAt } : {}),
    ...(event.OrchestrationStatus ? { OrchestrationStatus: event.OrchestrationStatus } : {}),
    ...(event.Reason ? { Reason: event.Reason, Details: event.Details } : {}),
    ...(show.output && event.Result !== undefined ? { Result: parsed(event.Result) } : {}),
    ...(show.input && event.Input !== undefined && event.EventType !== EventType.EventSent
      ? { Input: event.Input }
      : {}),
  };
}

/** What a history shows besides its events. */
export interface HistoryShow {
  output: boolean;
  input: boolean;
}

/** A history as the management API shows it: results joined with what scheduled them. */
export function toHistory(history: readonly HistoryEvent[], show: HistoryShow) {
  const scheduled = new Map(
    history
      .filter(({ EventType: type }) => HIDDEN.includes(type) && type !== EventType.OrchestratorStarted)
      .filter(({ EventId }) => EventId >= 0)
      .map((event) => [event.EventId, event]),
  );
  return history
    .filter(({ EventType: type }) => !HIDDEN.includes(type))
    .map((event) => describe(event, scheduled.get(event.TaskScheduledId ?? event.TimerId ?? -1), show));
}
