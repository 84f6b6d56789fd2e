import type { Logger } from '../runtime/log.js';
import type { Shipment, SourceRange } from './ports.js';

/** Ranges named in one log line; what is beyond is counted. */
const MAX_RANGES = 64;

/**
 * Why records of a shipment may be in the table twice.
 * - `answerLost`: a call's answer was lost, and it was made again.
 * - `silent`: its instance went silent between upload and call, and it was sent in its place; or an operator, or a
 *   call of settling whose answer was lost, had it sent again.
 * - `partial`: the service took a part that it does not name, and all became dead letters.
 */
export type DuplicateCause = 'answerLost' | 'silent' | 'partial';

/** `0:100-249 3:7-9`: partition, first and last sequence number. */
export function rangesText(ranges: readonly SourceRange[]): string {
  const named = ranges
    .slice(0, MAX_RANGES)
    .map((range) => `${range.partition}:${range.firstSequenceNumber}-${range.lastSequenceNumber}`);
  return [...named, ...(ranges.length > MAX_RANGES ? [`+${ranges.length - MAX_RANGES}`] : [])].join(' ');
}

/** One line per shipment, so that every repeat in the table can be traced to its cause. */
export function logPossibleDuplicate(logger: Logger, shipment: Shipment, cause: DuplicateCause): void {
  logger.warn('shipment.possibleDuplicate', {
    cause,
    id: shipment.id,
    source: shipment.source,
    table: `${shipment.database}.${shipment.table}`,
    rows: shipment.rows,
    ranges: rangesText(shipment.ranges),
  });
}
