import { registerEvents } from './events.js';
import { registerHttpDeadLetters } from './http-dead-letters.js';
import { registerHttpIngest } from './http-ingest.js';
import { registerHttpLoads } from './http-loads.js';
import { registerHttpShipments } from './http-shipments.js';
import { registerHttpStatus } from './http-status.js';
import { registerLoadOrchestration } from './load-orchestration.js';
import type { AppServices } from './services.js';
import { registerTimers } from './timers.js';

/** Every function of the app. */
export function registerFunctions(services: AppServices): void {
  registerEvents(services);
  registerHttpIngest(services);
  registerHttpDeadLetters(services);
  registerHttpShipments(services);
  registerHttpLoads(services);
  registerLoadOrchestration(services);
  registerHttpStatus(services);
  registerTimers(services);
}
