import type { Cell } from '../../store/types.js';

/** The sum of two numbers of one kind. */
export function addTicks(a: Cell, b: Cell): Cell {
  return typeof a === 'bigint' ? a + (b as bigint) : (a as number) + (b as number);
}
