import type { SourceRange } from './ports.js';

/** First and last position of each partition. */
export function rangesOfPlaces(
  places: Iterable<{ readonly partition: string; readonly sequenceNumber: number }>,
): SourceRange[] {
  const ranges = new Map<string, { first: number; last: number }>();
  for (const { partition, sequenceNumber } of places) {
    const range = ranges.get(partition);
    if (range === undefined) {
      ranges.set(partition, { first: sequenceNumber, last: sequenceNumber });
    } else {
      range.first = Math.min(range.first, sequenceNumber);
      range.last = Math.max(range.last, sequenceNumber);
    }
  }
  return [...ranges].map(([partition, { first, last }]) => ({
    partition,
    firstSequenceNumber: first,
    lastSequenceNumber: last,
  }));
}
