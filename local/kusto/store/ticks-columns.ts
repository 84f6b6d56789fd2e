import { isNullAt, type NullMask, sliceMask, takeMask } from './null-mask.js';
import { maskBytes, type RowIndices, type StoreColumn, takeBigInts, takeNumbers } from './store-column.js';
import type { Cell } from './types.js';

export type BigIntType = 'long' | 'datetime' | 'timespan';

/** Any 64-bit value: longs beyond ±(2^53 − 1), and ticks that {@link TicksColumn} cannot hold. */
export class BigIntColumn implements StoreColumn {
  readonly type: BigIntType;
  readonly values: BigInt64Array;
  readonly nulls: NullMask;

  constructor(type: BigIntType, values: BigInt64Array, nulls?: NullMask) {
    this.type = type;
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

  slice(from: number, to: number): BigIntColumn {
    return new BigIntColumn(this.type, this.values.subarray(from, to), sliceMask(this.nulls, from, to));
  }

  take(indices: RowIndices): BigIntColumn {
    return new BigIntColumn(this.type, takeBigInts(this.values, indices), takeMask(this.nulls, indices));
  }
}

export type TicksType = 'datetime' | 'timespan';

/**
 * Ticks as `base + values[row] × unit`; the values are safe integers. Comparisons with a constant can be made
 * on `values` after mapping the constant the same way.
 */
export class TicksColumn implements StoreColumn {
  readonly type: TicksType;
  readonly base: bigint;
  /** Ticks per step, ≥ 1. */
  readonly unit: number;
  readonly values: Float64Array | Int32Array;
  readonly nulls: NullMask;
  private readonly bigUnit: bigint;

  constructor(
    type: TicksType,
    scale: { readonly base: bigint; readonly unit: number },
    values: Float64Array | Int32Array,
    nulls?: NullMask,
  ) {
    this.type = type;
    this.base = scale.base;
    this.unit = scale.unit;
    this.bigUnit = BigInt(scale.unit);
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
    return isNullAt(this.nulls, row) ? null : this.base + BigInt(this.values[row]!) * this.bigUnit;
  }

  private with(values: Float64Array | Int32Array, nulls: NullMask): TicksColumn {
    return new TicksColumn(this.type, this, values, nulls);
  }

  slice(from: number, to: number): TicksColumn {
    return this.with(this.values.subarray(from, to), sliceMask(this.nulls, from, to));
  }

  take(indices: RowIndices): TicksColumn {
    return this.with(takeNumbers(this.values, indices), takeMask(this.nulls, indices));
  }
}
