import { allAtOnce, type Steps } from '../slices.js';
import {
  asStoreColumn,
  columnFromCells,
  createColumnBuilder,
  narrowed,
  type StoreColumnBuilder,
} from './builders.js';
import { CellColumn, ConstantColumn } from './cell-columns.js';
import { every, joinMasks } from './concat-parts.js';
import { concatTexts } from './concat-texts.js';
import { DecimalColumn } from './guid-decimal-columns.js';
import { BoolColumn, IntColumn, LongColumn, RealColumn } from './number-columns.js';
import type { StoreColumn } from './store-column.js';
import { TicksColumn } from './ticks-columns.js';
import type { Column, ScalarType } from './types.js';

interface Numbers<A> {
  readonly values: A;
}

function joinNumbers<A extends Float64Array | Int32Array | Int8Array>(
  parts: readonly Numbers<A>[],
  out: A,
): A {
  let at = 0;
  for (const part of parts) {
    out.set(part.values as never, at);
    at += part.values.length;
  }
  return out;
}

function concatNumbers(parts: readonly StoreColumn[], rows: number): StoreColumn | undefined {
  const reals = every(parts, (c) => c instanceof RealColumn);
  if (reals !== undefined)
    return new RealColumn(joinNumbers(reals, new Float64Array(rows)), joinMasks(parts, rows));
  const ints = every(parts, (c) => c instanceof IntColumn);
  if (ints !== undefined)
    return new IntColumn(joinNumbers(ints, new Int32Array(rows)), joinMasks(parts, rows));
  const bools = every(parts, (c) => c instanceof BoolColumn);
  if (bools !== undefined)
    return new BoolColumn(joinNumbers(bools, new Int8Array(rows)), joinMasks(parts, rows));
  const longs = every(parts, (c) => c instanceof LongColumn);
  if (longs === undefined) return undefined;
  const small = longs.every((c) => c.values instanceof Int32Array);
  const values = joinNumbers<Float64Array | Int32Array>(
    longs,
    small ? new Int32Array(rows) : new Float64Array(rows),
  );
  return new LongColumn(values, joinMasks(parts, rows));
}

function gcd(a: number, b: number): number {
  let [x, y] = [Math.abs(a), Math.abs(b)];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** The largest step all parts can be counted in from `base`, or `undefined` when a part lies too far away. */
function sharedUnit(parts: readonly TicksColumn[], base: bigint): number | undefined {
  let unit = 0;
  for (const part of parts) {
    const shift = Number(part.base - base);
    if (!Number.isSafeInteger(shift)) return undefined;
    unit = gcd(gcd(unit, part.unit), shift);
  }
  return unit;
}

function* concatTicks(parts: readonly StoreColumn[], rows: number): Steps<StoreColumn | undefined> {
  const ticks = every(parts, (c) => c instanceof TicksColumn);
  if (ticks === undefined) return undefined;
  const { base, type } = ticks[0]!;
  const unit = sharedUnit(ticks, base);
  if (unit === undefined) return undefined;
  const values = new Float64Array(rows);
  let at = 0;
  for (const part of ticks) {
    const factor = part.unit / unit;
    const offset = Number(part.base - base) / unit;
    for (let i = 0; i < part.values.length; i++, at++) {
      const value = part.values[i]! * factor + offset;
      if (!Number.isSafeInteger(value)) return undefined;
      values[at] = value;
    }
    yield;
  }
  return new TicksColumn(type, { base, unit }, narrowed(values), joinMasks(parts, rows));
}

/** Cells joined one by one between two steps. */
const CELLS_PER_STEP = 8_192;

function* concatCells(type: ScalarType, parts: readonly StoreColumn[]): Steps<StoreColumn> {
  const builder: StoreColumnBuilder = createColumnBuilder(type);
  for (const part of parts) {
    for (let row = 0; row < part.length; row++) {
      builder.append(part.get(row));
      if (row % CELLS_PER_STEP === 0) yield;
    }
  }
  return builder.finish();
}

/** A constant as a column of the class its neighbours have. */
function expanded(column: StoreColumn): StoreColumn {
  if (!(column instanceof ConstantColumn)) return column;
  return columnFromCells(column.type, [column.value]).take(new Uint32Array(column.length));
}

/** One column after another. Columns of one class are joined without boxing their cells. */
export function* concatSteps(type: ScalarType, columns: readonly Column[]): Steps<StoreColumn> {
  const parts = columns.filter((c) => c.length > 0).map(asStoreColumn);
  if (parts.length === 0) return new CellColumn(type, []);
  if (parts.length === 1) return parts[0]!;
  const rows = parts.reduce((sum, part) => sum + part.length, 0);
  const first = parts[0]!;
  if (parts.every((c) => c instanceof ConstantColumn && c.value === (first as ConstantColumn).value)) {
    return new ConstantColumn(type, (first as ConstantColumn).value, rows);
  }
  return yield* joined(type, parts.map(expanded), rows);
}

export function concatColumns(type: ScalarType, columns: readonly Column[]): StoreColumn {
  return allAtOnce(concatSteps(type, columns));
}

function* joined(type: ScalarType, parts: readonly StoreColumn[], rows: number): Steps<StoreColumn> {
  yield;
  const decimals = every(parts, (c) => c instanceof DecimalColumn);
  if (decimals !== undefined) return new DecimalColumn(decimals.flatMap((c) => c.values));
  return (
    concatNumbers(parts, rows) ??
    (yield* concatTicks(parts, rows)) ??
    (yield* concatTexts(parts, rows)) ??
    (yield* concatCells(type, parts))
  );
}
