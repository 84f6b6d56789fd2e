import { createHash } from 'node:crypto';

/**
 * The id of a record's dead letter: the same for every delivery of the same record, so that writing it again
 * changes nothing.
 */
export function letterId(place: {
  readonly source: string;
  readonly partition: string;
  readonly offset: string;
  readonly sequenceNumber: number;
  readonly index?: number;
}): string {
  const { source, partition, offset, sequenceNumber, index } = place;
  const text = JSON.stringify([source, partition, offset, sequenceNumber, index ?? null]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
