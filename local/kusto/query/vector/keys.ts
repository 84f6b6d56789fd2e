import type { Cell, Decimal, Dynamic, ScalarType } from '../../store/types.js';
import { nodeKey } from '../conversion/nodes.js';

/** A decimal without trailing zeros: equal values, equal keys. */
function decimalKey(value: Decimal): string {
  let { unscaled, scale } = value;
  while (scale > 0 && unscaled % 10n === 0n) {
    unscaled /= 10n;
    scale--;
  }
  return `${unscaled}e${scale}`;
}

/** A value that is equal, as Map and Set see it, exactly for equal cells of one type. */
export function cellKey(type: ScalarType, cell: Cell): unknown {
  if (cell === null) return null;
  if (type === 'decimal') return decimalKey(cell as Decimal);
  return type === 'dynamic' ? nodeKey((cell as Dynamic).value()) : cell;
}
