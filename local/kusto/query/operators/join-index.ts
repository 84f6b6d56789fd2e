import { limitExceeded } from '../failures.js';
import type { Batch, Expr, Vector } from '../plan/types.js';
import { GroupIndex } from '../vector/encoder.js';

/** Most row pairs a batch of a join may give. */
export const MAX_JOIN_ROWS = 100_000_000;

export interface RowPairs {
  readonly left: Int32Array;
  /** -1 where the left row found no partner. */
  readonly right: Int32Array;
}

/** Rows of one side by key. Null keys match nothing. */
export interface JoinIndex {
  match(keys: readonly Vector[], rows: number, keepUnmatched: boolean): RowPairs;
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

function countPairs(chains: Chains, heads: Int32Array, keepUnmatched: boolean): number {
  let count = 0;
  for (const head of heads) {
    if (head < 0 && keepUnmatched) count++;
    for (let row = head; row >= 0; row = chains.after(row)) count++;
    if (count > MAX_JOIN_ROWS)
      throw limitExceeded(`a join of more than ${MAX_JOIN_ROWS} rows (E_RUNAWAY_QUERY)`);
  }
  return count;
}

export function buildIndex(keys: readonly Expr[], batch: Batch): JoinIndex {
  const chains = new Chains(keys, batch);
  return {
    match(vectors, rows, keepUnmatched) {
      const heads = chains.heads(vectors, rows);
      const count = countPairs(chains, heads, keepUnmatched);
      const left = new Int32Array(count);
      const right = new Int32Array(count);
      let at = 0;
      for (let row = 0; row < rows; row++) {
        if (heads[row]! < 0 && keepUnmatched) {
          left[at] = row;
          right[at++] = -1;
        }
        for (let partner = heads[row]!; partner >= 0; partner = chains.after(partner)) {
          left[at] = row;
          right[at++] = partner;
        }
      }
      return { left, right };
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
