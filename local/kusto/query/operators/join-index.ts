import type { Batch, Expr, Vector } from '../plan/types.js';
import { GroupIndex } from '../vector/encoder.js';

/** Row pairs a join hands on at once. */
const PAIR_BATCH_ROWS = 262_144;

export interface RowPairs {
  readonly left: Int32Array;
  /** -1 where the left row found no partner. */
  readonly right: Int32Array;
}

/** Rows of one side by key. Null keys match nothing. */
export interface JoinIndex {
  match(keys: readonly Vector[], rows: number, keepUnmatched: boolean): Iterable<RowPairs>;
  /** Rows that have a partner, or that have none. */
  partners(keys: readonly Vector[], rows: number, wantsMatch: boolean): Uint32Array;
}

function hasNull(keys: readonly Vector[], row: number): boolean {
  return keys.some((key) => key.type !== 'string' && key.isNull(row));
}

/** Rows of each group as chains: first row of a group, and the next row after each. */
class Chains {
  private readonly index: GroupIndex;
  private readonly first: Int32Array;
  private readonly next: Int32Array;
  private readonly indexed: number;

  constructor(keys: readonly Expr[], batch: Batch) {
    this.index = new GroupIndex(keys.map((key) => key.type));
    const vectors = keys.map((key) => key.evaluate(batch));
    const ids = this.index.add(vectors, batch.rowCount);
    this.indexed = this.index.count;
    this.first = new Int32Array(this.indexed).fill(-1);
    this.next = new Int32Array(batch.rowCount).fill(-1);
    // Backwards, so that chains run forwards.
    for (let row = batch.rowCount - 1; row >= 0; row--) {
      if (hasNull(vectors, row)) continue;
      const group = ids[row]!;
      this.next[row] = this.first[group]!;
      this.first[group] = row;
    }
  }

  /** First partner of each row, -1 for none. */
  heads(keys: readonly Vector[], rows: number): Int32Array {
    const ids = this.index.add(keys, rows);
    const out = new Int32Array(rows);
    for (let row = 0; row < rows; row++) out[row] = ids[row]! < this.indexed ? this.first[ids[row]!]! : -1;
    return out;
  }

  after(row: number): number {
    return this.next[row]!;
  }
}

/** Row pairs of a batch in slices, so that a key with many partners does not fill the memory. */
function* pairsOf(chains: Chains, heads: Int32Array, keepUnmatched: boolean): Generator<RowPairs> {
  let left = new Int32Array(PAIR_BATCH_ROWS);
  let right = new Int32Array(PAIR_BATCH_ROWS);
  let at = 0;
  for (let row = 0; row < heads.length; row++) {
    let partner = heads[row]!;
    if (partner < 0 && !keepUnmatched) continue;
    do {
      left[at] = row;
      right[at++] = partner;
      if (at === PAIR_BATCH_ROWS) {
        yield { left, right };
        left = new Int32Array(PAIR_BATCH_ROWS);
        right = new Int32Array(PAIR_BATCH_ROWS);
        at = 0;
      }
      partner = partner < 0 ? -1 : chains.after(partner);
    } while (partner >= 0);
  }
  if (at > 0) yield { left: left.subarray(0, at), right: right.subarray(0, at) };
}

export function buildIndex(keys: readonly Expr[], batch: Batch): JoinIndex {
  const chains = new Chains(keys, batch);
  return {
    match(vectors, rows, keepUnmatched) {
      return pairsOf(chains, chains.heads(vectors, rows), keepUnmatched);
    },
    partners(vectors, rows, wantsMatch) {
      const heads = chains.heads(vectors, rows);
      const out = new Uint32Array(rows);
      let count = 0;
      for (let row = 0; row < rows; row++) if (heads[row]! >= 0 === wantsMatch) out[count++] = row;
      return out.subarray(0, count);
    },
  };
}

/** Gives, batch by batch, the rows whose key was not seen before. */
export function dedupe(keys: readonly Expr[]): (batch: Batch) => Uint32Array {
  const index = new GroupIndex(keys.map((key) => key.type));
  let seen = 0;
  return (batch) => {
    const ids = index.add(
      keys.map((key) => key.evaluate(batch)),
      batch.rowCount,
    );
    const rows = new Uint32Array(batch.rowCount);
    let count = 0;
    // Group numbers are given in order of first appearance.
    for (let row = 0; row < ids.length; row++) {
      if (ids[row]! < seen) continue;
      seen = ids[row]! + 1;
      rows[count++] = row;
    }
    return rows.subarray(0, count);
  };
}
