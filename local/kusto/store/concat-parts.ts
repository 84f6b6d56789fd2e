import { maskWhere, type NullMask } from './null-mask.js';
import type { StoreColumn } from './store-column.js';

/** The parts as columns of one class, if they all are. */
export function every<C extends StoreColumn>(
  parts: readonly StoreColumn[],
  test: (column: StoreColumn) => column is C,
): readonly C[] | undefined {
  return parts.every(test) ? (parts as readonly C[]) : undefined;
}

/** Where the cells of the parts, one after another, are null. */
export function joinMasks(parts: readonly StoreColumn[], rows: number): NullMask {
  if (parts.every((c) => 'nulls' in c && c.nulls === undefined)) return undefined;
  let part = 0;
  let start = 0;
  return maskWhere(rows, (row) => {
    while (row - start >= parts[part]!.length) start += parts[part++]!.length;
    return parts[part]!.isNull(row - start);
  });
}
