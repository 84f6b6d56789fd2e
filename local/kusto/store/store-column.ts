import type { NullMask } from './null-mask.js';
import type { Column } from './types.js';

/** Row numbers; a negative one picks a null. */
export type RowIndices = ArrayLike<number>;

/** What every column class of the store adds to {@link Column}: vector operations without boxing cells. */
export interface StoreColumn extends Column {
  isNull(row: number): boolean;
  slice(from: number, to: number): StoreColumn;
  take(indices: RowIndices): StoreColumn;
}

interface NumberArray {
  readonly length: number;
  readonly byteLength: number;
  [index: number]: number;
}

export function takeNumbers<A extends NumberArray>(values: A, indices: RowIndices): A {
  const Type = (values as unknown as { constructor: new (n: number) => A }).constructor;
  const out = new Type(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i]!;
    if (row >= 0) (out as NumberArray)[i] = values[row]!;
  }
  return out;
}

export function takeBigInts(values: BigInt64Array, indices: RowIndices): BigInt64Array {
  const out = new BigInt64Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i]!;
    if (row >= 0) out[i] = values[row]!;
  }
  return out;
}

export function maskBytes(mask: NullMask): number {
  return mask?.byteLength ?? 0;
}

/** Whether any index picks a null. */
export function hasNegative(indices: RowIndices): boolean {
  if (indices instanceof Uint32Array) return false;
  for (let i = 0; i < indices.length; i++) if (indices[i]! < 0) return true;
  return false;
}
