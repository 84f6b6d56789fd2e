import {
  annotationsSection,
  batchMessages,
  MalformedMessage,
  PARTITION_KEY,
  type SplitMessage,
  splitMessage,
  textAnnotation,
} from './amqp-encoding.js';
import { Refusal } from './errors.js';
import type { Hub } from './hubs.js';
import { MAX_MESSAGE_BYTES } from './limits.js';
import type { PartitionLog } from './partition-log.js';

/** Message format of a batch: the body's data sections are one encoded event each. */
const BATCH_FORMAT = 0x80013700;

/** What a producer sent on one link. */
export interface Publication {
  readonly hub: Hub;
  /** Partition the link is bound to; undefined lets the hub choose. */
  readonly partition: number | undefined;
  readonly bytes: Buffer;
  readonly format: number | undefined;
  readonly nowMs: number;
}

/**
 * Appends a message or a batch to a partition, all of it or nothing.
 *
 * @returns the partition's log, so that its readers can be told
 * @throws Refusal for a message that is too large, malformed, or when the partition's memory is used up
 */
export function publish(publication: Publication): PartitionLog {
  const { hub, bytes, nowMs } = publication;
  if (bytes.length > MAX_MESSAGE_BYTES) throw tooLarge(bytes.length);
  const { partitionKey, messages } = readMessages(bytes, publication.format);
  const log = hub.partitions[publication.partition ?? hub.choosePartition(partitionKey)]!;
  log.applyRetention(nowMs);
  if (log.isFullFor(bytes.length)) {
    throw new Refusal(
      'amqp:resource-limit-exceeded',
      `A partition of '${hub.name}' holds as much as --memory-mb allows. Raise it, or lower --retention-events.`,
    );
  }
  for (const message of messages) {
    const stored = withPartitionKey(message, partitionKey);
    log.append(nowMs, (place) => [annotationsSection(place, stored), message.bare]);
  }
  log.applyRetention(nowMs);
  return log;
}

function readMessages(
  bytes: Buffer,
  format: number | undefined,
): { partitionKey: string | undefined; messages: SplitMessage[] } {
  try {
    const outer = splitMessage(bytes);
    const messages = format === BATCH_FORMAT ? batchMessages(outer).map(splitMessage) : [outer];
    return { partitionKey: outer.partitionKey ?? messages[0]?.partitionKey, messages };
  } catch (error) {
    if (error instanceof MalformedMessage) throw new Refusal('amqp:decode-error', error.message);
    throw error;
  }
}

function withPartitionKey(
  message: SplitMessage,
  key: string | undefined,
): Pick<SplitMessage, 'annotations' | 'annotationCount'> {
  if (key === undefined || message.partitionKey !== undefined) return message;
  return {
    annotations: Buffer.concat([message.annotations, textAnnotation(PARTITION_KEY, key)]),
    annotationCount: message.annotationCount + 1,
  };
}

function tooLarge(sizeBytes: number): Refusal {
  return new Refusal(
    'amqp:link:message-size-exceeded',
    `The message has ${sizeBytes} bytes; the link allows ${MAX_MESSAGE_BYTES} bytes.`,
  );
}
