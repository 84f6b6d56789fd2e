import {
  BigIntColumn,
  ConstantColumn,
  DictionaryColumn,
  IntColumn,
  LongColumn,
  RealColumn,
  TextColumn,
  TicksColumn,
} from '../../store/columns.js';
import { isNullAt } from '../../store/null-mask.js';
import { compareCells } from '../expressions/compare.js';
import type { Run, Vector } from '../plan/types.js';

export interface SortKey {
  readonly vector: Vector;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** Order of two rows: negative, zero or positive. */
type RowOrder = (a: number, b: number) => number;

function numbersOrder(values: ArrayLike<number>): RowOrder {
  return (a, b) => {
    const x = values[a]!;
    const y = values[b]!;
    if (x < y) return -1;
    if (x > y) return 1;
    return 0;
  };
}

function dictionaryOrder(column: DictionaryColumn): RowOrder {
  const { dictionary, codes } = column;
  const order = Uint32Array.from(dictionary.keys()).sort((a, b) =>
    dictionary[a]! < dictionary[b]! ? -1 : dictionary[a]! > dictionary[b]! ? 1 : 0,
  );
  const ranks = new Uint32Array(dictionary.length);
  let rank = 0;
  order.forEach((code, position) => {
    if (position > 0 && dictionary[code] !== dictionary[order[position - 1]!]) rank++;
    ranks[code] = rank;
  });
  return (a, b) => ranks[codes[a]!]! - ranks[codes[b]!]!;
}

function valuesOrder(values: ArrayLike<string | bigint>): RowOrder {
  return (a, b) => (values[a]! < values[b]! ? -1 : values[a]! > values[b]! ? 1 : 0);
}

function orderOf(vector: Vector): RowOrder {
  if (vector instanceof ConstantColumn) return () => 0;
  if (vector instanceof LongColumn || vector instanceof IntColumn || vector instanceof RealColumn) {
    return numbersOrder(vector.values);
  }
  if (vector instanceof TicksColumn) return numbersOrder(vector.values);
  if (vector instanceof DictionaryColumn) {
    return vector.dictionary.length <= vector.length * 2
      ? dictionaryOrder(vector)
      : (a, b) => compareCells(vector.type, vector.get(a), vector.get(b));
  }
  if (vector instanceof TextColumn || vector instanceof BigIntColumn) return valuesOrder(vector.values);
  return (a, b) => compareCells(vector.type, vector.get(a), vector.get(b));
}

/** NaN stands beside the nulls, between them and the numbers. */
function withNaN(vector: Vector, order: RowOrder, before: number): RowOrder {
  const values = vector instanceof RealColumn ? vector.values : undefined;
  if (values !== undefined && !values.some(Number.isNaN)) return order;
  const isNaNAt =
    values === undefined
      ? (row: number) => Number.isNaN(vector.get(row))
      : (row: number) => Number.isNaN(values[row]!);
  return (a, b) => {
    if (isNaNAt(a)) return isNaNAt(b) ? 0 : before;
    return isNaNAt(b) ? -before : order(a, b);
  };
}

function withNulls(key: SortKey): RowOrder {
  const { vector, descending, nullsFirst } = key;
  const plain = orderOf(vector);
  const before = nullsFirst ? -1 : 1;
  const turned: RowOrder = descending ? (a, b) => -plain(a, b) : plain;
  const directed = vector.type === 'real' ? withNaN(vector, turned, before) : turned;
  const mask = 'nulls' in vector ? (vector.nulls as Uint8Array | undefined) : undefined;
  const isNull =
    'nulls' in vector ? (row: number) => isNullAt(mask, row) : (row: number) => vector.isNull(row);
  if (
    ('nulls' in vector && mask === undefined) ||
    vector instanceof ConstantColumn ||
    vector.type === 'string'
  ) {
    return directed;
  }
  return (a, b) => {
    if (isNull(a)) return isNull(b) ? 0 : before;
    return isNull(b) ? -before : directed(a, b);
  };
}

/** The order several keys give together. */
export function rowOrder(keys: readonly SortKey[]): RowOrder {
  const orders = keys.map(withNulls);
  const [first, second] = orders;
  if (orders.length === 1) return first!;
  if (orders.length === 2) return (a, b) => first!(a, b) || second!(a, b);
  return (a, b) => {
    for (const order of orders) {
      const sign = order(a, b);
      if (sign !== 0) return sign;
    }
    return 0;
  };
}

const INSERTION_RUN = 16;
/** Rows merged between two looks at the clock. */
const MERGE_STRETCH = 65_536;

function insertionSort(rows: Uint32Array, range: { from: number; to: number }, order: RowOrder): void {
  for (let at = range.from + 1; at < range.to; at++) {
    const row = rows[at]!;
    let hole = at - 1;
    while (hole >= range.from && order(rows[hole]!, row) > 0) {
      rows[hole + 1] = rows[hole]!;
      hole--;
    }
    rows[hole + 1] = row;
  }
}

interface Merge {
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

function merge({ from, to, low, middle, high }: Merge, order: RowOrder): void {
  let left = low;
  let right = middle;
  for (let out = low; out < high; out++) {
    if (left < middle && (right >= high || order(from[left]!, from[right]!) <= 0)) to[out] = from[left++]!;
    else to[out] = from[right++]!;
  }
}

/** Row numbers `0..count` in order; equal rows keep theirs. Breathes between stretches. */
export async function sortedRows(count: number, order: RowOrder, run: Run): Promise<Uint32Array> {
  let rows = Uint32Array.from({ length: count }, (_, row) => row);
  for (let from = 0; from < count; from += INSERTION_RUN) {
    insertionSort(rows, { from, to: Math.min(from + INSERTION_RUN, count) }, order);
    if (from % MERGE_STRETCH === 0) await run.pause();
  }
  let spare = new Uint32Array(count);
  for (let width = INSERTION_RUN; width < count; width *= 2) {
    let sinceLook = 0;
    for (let low = 0; low < count; low += 2 * width) {
      const middle = Math.min(low + width, count);
      const high = Math.min(low + 2 * width, count);
      merge({ from: rows, to: spare, low, middle, high }, order);
      sinceLook += high - low;
      if (sinceLook >= MERGE_STRETCH) {
        sinceLook = 0;
        await run.pause();
      }
    }
    [rows, spare] = [spare, rows];
  }
  return rows;
}
