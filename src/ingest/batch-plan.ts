import type { BatchConfig } from '../config/types.js';

export type BatchLimits = Pick<BatchConfig, 'maxBytes' | 'maxRecords'>;

/** How full a batch is. */
export interface Fill {
  readonly records: number;
  readonly bytes: number;
}

/** Consecutive items that go into one batch: `from` inclusive, `to` exclusive. */
export interface Cut extends Fill {
  readonly from: number;
  readonly to: number;
  /** The batch takes nothing more. */
  readonly full: boolean;
}

/**
 * Cuts items of the given sizes into batches, in order and at item borders; the first cut goes on filling a batch
 * that holds `fill` already (it may be empty of items when the first one does not fit). An item larger than
 * `maxBytes` gets a batch of its own.
 */
export function planCuts(sizes: ArrayLike<number>, limits: BatchLimits, fill: Fill): Cut[] {
  const cuts: Cut[] = [];
  let from = 0;
  let { records, bytes } = fill;
  for (let at = 0; at < sizes.length; at++) {
    const size = sizes[at] as number;
    const fits = records === 0 || (bytes + size <= limits.maxBytes && records < limits.maxRecords);
    if (!fits) {
      cuts.push({ from, to: at, records, bytes, full: true });
      from = at;
      records = 0;
      bytes = 0;
    }
    records++;
    bytes += size;
  }
  const full = bytes >= limits.maxBytes || records >= limits.maxRecords;
  cuts.push({ from, to: sizes.length, records, bytes, full });
  return cuts;
}
