import { BoolColumn, ConstantColumn, DictionaryColumn, TicksColumn } from '../../store/columns.js';
import { isNullAt, type NullMask } from '../../store/null-mask.js';
import type { Cell, Decimal, ScalarType } from '../../store/types.js';
import { compareDecimal } from '../../values/decimal.js';
import { semanticError } from '../failures.js';
import type { Expr, Vector } from '../plan/types.js';
import { buildVector } from '../vector/build.js';
import { lift } from '../vector/lift.js';
import { castExpr, vectorExpr } from './basic.js';
import { eitherNull, type NumberView, numberView } from './numbers.js';
import { isNumeric, widerNumeric } from './types.js';

export type ComparisonOperator = '==' | '!=' | '<' | '<=' | '>' | '>=';

type NumberTest = (a: number, b: number) => boolean;

const TESTS: Record<ComparisonOperator, NumberTest> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** Order of two cells of one type that are not null. */
export function compareCells(type: ScalarType, a: Cell, b: Cell): number {
  if (type === 'decimal') return compareDecimal(a as Decimal, b as Decimal);
  return a! < b! ? -1 : a! > b! ? 1 : 0;
}

function rowTest(op: ComparisonOperator, type: ScalarType): (a: Cell, b: Cell) => Cell {
  const test = TESTS[op];
  const equality = op === '==' || op === '!=';
  return (a, b) => {
    if (a === null || b === null) {
      // Two nulls compare to null; equality with one null is known to be false.
      if (!equality || (a === null && b === null)) return null;
      return op === '!=';
    }
    if (type === 'real') return test(a as number, b as number);
    return test(compareCells(type, a, b), 0);
  };
}

/** Applies the rule of nulls to an otherwise finished comparison. */
function settleNulls(
  values: Int8Array,
  sides: readonly [NullMask, NullMask],
  op: ComparisonOperator,
): Vector {
  const [left, right] = sides;
  if (op !== '==' && op !== '!=') return new BoolColumn(values, eitherNull(left, right));
  const known = op === '!=' ? 1 : 0;
  for (let row = 0; row < values.length; row++) {
    if (isNullAt(left, row) || isNullAt(right, row)) values[row] = known;
  }
  if (left === undefined || right === undefined) return new BoolColumn(values);
  const both = new Uint8Array(left.length);
  for (let index = 0; index < both.length; index++) both[index] = left[index]! & right[index]!;
  return new BoolColumn(values, both);
}

function compareViews(
  op: ComparisonOperator,
  rows: number,
  sides: readonly [NumberView, NumberView],
): Vector {
  const [a, b] = sides;
  const test = TESTS[op];
  const values = new Int8Array(rows);
  if (b.single) {
    const right = b.values[0]!;
    for (let row = 0; row < rows; row++) values[row] = test(a.values[row]!, right) ? 1 : 0;
  } else if (a.single) {
    const left = a.values[0]!;
    for (let row = 0; row < rows; row++) values[row] = test(left, b.values[row]!) ? 1 : 0;
  } else {
    for (let row = 0; row < rows; row++) values[row] = test(a.values[row]!, b.values[row]!) ? 1 : 0;
  }
  return settleNulls(values, [a.nulls, b.nulls], op);
}

/** A constant tick count on the scale of a column; between two steps where it meets none of them. */
function onScale(column: TicksColumn, ticks: bigint): number {
  const unit = BigInt(column.unit);
  const distance = ticks - column.base;
  let steps = distance / unit;
  const rest = distance - steps * unit;
  if (rest < 0n) steps -= 1n;
  return Number(steps) + (rest === 0n ? 0 : 0.5);
}

const MAX_EXACT_STEPS = 2 ** 50;

function ticksViews(left: Vector, right: Vector): readonly [NumberView, NumberView] | undefined {
  if (left instanceof TicksColumn && right instanceof ConstantColumn && typeof right.value === 'bigint') {
    const constant = onScale(left, right.value);
    if (Math.abs(constant) > MAX_EXACT_STEPS) return undefined;
    return [
      { values: left.values, single: false, nulls: left.nulls },
      { values: [constant], single: true, nulls: undefined },
    ];
  }
  if (left instanceof TicksColumn && right instanceof TicksColumn) {
    if (left.base !== right.base || left.unit !== right.unit) return undefined;
    return [
      { values: left.values, single: false, nulls: left.nulls },
      { values: right.values, single: false, nulls: right.nulls },
    ];
  }
  return undefined;
}

const FLIPPED: Record<ComparisonOperator, ComparisonOperator> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

/** Compares two vectors of one type. */
function compareVectors(op: ComparisonOperator, left: Vector, right: Vector): Vector {
  const rows = left.length;
  if (left instanceof ConstantColumn && right instanceof TicksColumn) {
    return compareVectors(FLIPPED[op], right, left);
  }
  const a = numberView(left);
  const b = numberView(right);
  if (a !== undefined && b !== undefined && !(a.single && b.single)) return compareViews(op, rows, [a, b]);
  const ticks = ticksViews(left, right);
  if (ticks !== undefined) return compareViews(op, rows, ticks);
  return lift(rowTest(op, left.type), [left, right], { type: 'bool', length: rows, strict: false });
}

function incomparable(a: Expr, b: Expr): Error {
  return semanticError(
    'SEM0064',
    `Cannot compare values of types ${a.type} and ${b.type}. Try adding explicit casts`,
  );
}

/**
 * Both sides brought to the type they are compared in.
 * @throws KustoError SEM0064
 */
export function comparable(left: Expr, right: Expr): readonly [Expr, Expr] {
  if (left.type === right.type) {
    if (left.type === 'dynamic') throw incomparable(left, right);
    return [left, right];
  }
  if (left.type === 'dynamic') return [castExpr(left, right.type), right];
  if (right.type === 'dynamic') return [left, castExpr(right, left.type)];
  if (left.type === 'guid' && right.type === 'string') return [left, castExpr(right, 'guid')];
  if (left.type === 'string' && right.type === 'guid') return [castExpr(left, 'guid'), right];
  const countable = (type: ScalarType) => isNumeric(type) || type === 'bool';
  if (countable(left.type) && countable(right.type)) {
    const type = widerNumeric(left.type, right.type);
    return [castExpr(left, type), castExpr(right, type)];
  }
  throw incomparable(left, right);
}

/** `== != < <= > >=`. */
export function comparison(op: ComparisonOperator, leftIn: Expr, rightIn: Expr): Expr {
  const [left, right] = comparable(leftIn, rightIn);
  const ordering = op !== '==' && op !== '!=';
  if (ordering && (left.type === 'string' || left.type === 'guid')) throw incomparable(leftIn, rightIn);
  return vectorExpr('bool', [left, right], ([a, b]) => compareVectors(op, a!, b!));
}

/** Rows where a condition is true, neither false nor null. */
export function trueRows(condition: Vector): Uint32Array {
  const rows = new Uint32Array(condition.length);
  let count = 0;
  if (condition instanceof BoolColumn) {
    const { values, nulls } = condition;
    for (let row = 0; row < values.length; row++) {
      if (values[row] === 1 && !isNullAt(nulls, row)) rows[count++] = row;
    }
  } else {
    for (let row = 0; row < condition.length; row++) if (condition.get(row) === true) rows[count++] = row;
  }
  return rows.subarray(0, count);
}

/** A condition vector from a test of each row of a vector of text. */
export function testText(vector: Vector, test: (text: string) => boolean): Vector {
  if (vector instanceof DictionaryColumn) {
    const known = new Int8Array(vector.dictionary.length);
    const values = new Int8Array(vector.length);
    for (let row = 0; row < vector.length; row++) {
      const code = vector.codes[row]!;
      if (known[code] === 0) known[code] = test(vector.dictionary[code]!) ? 1 : -1;
      values[row] = known[code] === 1 ? 1 : 0;
    }
    return new BoolColumn(values);
  }
  return buildVector('bool', vector.length, (row) => test(vector.get(row) as string));
}
