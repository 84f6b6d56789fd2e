/** One bit per row, set where the cell is null; absent (`undefined`) when no cell is. */
export type NullMask = Uint8Array | undefined;

export function isNullAt(mask: NullMask, row: number): boolean {
  return mask !== undefined && (mask[row >> 3]! & (1 << (row & 7))) !== 0;
}

export function setNull(mask: Uint8Array, row: number): void {
  mask[row >> 3]! |= 1 << (row & 7);
}

export function newMask(rows: number): Uint8Array {
  return new Uint8Array((rows + 7) >> 3);
}

/** The mask of rows `from`..`to`, or `undefined` when none of them is null. */
export function sliceMask(mask: NullMask, from: number, to: number): NullMask {
  if (mask === undefined) return undefined;
  const out = newMask(to - from);
  let any = false;
  for (let row = from; row < to; row++) {
    if (isNullAt(mask, row)) {
      setNull(out, row - from);
      any = true;
    }
  }
  return any ? out : undefined;
}

/** The mask of the rows picked; a negative index picks a null. */
export function takeMask(mask: NullMask, indices: ArrayLike<number>): NullMask {
  let out: Uint8Array | undefined;
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i]!;
    if (row < 0 || isNullAt(mask, row)) {
      out ??= newMask(indices.length);
      setNull(out, i);
    }
  }
  return out;
}

/** A mask from a predicate that is asked row by row, in order. */
export function maskWhere(rows: number, isNull: (row: number) => boolean): NullMask {
  let mask: Uint8Array | undefined;
  for (let row = 0; row < rows; row++) {
    if (isNull(row)) {
      mask ??= newMask(rows);
      setNull(mask, row);
    }
  }
  return mask;
}
