import { isNullAt, type NullMask, sliceMask, takeMask } from './null-mask.js';
import { maskBytes, type RowIndices, type StoreColumn, takeNumbers } from './store-column.js';
import type { Cell } from './types.js';

/** 0 or 1 per row. */
export class BoolColumn implements StoreColumn {
  readonly type = 'bool';
  readonly values: Int8Array;
  readonly nulls: NullMask;

  constructor(values: Int8Array, nulls?: NullMask) {
    this.values = values;
    this.nulls = nulls;
  }

  get length(): number {
    return this.values.length;
  }

  get byteSize(): number {
    return this.values.byteLength + maskBytes(this.nulls);
  }

  isNull(row: number): boolean {
    return isNullAt(this.nulls, row);
  }

  get(row: number): Cell {
    return isNullAt(this.nulls, row) ? null : this.values[row] !== 0;
  }

  slice(from: number, to: number): BoolColumn {
    return new BoolColumn(this.values.subarray(from, to), sliceMask(this.nulls, from, to));
  }

  take(indices: RowIndices): BoolColumn {
    return new BoolColumn(takeNumbers(this.values, indices), takeMask(this.nulls, indices));
  }
}

export class IntColumn implements StoreColumn {
  readonly type = 'int';
  readonly values: Int32Array;
  readonly nulls: NullMask;

  constructor(values: Int32Array, nulls?: NullMask) {
    this.values = values;
    this.nulls = nulls;
  }

  get length(): number {
    return this.values.length;
  }

  get byteSize(): number {
    return this.values.byteLength + maskBytes(this.nulls);
  }

  isNull(row: number): boolean {
    return isNullAt(this.nulls, row);
  }

  get(row: number): Cell {
    return isNullAt(this.nulls, row) ? null : this.values[row]!;
  }

  slice(from: number, to: number): IntColumn {
    return new IntColumn(this.values.subarray(from, to), sliceMask(this.nulls, from, to));
  }

  take(indices: RowIndices): IntColumn {
    return new IntColumn(takeNumbers(this.values, indices), takeMask(this.nulls, indices));
  }
}

/** Doubles. NaN is a value, not a null. */
export class RealColumn implements StoreColumn {
  readonly type = 'real';
  readonly values: Float64Array;
  readonly nulls: NullMask;

  constructor(values: Float64Array, nulls?: NullMask) {
    this.values = values;
    this.nulls = nulls;
  }

  get length(): number {
    return this.values.length;
  }

  get byteSize(): number {
    return this.values.byteLength + maskBytes(this.nulls);
  }

  isNull(row: number): boolean {
    return isNullAt(this.nulls, row);
  }

  get(row: number): Cell {
    return isNullAt(this.nulls, row) ? null : this.values[row]!;
  }

  slice(from: number, to: number): RealColumn {
    return new RealColumn(this.values.subarray(from, to), sliceMask(this.nulls, from, to));
  }

  take(indices: RowIndices): RealColumn {
    return new RealColumn(takeNumbers(this.values, indices), takeMask(this.nulls, indices));
  }
}

/** Longs that are all safe integers, held as doubles (or 32-bit integers, where they fit). */
export class LongColumn implements StoreColumn {
  readonly type = 'long';
  readonly values: Float64Array | Int32Array;
  readonly nulls: NullMask;

  constructor(values: Float64Array | Int32Array, nulls?: NullMask) {
    this.values = values;
    this.nulls = nulls;
  }

  get length(): number {
    return this.values.length;
  }

  get byteSize(): number {
    return this.values.byteLength + maskBytes(this.nulls);
  }

  isNull(row: number): boolean {
    return isNullAt(this.nulls, row);
  }

  get(row: number): Cell {
    return isNullAt(this.nulls, row) ? null : BigInt(this.values[row]!);
  }

  slice(from: number, to: number): LongColumn {
    return new LongColumn(this.values.subarray(from, to), sliceMask(this.nulls, from, to));
  }

  take(indices: RowIndices): LongColumn {
    return new LongColumn(takeNumbers(this.values, indices), takeMask(this.nulls, indices));
  }
}
