import { ConstantColumn, IntColumn, LongColumn, RealColumn } from '../../store/columns.js';
import type { NullMask } from '../../store/null-mask.js';
import { isNullAt, newMask, setNull } from '../../store/null-mask.js';
import type { Vector } from '../plan/types.js';

/** A vector seen as doubles: one value for all rows, or one per row. */
export interface NumberView {
  readonly values: ArrayLike<number>;
  readonly single: boolean;
  readonly nulls: NullMask;
}

/** int, long and real vectors whose cells are exact as doubles; `undefined` for all others. */
export function numberView(vector: Vector): NumberView | undefined {
  if (vector instanceof LongColumn || vector instanceof RealColumn || vector instanceof IntColumn) {
    return { values: vector.values, single: false, nulls: vector.nulls };
  }
  if (!(vector instanceof ConstantColumn)) return undefined;
  const { value } = vector;
  if (typeof value === 'number') return { values: [value], single: true, nulls: undefined };
  if (typeof value !== 'bigint' || vector.type !== 'long') return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? { values: [number], single: true, nulls: undefined } : undefined;
}

/** Null where either is. */
export function eitherNull(a: NullMask, b: NullMask): NullMask {
  if (a === undefined || b === undefined) return a ?? b;
  const mask = new Uint8Array(a.length);
  for (let index = 0; index < a.length; index++) mask[index] = a[index]! | b[index]!;
  return mask;
}

/** Adds nulls to a mask where `test` holds. */
export function withNullsWhere(mask: NullMask, rows: number, test: (row: number) => boolean): NullMask {
  let out: Uint8Array | undefined;
  for (let row = 0; row < rows; row++) {
    if (!isNullAt(mask, row) && test(row)) {
      out ??= mask === undefined ? newMask(rows) : mask.slice();
      setNull(out, row);
    }
  }
  return out ?? mask;
}
