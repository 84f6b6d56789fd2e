import type { TriggerKind } from '../triggers/trigger.js';
import type { DurableKind } from './parts.js';

/** The hub listens for all durable functions together, so a single one has nothing to start. */
function durableTrigger(type: string, kind: DurableKind): TriggerKind {
  return {
    type,
    create(fn, context) {
      context.durable.add(kind, fn);
      return { start: async () => undefined, stop: async () => undefined };
    },
  };
}

/** Activities, orchestrators and entities of Durable Functions. */
export const DURABLE_TRIGGERS: readonly TriggerKind[] = [
  durableTrigger('activitytrigger', 'activity'),
  durableTrigger('orchestrationtrigger', 'orchestrator'),
  durableTrigger('entitytrigger', 'entity'),
];
