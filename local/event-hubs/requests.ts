import { CBS_ADDRESS } from './address.js';
import { Refusal } from './errors.js';
import type { Hub, HubRegistry } from './hubs.js';
import { type DecodedMessage, types } from './rhea.js';

const STR32 = 0xb1;
const STATUS_BY_CONDITION: Readonly<Record<string, number>> = {
  'amqp:not-found': 404,
  'amqp:unauthorized-access': 401,
  'amqp:not-implemented': 501,
};

/** Answer to a request message, ready to be encoded. */
export interface Reply {
  readonly body: unknown;
  readonly correlation_id: unknown;
  readonly application_properties: Readonly<Record<string, unknown>>;
}

/** Answers a request on `$cbs` or `$management`; failures become a status code with a condition. */
export function answer(node: 'cbs' | 'management', request: DecodedMessage, hubs: HubRegistry): Reply {
  try {
    return node === 'cbs' ? putToken(request) : read(request, hubs);
  } catch (error) {
    const condition = error instanceof Refusal ? error.condition : 'amqp:internal-error';
    const description = error instanceof Error ? error.message : String(error);
    return reply(request, {
      status: STATUS_BY_CONDITION[condition] ?? 500,
      description,
      condition,
      body: '',
    });
  }
}

/** Any token is taken: the server stands in for a service on the same machine and guards nothing. */
function putToken(request: DecodedMessage): Reply {
  const operation = textProperty(request, 'operation');
  if (operation !== 'put-token') throw unsupportedOperation(CBS_ADDRESS, operation);
  if (request.body === undefined || request.body === null || request.body === '') {
    throw new Refusal('amqp:unauthorized-access', 'The token is empty.');
  }
  return reply(request, { status: 202, description: 'Accepted', body: '' });
}

function read(request: DecodedMessage, hubs: HubRegistry): Reply {
  const operation = textProperty(request, 'operation');
  const type = textProperty(request, 'type');
  if (operation !== 'READ') throw unsupportedOperation('$management', operation);
  const hub = hubs.get(textProperty(request, 'name'));
  if (type === 'com.microsoft:eventhub') return ok(request, describeHub(hub));
  if (type === 'com.microsoft:partition') {
    return ok(request, describePartition(hub, textProperty(request, 'partition')));
  }
  throw unsupportedOperation('$management', `${operation} ${type}`);
}

function describeHub(hub: Hub): Record<string, unknown> {
  return {
    type: types.wrap_string('com.microsoft:eventhub'),
    name: types.wrap_string(hub.name),
    created_at: types.wrap_timestamp(hub.createdMs),
    partition_count: types.wrap_int(hub.partitions.length),
    partition_ids: types.wrap_array(
      hub.partitions.map((_log, index) => String(index)),
      STR32,
    ),
    georeplication_factor: types.wrap_int(1),
  };
}

function describePartition(hub: Hub, id: string): Record<string, unknown> {
  const log = hub.partitions[hub.partitionIndex(id)]!;
  return {
    type: types.wrap_string('com.microsoft:partition'),
    name: types.wrap_string(hub.name),
    partition: types.wrap_string(id),
    begin_sequence_number: types.wrap_long(log.isEmpty ? log.nextSequence - 1 : log.firstSequence),
    last_enqueued_sequence_number: types.wrap_long(log.last?.sequenceNumber ?? -1),
    last_enqueued_offset: types.wrap_string(String(log.last?.offset ?? -1)),
    last_enqueued_time_utc: types.wrap_timestamp(log.last?.enqueuedMs ?? 0),
    is_partition_empty: types.wrap_boolean(log.isEmpty),
  };
}

function ok(request: DecodedMessage, body: Record<string, unknown>): Reply {
  return reply(request, { status: 200, description: 'OK', body });
}

function reply(
  request: DecodedMessage,
  result: { status: number; description: string; condition?: string; body: unknown },
): Reply {
  return {
    body: result.body,
    correlation_id: request.message_id,
    // Clients differ in whether they look for the names with a dash or in camel case.
    application_properties: {
      'status-code': types.wrap_int(result.status),
      'status-description': result.description,
      statusCode: types.wrap_int(result.status),
      statusDescription: result.description,
      ...(result.condition === undefined
        ? {}
        : { 'error-condition': result.condition, errorCondition: result.condition }),
    },
  };
}

function textProperty(request: DecodedMessage, name: string): string {
  const value = request.application_properties?.[name];
  return value === undefined || value === null ? '' : String(value);
}

function unsupportedOperation(node: string, operation: string): Refusal {
  return new Refusal('amqp:not-implemented', `${node} does not support the operation '${operation}'.`);
}
