import {
  EventHubConsumerClient,
  type EventPosition,
  earliestEventPosition,
  latestEventPosition,
  parseEventHubConnectionString,
  type ReceivedEventData,
} from '@azure/event-hubs';
import { HostError, messageOf } from '../../errors.js';
import type { FunctionDefinition } from '../../functions.js';
import type { EventHubsConfig } from '../../host-config.js';
import { connectionString } from '../../settings.js';
import type { TriggerContext, TriggerKind } from '../trigger.js';
import { createBalancer, type OpenPartition } from './balancer.js';
import { type ConsumerAddress, createPartitionStore, type PartitionStore } from './blob-store.js';
import { createPartitionPump } from './partition-pump.js';
import { createPartitionReader } from './partition-reader.js';
import { type EventShape, manyInvocation, oneInvocation, textInvocation } from './payload.js';

/** Longest single wait for events inside the client library, in seconds; only how often an empty batch comes by. */
const RECEIVE_WAIT_SECONDS = 60;

interface Source {
  fn: FunctionDefinition;
  context: TriggerContext;
  config: EventHubsConfig;
  shape: EventShape;
  connection: string;
  address: ConsumerAddress;
  storage: string;
}

function oneOf<T extends string>(value: unknown, fallback: T, choices: Readonly<Record<string, T>>): T {
  if (value === undefined || value === '') return fallback;
  const found = choices[String(value).toLowerCase()];
  if (found === undefined) {
    throw new HostError(
      'binding-invalid',
      `"${String(value)}" is not one of ${Object.keys(choices).join(', ')}`,
    );
  }
  return found;
}

/**
 * Reads the binding.
 * @throws HostError `binding-invalid`, `setting-missing`
 */
function readSource(fn: FunctionDefinition, context: TriggerContext): Source {
  const { trigger } = fn;
  const connection = connectionString(context.settings, String(trigger['connection'] ?? ''));
  const properties = parseEventHubConnectionString(connection);
  const eventHubName = properties.eventHubName ?? String(trigger['eventHubName'] ?? '');
  if (!eventHubName) throw new HostError('binding-invalid', 'eventHubName is missing');
  return {
    fn,
    context,
    config: context.config.eventHubs,
    connection,
    storage: connectionString(context.settings, 'AzureWebJobsStorage'),
    shape: {
      cardinality: oneOf(trigger['cardinality'], 'one', { one: 'one', many: 'many' }),
      dataType: oneOf(trigger['dataType'], 'string', {
        string: 'string',
        binary: 'binary',
        stream: 'binary',
      }),
      keepEmpty: context.capabilities()['IncludeEmptyEntriesInMessagePayload'] !== undefined,
    },
    address: {
      // The .NET libraries leave the port out, and so the state survives an emulator on another port.
      fullyQualifiedNamespace: new URL(properties.endpoint).hostname,
      eventHubName,
      consumerGroup: String(trigger['consumerGroup'] ?? '$Default') || '$Default',
    },
  };
}

function initialPosition(config: EventHubsConfig): EventPosition {
  const { type, enqueuedTimeUtc } = config.initialOffset;
  if (type === 'fromEnd') return latestEventPosition;
  if (type === 'fromEnqueuedTime') return { enqueuedOn: new Date(enqueuedTimeUtc ?? 0) };
  return earliestEventPosition;
}

function logger(source: Source, level: 'warning' | 'debug') {
  const { fn, context } = source;
  return (what: unknown) => context.log.write(level, `Host.EventHubs.${fn.name}`, messageOf(what));
}

/** Runs the function on one batch: once for all events, or once for each. */
async function runBatch(
  source: Source,
  batch: ReceivedEventData[],
  call: { partitionId: string; willCheckpoint: boolean; closing: AbortSignal },
) {
  const { fn, shape, address, context } = source;
  const { partitionId, closing } = call;
  const origin = { ...address, partitionId, isCheckpointingAfterInvocation: call.willCheckpoint };
  if (shape.cardinality === 'many') {
    const result = await context.invoker.invokeWithRetry(fn, manyInvocation(batch, shape, origin), closing);
    return { cancelled: result.cancelled, last: result.cancelled ? undefined : batch.at(-1) };
  }
  let last: ReceivedEventData | undefined;
  for (const event of batch) {
    if (closing.aborted) return { cancelled: true, last };
    const result = await context.invoker.invokeWithRetry(fn, oneInvocation(event, shape, origin), closing);
    if (result.cancelled) return { cancelled: true, last };
    last = event;
  }
  return { cancelled: false, last };
}

function makePump(source: Source, store: PartitionStore, at: { partitionId: string; me: string }) {
  const { config, context, shape } = source;
  const { partitionId, me } = at;
  const many = shape.cardinality === 'many';
  return createPartitionPump<ReceivedEventData>({
    limits: { minSize: many ? config.minEventBatchSize : 1, maxSize: config.maxEventBatchSize },
    maxWaitMs: config.maxWaitTimeMs,
    checkpointEvery: config.batchCheckpointFrequency,
    clock: context.clock,
    onError: logger(source, 'warning'),
    run: (batch, willCheckpoint, closing) =>
      runBatch(source, batch, { partitionId, willCheckpoint, closing }),
    checkpoint: async (last) => {
      if (!config.enableCheckpointing) return;
      const position = { offset: String(last.offset), sequenceNumber: last.sequenceNumber };
      await store.writeCheckpoint(partitionId, position, me);
    },
  });
}

interface Parts {
  client: EventHubConsumerClient;
  store: PartitionStore;
  me: string;
}

/** Reads one partition from its checkpoint on. */
async function openPartition(
  source: Source,
  parts: Parts,
  target: { partitionId: string; onLost: () => void },
): Promise<OpenPartition> {
  const { config } = source;
  const { partitionId, onLost } = target;
  const checkpoint = await parts.store.readCheckpoint(partitionId);
  const pump = makePump(source, parts.store, { partitionId, me: parts.me });
  const log = logger(source, 'warning');
  const reader = createPartitionReader<ReceivedEventData, EventPosition>({
    from: checkpoint ? { offset: checkpoint.offset } : initialPosition(config),
    after: ({ sequenceNumber }) => ({ sequenceNumber, isInclusive: false }),
    process: pump.process,
    onLost,
    onError: log,
    onHeld: () =>
      logger(source, 'debug')(`partition ${partitionId}: a batch takes long, its link is given up meanwhile`),
    clock: source.context.clock,
    subscribe: (startPosition, { onEvents, onClosed }) =>
      parts.client.subscribe(
        partitionId,
        {
          processEvents: onEvents,
          processError: async (error) => log(`partition ${partitionId}: ${error.message}`),
          processClose: async () => onClosed(),
        },
        {
          startPosition,
          maxBatchSize: config.maxEventBatchSize,
          maxWaitTimeInSeconds: RECEIVE_WAIT_SECONDS,
          prefetchCount: config.prefetchCount,
          ownerLevel: 0,
          skipParsingBodyAsJson: true,
        },
      ),
  });
  return {
    async close(reason, cut) {
      await Promise.all([pump.close(reason, cut), reader.close()]);
    },
  };
}

/** Event Hubs as the extension 6 listens: shared partitions, checkpoints in `azure-webjobs-eventhub`. */
export const eventHubTrigger: TriggerKind = {
  type: 'eventhubtrigger',
  create(fn, context) {
    const source = readSource(fn, context);
    const { config, address } = source;
    const store = createPartitionStore(source.storage, address);
    const client = new EventHubConsumerClient(address.consumerGroup, source.connection, address.eventHubName);
    const me = context.clock.newId();
    const balancer = createBalancer({
      me,
      store,
      listPartitions: () => client.getPartitionIds(),
      open: (partitionId, onLost) => openPartition(source, { client, store, me }, { partitionId, onLost }),
      intervalMs: config.loadBalancingUpdateMs,
      expirationMs: config.partitionOwnershipExpirationMs,
      clock: context.clock,
      onError: logger(source, 'warning'),
      onChange: logger(source, 'debug'),
    });
    return {
      start: async () => balancer.start(),
      async stop(cut) {
        await balancer.stop(cut);
        await client.close();
      },
      async runNow(input) {
        await context.invoker.invoke(fn, textInvocation(input, source.shape));
      },
    };
  },
};
