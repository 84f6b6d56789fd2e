import functions, { type FunctionHandler } from '@azure/functions';
import type { SourceConfig } from '../config/types.js';
import { toEnvelopes } from './envelopes.js';
import { type AppServices, requireReady } from './services.js';

/** Function name of a source; `AzureWebJobs.<name>.Disabled` pauses it. */
export function eventFunctionName(source: string): string {
  return `events-${source.replaceAll(/[^A-Za-z0-9_-]/g, '-')}`;
}

/**
 * One function per source. `dataType: binary` is the only lossless form; the unlimited retry policy is what
 * holds the partition when the worker dies, because the trigger's checkpoint moves when a function ends.
 */
export function registerEvents(services: AppServices): void {
  for (const source of services.config.sources) {
    functions.app.generic(eventFunctionName(source.name), {
      trigger: functions.trigger.generic({
        type: 'eventHubTrigger',
        connection: source.eventHub.connection,
        eventHubName: source.eventHub.name,
        consumerGroup: source.eventHub.consumerGroup,
        cardinality: 'many',
        dataType: 'binary',
      }),
      retry: {
        strategy: 'exponentialBackoff',
        maxRetryCount: -1,
        minimumInterval: { seconds: 1 },
        maximumInterval: { minutes: 1 },
      },
      handler: eventHandler(services, source),
    });
  }
}

function eventHandler(services: AppServices, source: SourceConfig): FunctionHandler {
  return async (bodies: unknown, context) => {
    await requireReady(services);
    const events = (Array.isArray(bodies) ? bodies : [bodies]) as Uint8Array[];
    await services.ingestEvents(source.name, toEnvelopes(source.name, events, context.triggerMetadata));
  };
}
