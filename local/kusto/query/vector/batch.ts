import type { Batch, Vector } from '../plan/types.js';

/** Where a column comes from: a vector, or a recipe used at most once. */
export type ColumnSource = Vector | (() => Vector);

class LazyBatch implements Batch {
  readonly rowCount: number;
  private readonly sources: ColumnSource[];

  constructor(rowCount: number, sources: ColumnSource[]) {
    this.rowCount = rowCount;
    this.sources = sources;
  }

  column(index: number): Vector {
    const source = this.sources[index];
    if (source === undefined) throw new RangeError(`batch has no column ${index}`);
    if (typeof source !== 'function') return source;
    const vector = source();
    this.sources[index] = vector;
    return vector;
  }
}

export function makeBatch(rowCount: number, sources: readonly ColumnSource[]): Batch {
  return new LazyBatch(rowCount, [...sources]);
}

export function takeRows(batch: Batch, count: number, rows: ArrayLike<number>): Batch {
  return makeBatch(
    rows.length,
    Array.from({ length: count }, (_, index) => () => batch.column(index).take(rows)),
  );
}

export function sliceRows(batch: Batch, count: number, range: { from: number; to: number }): Batch {
  return makeBatch(
    range.to - range.from,
    Array.from({ length: count }, (_, index) => () => batch.column(index).slice(range.from, range.to)),
  );
}

/** A batch of no columns: what constant expressions are evaluated on. */
export function rowsOnly(rowCount: number): Batch {
  return new LazyBatch(rowCount, []);
}
