import {
  asStoreColumn,
  columnFromCells,
  createColumnBuilder,
  narrowed,
  type StoreColumnBuilder,
} from './builders.js';
import { CellColumn, ConstantColumn } from './cell-columns.js';
import { DecimalColumn } from './guid-decimal-columns.js';
import { maskWhere, type NullMask } from './null-mask.js';
import { BoolColumn, IntColumn, LongColumn, RealColumn } from './number-columns.js';
import type { StoreColumn } from './store-column.js';
import { DictionaryColumn, newCodes } from './text-columns.js';
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

function joinMasks(parts: readonly StoreColumn[], rows: number): NullMask {
  if (parts.every((c) => 'nulls' in c && c.nulls === undefined)) return undefined;
  let part = 0;
  let start = 0;
  return maskWhere(rows, (row) => {
    while (row - start >= parts[part]!.length) start += parts[part++]!.length;
    return parts[part]!.isNull(row - start);
  });
}

function every<C extends StoreColumn>(
  parts: readonly StoreColumn[],
  test: (column: StoreColumn) => column is C,
): readonly C[] | undefined {
  return parts.every(test) ? (parts as readonly C[]) : undefined;
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

function concatTicks(parts: readonly StoreColumn[], rows: number): StoreColumn | undefined {
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
  }
  return new TicksColumn(type, { base, unit }, narrowed(values), joinMasks(parts, rows));
}

function concatDictionaries(parts: readonly StoreColumn[], rows: number): StoreColumn | undefined {
  const dictionaries = every(parts, (c) => c instanceof DictionaryColumn);
  if (dictionaries === undefined) return undefined;
  const merged: string[] = [];
  const index = new Map<string, number>();
  // Slices of one column share their dictionary, which is then read once.
  const known = new Map<readonly string[], Uint32Array>();
  const translations = dictionaries.map((part) => {
    const same = known.get(part.dictionary);
    if (same !== undefined) return same;
    const map = new Uint32Array(part.dictionary.length);
    known.set(part.dictionary, map);
    for (let code = 0; code < map.length; code++) {
      const text = part.dictionary[code]!;
      let to = index.get(text);
      if (to === undefined) {
        to = merged.length;
        index.set(text, to);
        merged.push(text);
      }
      map[code] = to;
    }
    return map;
  });
  const codes = newCodes(rows, merged.length);
  let at = 0;
  dictionaries.forEach((part, p) => {
    const map = translations[p]!;
    for (let i = 0; i < part.codes.length; i++) codes[at++] = map[part.codes[i]!]!;
  });
  return new DictionaryColumn(dictionaries[0]!.type, codes, merged, joinMasks(parts, rows));
}

function concatCells(type: ScalarType, parts: readonly StoreColumn[]): StoreColumn {
  const builder: StoreColumnBuilder = createColumnBuilder(type);
  for (const part of parts) for (let row = 0; row < part.length; row++) builder.append(part.get(row));
  return builder.finish();
}

/** A constant as a column of the class its neighbours have. */
function expanded(column: StoreColumn): StoreColumn {
  if (!(column instanceof ConstantColumn)) return column;
  return columnFromCells(column.type, [column.value]).take(new Uint32Array(column.length));
}

/** One column after another. Columns of one class are joined without boxing their cells. */
export function concatColumns(type: ScalarType, columns: readonly Column[]): StoreColumn {
  const parts = columns.filter((c) => c.length > 0).map(asStoreColumn);
  if (parts.length === 0) return new CellColumn(type, []);
  if (parts.length === 1) return parts[0]!;
  const rows = parts.reduce((sum, part) => sum + part.length, 0);
  const first = parts[0]!;
  if (parts.every((c) => c instanceof ConstantColumn && c.value === (first as ConstantColumn).value)) {
    return new ConstantColumn(type, (first as ConstantColumn).value, rows);
  }
  return joined(type, parts.map(expanded), rows);
}

function joined(type: ScalarType, parts: readonly StoreColumn[], rows: number): StoreColumn {
  const decimals = every(parts, (c) => c instanceof DecimalColumn);
  if (decimals !== undefined) return new DecimalColumn(decimals.flatMap((c) => c.values));
  return (
    concatNumbers(parts, rows) ??
    concatTicks(parts, rows) ??
    concatDictionaries(parts, rows) ??
    concatCells(type, parts)
  );
}
