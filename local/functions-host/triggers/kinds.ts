import { DURABLE_TRIGGERS } from '../durable/durable-triggers.js';
import { eventHubTrigger } from './event-hubs/event-hub-trigger.js';
import { httpTrigger } from './http.js';
import { storageQueueTrigger } from './storage-queue.js';
import { timerTrigger } from './timer.js';
import type { TriggerKind } from './trigger.js';

/** Every kind of trigger this host can run. */
export const TRIGGER_KINDS: readonly TriggerKind[] = [
  httpTrigger,
  eventHubTrigger,
  storageQueueTrigger,
  timerTrigger,
  ...DURABLE_TRIGGERS,
];
