import type { ReceivedEventData } from '@azure/event-hubs';
import type { InvocationData } from '../../invoker.js';
import type { TypedData } from '../../protocol.js';
import { bodyMetadata, dotnetDate, mergeMetadata } from '../binding-data.js';
import type { ConsumerAddress } from './blob-store.js';

/** How a function wants its events. */
export interface EventShape {
  cardinality: 'one' | 'many';
  dataType: 'string' | 'binary';
  /** Whether the app asked for empty strings to be kept (`IncludeEmptyEntriesInMessagePayload`). */
  keepEmpty: boolean;
}

/** Where a batch comes from. */
export interface BatchOrigin extends ConsumerAddress {
  partitionId: string;
  isCheckpointingAfterInvocation: boolean;
}

/** Bytes of an event's body; bodies that are not AMQP data sections are written as text. */
function bodyBytes(event: ReceivedEventData): Buffer {
  const body: unknown = event.body;
  if (Buffer.isBuffer(body)) return body;
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (body === null || body === undefined) return Buffer.alloc(0);
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** Values as the .NET host prints them in JSON: bytes as base64, times in UTC. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (value instanceof Date) return `${dotnetDate(value)}Z`;
  return value;
}

function userProperties(event: ReceivedEventData): Record<string, unknown> {
  // The SDK's own `properties` have their times turned into numbers; the message still has them as times.
  const source = event.getRawAmqpMessage().applicationProperties ?? event.properties;
  if (!source) return {};
  const result: Record<string, unknown> = {};
  for (const key in source) result[key] = plain(source[key]);
  return result;
}

/** Legacy numeric offset: -1 when the service's offset is no number, as in geo-replicated namespaces. */
function numericOffset(event: ReceivedEventData): number {
  const text = String(event.offset);
  return /^\d+$/.test(text) ? Number(text) : -1;
}

function systemProperties(event: ReceivedEventData): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const key in event.systemProperties) result[key] = plain(event.systemProperties[key]);
  result['SequenceNumber'] = event.sequenceNumber;
  result['Offset'] = numericOffset(event);
  result['OffsetString'] = String(event.offset);
  result['PartitionKey'] = event.partitionKey ?? null;
  result['EnqueuedTimeUtc'] = dotnetDate(event.enqueuedTimeUtc);
  return result;
}

function originMetadata(origin: BatchOrigin): Record<string, TypedData> {
  const json = JSON.stringify({
    FullyQualifiedNamespace: origin.fullyQualifiedNamespace,
    EventHubName: origin.eventHubName,
    ConsumerGroup: origin.consumerGroup,
    PartitionId: origin.partitionId,
    IsCheckpointingAfterInvocation: origin.isCheckpointingAfterInvocation,
  });
  return { PartitionContext: { json }, TriggerPartitionContext: { json } };
}

const strings = (values: readonly string[], keepEmpty: boolean): TypedData => ({
  collectionString: { string: keepEmpty ? [...values] : values.filter((value) => value !== '') },
});

function manyMetadata(events: readonly ReceivedEventData[], shape: EventShape): Record<string, TypedData> {
  const keys = events.flatMap(({ partitionKey }) =>
    (partitionKey ?? null) === null ? [] : [String(partitionKey)],
  );
  return {
    PartitionKeyArray: strings(keys, shape.keepEmpty),
    OffsetArray: strings(
      events.map((event) => String(numericOffset(event))),
      shape.keepEmpty,
    ),
    OffsetStringArray: strings(
      events.map(({ offset }) => String(offset)),
      shape.keepEmpty,
    ),
    SequenceNumberArray: { collectionSint64: { sint64: events.map(({ sequenceNumber }) => sequenceNumber) } },
    EnqueuedTimeUtcArray: {
      json: JSON.stringify(events.map(({ enqueuedTimeUtc }) => dotnetDate(enqueuedTimeUtc))),
    },
    PropertiesArray: { json: JSON.stringify(events.map(userProperties)) },
    SystemPropertiesArray: { json: JSON.stringify(events.map(systemProperties)) },
  };
}

function oneMetadata(event: ReceivedEventData): Record<string, TypedData> {
  return {
    ...((event.partitionKey ?? null) === null
      ? {}
      : { PartitionKey: { string: String(event.partitionKey) } }),
    Offset: { int: numericOffset(event) },
    OffsetString: { string: String(event.offset) },
    SequenceNumber: { int: event.sequenceNumber },
    EnqueuedTimeUtc: { json: JSON.stringify(dotnetDate(event.enqueuedTimeUtc)) },
    Properties: { json: JSON.stringify(userProperties(event)) },
    SystemProperties: { json: JSON.stringify(systemProperties(event)) },
  };
}

/** Data of one invocation for a whole batch (`cardinality: many`). */
export function manyInvocation(
  events: readonly ReceivedEventData[],
  shape: EventShape,
  origin: BatchOrigin,
): InvocationData {
  const bodies = events.map(bodyBytes);
  return {
    reason: `${events.length} events of partition ${origin.partitionId}`,
    input:
      shape.dataType === 'binary'
        ? { collectionBytes: { bytes: bodies } }
        : strings(
            bodies.map((body) => body.toString('utf8')),
            shape.keepEmpty,
          ),
    triggerMetadata: { ...originMetadata(origin), ...manyMetadata(events, shape) },
  };
}

/** Data of one invocation for a single event (`cardinality: one`). */
export function oneInvocation(
  event: ReceivedEventData,
  shape: EventShape,
  origin: BatchOrigin,
): InvocationData {
  const body = bodyBytes(event);
  const text = shape.dataType === 'binary' ? undefined : body.toString('utf8');
  return {
    reason: `an event of partition ${origin.partitionId}`,
    input: text === undefined ? { bytes: body } : { string: text },
    triggerMetadata: mergeMetadata(
      { ...originMetadata(origin), ...oneMetadata(event) },
      text === undefined ? {} : bodyMetadata(text),
    ),
  };
}

/** Data of an invocation started through the admin API: the text becomes one event without a partition. */
export function textInvocation(text: string, shape: EventShape): InvocationData {
  const body = Buffer.from(text);
  const one: TypedData = shape.dataType === 'binary' ? { bytes: body } : { string: text };
  const many: TypedData =
    shape.dataType === 'binary' ? { collectionBytes: { bytes: [body] } } : strings([text], shape.keepEmpty);
  return { reason: 'admin request', input: shape.cardinality === 'one' ? one : many, triggerMetadata: {} };
}
