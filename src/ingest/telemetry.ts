import type { Metrics } from '../runtime/log.js';

/** Names of what the ingest path counts and measures; every one carries the attribute `pipeline`. */
export const ingestMetrics = {
  recordsIn: 'kusto_functions.records.in',
  bytesIn: 'kusto_functions.bytes.in',
  shipped: 'kusto_functions.records.shipped',
  bytesShipped: 'kusto_functions.bytes.shipped',
  /** Attributes `kind` and `code`. */
  deadLettered: 'kusto_functions.records.dead_lettered',
  /** Attribute `reason`: `transform` (it returned null) or the error code under `onError: drop`. */
  dropped: 'kusto_functions.records.dropped',
  possibleDuplicates: 'kusto_functions.records.possible_duplicates',
  oversizedValues: 'kusto_functions.values.oversized',
  batchBytes: 'kusto_functions.batch.bytes',
  batchRecords: 'kusto_functions.batch.records',
  batchAgeMs: 'kusto_functions.batch.age_ms',
  flushMs: 'kusto_functions.flush.duration_ms',
  /** Attribute `code`. */
  retries: 'kusto_functions.retries',
  bytesInFlight: 'kusto_functions.bytes_in_flight',
  transformRestarts: 'kusto_functions.transform.restarts',
} as const;

/** The metrics of one pipeline. */
export interface IngestTelemetry {
  add(name: keyof typeof ingestMetrics, value: number, attributes?: Readonly<Record<string, string>>): void;
  record(name: keyof typeof ingestMetrics, value: number): void;
}

export function createIngestTelemetry(metrics: Metrics, pipeline: string): IngestTelemetry {
  const own = { pipeline };
  return {
    add: (name, value, attributes) => {
      if (value !== 0) {
        metrics.add(ingestMetrics[name], value, attributes === undefined ? own : { ...own, ...attributes });
      }
    },
    record: (name, value) => metrics.record(ingestMetrics[name], value, own),
  };
}
