import type { SourceConfig } from '../config/types.js';
import type { DeadLetterStore } from '../deadletter/ports.js';
import { createEventIngest, type EventIngest } from '../ingest/ingest-events.js';
import { createIngestTelemetry } from '../ingest/telemetry.js';
import { createTransformer } from '../ingest/transform.js';
import type { Sink } from '../ingest/types.js';
import type { Clock } from '../runtime/clock.js';
import type { Gate } from '../runtime/gate.js';
import type { Logger, Metrics } from '../runtime/log.js';

export interface EventIngestParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly sink: Sink;
  readonly gate: Gate;
  readonly handlerDeadlineMs: number;
}

/** Makes the ingest path of one source. */
export function eventIngestFactory(
  parts: EventIngestParts,
): (source: SourceConfig, deadLetters: DeadLetterStore) => EventIngest {
  return (source, deadLetters) => {
    const { route } = source;
    const { clock, logger, metrics, sink, gate, handlerDeadlineMs } = parts;
    const base = { clock, logger, metrics, sink, gate, handlerDeadlineMs, source, deadLetters };
    if (route.transform === undefined) {
      return createEventIngest(base);
    }
    const transformer = createTransformer({
      clock,
      logger,
      telemetry: createIngestTelemetry(metrics, source.name),
      modulePath: route.transform,
      timeoutMs: route.transformTimeoutMs,
      maxOutputBytes: route.maxInflatedBytes,
      context: {
        pipeline: source.name,
        database: route.database,
        table: route.table,
        format: route.format,
      },
    });
    return createEventIngest({ ...base, transformer });
  };
}
