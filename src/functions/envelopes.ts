import type { Envelope, Position } from '../ingest/types.js';

/** What the Event Hubs extension puts into `context.triggerMetadata` for cardinality many. */
interface BatchMetadata {
  readonly partitionContext?: { readonly partitionId?: unknown };
  readonly triggerPartitionContext?: { readonly partitionId?: unknown };
  readonly systemPropertiesArray?: readonly Record<string, unknown>[];
  readonly propertiesArray?: readonly Record<string, unknown>[];
}

/** The extension sends UTC without a trailing Z, which `Date` would read as local time. */
function utc(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '') {
    return undefined;
  }
  return /(?:[zZ]|[+-]\d\d:?\d\d)$/.test(value) ? value : `${value}Z`;
}

function text(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : String(value);
}

function positionOf(partition: string, system: Record<string, unknown>): Position {
  return {
    partition,
    offset: text(system.offsetString) ?? text(system.offset) ?? '',
    sequenceNumber: typeof system.sequenceNumber === 'number' ? system.sequenceNumber : -1,
  };
}

/**
 * The binding's arrays as envelopes. Only `systemPropertiesArray` is sure to line up with the events; an array
 * of another length is not used, so that no record gets its neighbour's position or properties.
 */
export function toEnvelopes(source: string, bodies: readonly Uint8Array[], metadata: unknown): Envelope[] {
  const batch = (metadata ?? {}) as BatchMetadata;
  const context = batch.partitionContext ?? batch.triggerPartitionContext;
  const partition = text(context?.partitionId) ?? '';
  const aligned = <T>(values: readonly T[] | undefined): readonly T[] =>
    values !== undefined && values.length === bodies.length ? values : [];
  const system = aligned(batch.systemPropertiesArray);
  const properties = aligned(batch.propertiesArray);
  return bodies.map((body, index) => {
    const facts = system[index] ?? {};
    const key = text(facts.partitionKey);
    const enqueuedAt = utc(facts.enqueuedTimeUtc);
    return {
      body,
      ...(key === undefined ? {} : { key }),
      properties: properties[index] ?? {},
      source,
      position: positionOf(partition, facts),
      ...(enqueuedAt === undefined ? {} : { enqueuedAt }),
    };
  });
}
