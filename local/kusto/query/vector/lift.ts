import { ConstantColumn, DictionaryColumn } from '../../store/columns.js';
import type { Cell, ScalarType } from '../../store/types.js';
import type { Vector } from '../plan/types.js';
import { buildVector, constantVector } from './build.js';

/** One row of arguments in, one cell out. */
export type RowFunction = (...args: Cell[]) => Cell;

export interface LiftOptions {
  readonly type: ScalarType;
  readonly length: number;
  /** Answer null for a null argument without calling. Strings have no null. */
  readonly strict: boolean;
  /** Two calls with equal arguments may differ (`rand`). */
  readonly volatile?: boolean;
}

function strictly(fn: RowFunction, arity: number): RowFunction {
  if (arity === 1) return (a) => (a === null ? null : fn(a!));
  if (arity === 2) return (a, b) => (a === null || b === null ? null : fn(a!, b!));
  return (...args) => (args.includes(null) ? null : fn(...args));
}

/**
 * Applies a function of one row to vectors. Constant arguments give a constant; a single dictionary among
 * constants is evaluated once per distinct text.
 */
export function lift(fn: RowFunction, args: readonly Vector[], options: LiftOptions): Vector {
  const { type, length } = options;
  const call = options.strict ? strictly(fn, args.length) : fn;
  const varying = args.filter((arg) => !(arg instanceof ConstantColumn));
  if (varying.length === 0 && options.volatile !== true) {
    const value = length === 0 ? null : call(...args.map((arg) => arg.get(0)));
    return constantVector(type, value, length);
  }
  const only = varying[0];
  if (varying.length === 1 && only instanceof DictionaryColumn && only.nulls === undefined) {
    return liftDictionary(call, only, args, options);
  }
  return buildVector(type, length, rowCaller(call, args));
}

function rowCaller(call: RowFunction, args: readonly Vector[]): (row: number) => Cell {
  const [a, b, c] = args;
  if (args.length === 1) return (row) => call(a!.get(row));
  if (args.length === 2) return (row) => call(a!.get(row), b!.get(row));
  if (args.length === 3) return (row) => call(a!.get(row), b!.get(row), c!.get(row));
  return (row) => call(...args.map((arg) => arg.get(row)));
}

function liftDictionary(
  call: RowFunction,
  column: DictionaryColumn,
  args: readonly Vector[],
  options: LiftOptions,
): Vector {
  const known: (Cell | undefined)[] = new Array(Math.min(column.dictionary.length, 1 << 20));
  const byRow = rowCaller(call, args);
  const { codes } = column;
  return buildVector(options.type, options.length, (row) => {
    const code = codes[row]!;
    let value = known[code];
    if (value === undefined) {
      value = byRow(row);
      known[code] = value;
    }
    return value;
  });
}
