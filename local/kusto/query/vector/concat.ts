import {
  BigIntColumn,
  BoolColumn,
  ConstantColumn,
  DictionaryColumn,
  IntColumn,
  LongColumn,
  newCodes,
  RealColumn,
  TicksColumn,
} from '../../store/columns.js';
import { isNullAt, type NullMask, newMask, setNull } from '../../store/null-mask.js';
import type { ScalarType } from '../../store/types.js';
import type { Vector } from '../plan/types.js';
import { buildVector } from './build.js';

function joinMasks(
  parts: readonly { readonly nulls: NullMask; readonly length: number }[],
  total: number,
): NullMask {
  if (parts.every((part) => part.nulls === undefined)) return undefined;
  const mask = newMask(total);
  let offset = 0;
  for (const part of parts) {
    if (part.nulls !== undefined) {
      for (let row = 0; row < part.length; row++) if (isNullAt(part.nulls, row)) setNull(mask, offset + row);
    }
    offset += part.length;
  }
  return mask;
}

interface Settable<A> {
  set(values: A, offset: number): void;
}

function joinArrays<A extends { readonly length: number }, T extends Settable<A>>(
  parts: readonly A[],
  out: T,
): T {
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

function all<T>(
  parts: readonly Vector[],
  type: abstract new (...args: never[]) => T,
): parts is (Vector & T)[] {
  return parts.every((part) => part instanceof type);
}

function concatTicks(parts: readonly TicksColumn[], total: number): Vector | undefined {
  const first = parts[0]!;
  if (parts.some((part) => part.base !== first.base || part.unit !== first.unit)) return undefined;
  const values = joinArrays(
    parts.map((part) => part.values as Float64Array),
    new Float64Array(total),
  );
  return new TicksColumn(first.type, first, values, joinMasks(parts, total));
}

function concatDictionaries(parts: readonly DictionaryColumn[], total: number): Vector {
  const first = parts[0]!;
  const nulls = joinMasks(parts, total);
  if (parts.every((part) => part.dictionary === first.dictionary)) {
    const codes = newCodes(total, first.dictionary.length);
    joinArrays(
      parts.map((part) => part.codes),
      codes as Uint32Array,
    );
    return new DictionaryColumn(first.type, codes, first.dictionary, nulls);
  }
  const ids = new Map<string, number>();
  const codes = new Uint32Array(total);
  let offset = 0;
  for (const part of parts) {
    const mapped = new Int32Array(part.dictionary.length).fill(-1);
    for (let row = 0; row < part.length; row++) {
      const code = part.codes[row]!;
      let id = mapped[code]!;
      if (id < 0) {
        const text = part.dictionary[code]!;
        id = ids.get(text) ?? ids.size;
        ids.set(text, id);
        mapped[code] = id;
      }
      codes[offset + row] = id;
    }
    offset += part.length;
  }
  return new DictionaryColumn(first.type, codes, [...ids.keys()], nulls);
}

function concatTyped(parts: readonly Vector[], total: number): Vector | undefined {
  if (all(parts, LongColumn)) {
    const values = joinArrays(
      parts.map((part) => part.values as Float64Array),
      new Float64Array(total),
    );
    return new LongColumn(values, joinMasks(parts, total));
  }
  if (all(parts, RealColumn)) {
    const values = joinArrays(
      parts.map((part) => part.values),
      new Float64Array(total),
    );
    return new RealColumn(values, joinMasks(parts, total));
  }
  if (all(parts, IntColumn)) {
    const values = joinArrays(
      parts.map((part) => part.values),
      new Int32Array(total),
    );
    return new IntColumn(values, joinMasks(parts, total));
  }
  if (all(parts, BoolColumn)) {
    const values = joinArrays(
      parts.map((part) => part.values),
      new Int8Array(total),
    );
    return new BoolColumn(values, joinMasks(parts, total));
  }
  if (all(parts, BigIntColumn)) {
    const values = joinArrays(
      parts.map((part) => part.values),
      new BigInt64Array(total),
    );
    return new BigIntColumn(parts[0]!.type as BigIntColumn['type'], values, joinMasks(parts, total));
  }
  if (all(parts, TicksColumn)) return concatTicks(parts, total);
  if (all(parts, DictionaryColumn)) return concatDictionaries(parts, total);
  return undefined;
}

function sameConstant(parts: readonly Vector[], total: number): Vector | undefined {
  if (!all(parts, ConstantColumn)) return undefined;
  const first = parts[0]!;
  if (parts.some((part) => part.value !== first.value)) return undefined;
  return new ConstantColumn(first.type, first.value, total);
}

/** One vector of all the cells, in the narrowest common form. */
export function concatVectors(type: ScalarType, parts: readonly Vector[]): Vector {
  const filled = parts.filter((part) => part.length > 0);
  if (filled.length === 0) return buildVector(type, 0, () => null);
  if (filled.length === 1) return filled[0]!;
  const total = filled.reduce((sum, part) => sum + part.length, 0);
  const typed = concatTyped(filled, total) ?? sameConstant(filled, total);
  if (typed !== undefined) return typed;
  let part = 0;
  let start = 0;
  return buildVector(type, total, (row) => {
    while (row - start >= filled[part]!.length) {
      start += filled[part]!.length;
      part++;
    }
    return filled[part]!.get(row - start);
  });
}
