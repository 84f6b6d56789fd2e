import { LongColumn, RealColumn } from '../../store/columns.js';
import type { Cell, Decimal, ScalarType } from '../../store/types.js';
import { datetimeOrNull } from '../../values/datetime.js';
import { addDecimal, divDecimal, modDecimal, mulDecimal, subDecimal } from '../../values/decimal.js';
import { semanticError } from '../failures.js';
import type { Expr, Vector } from '../plan/types.js';
import { lift, type RowFunction } from '../vector/lift.js';
import { castExpr, vectorExpr } from './basic.js';
import { eitherNull, type NumberView, numberView, withNullsWhere } from './numbers.js';
import { isInteger, isNumeric, widerNumeric } from './types.js';

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';

/** Two's complement, as the engine's 64-bit integers overflow. */
function wrap(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}

function mod(a: bigint, b: bigint): bigint | null {
  if (b === 0n) return null;
  const rest = a % b;
  return rest < 0n ? rest + (b < 0n ? -b : b) : rest;
}

function realMod(a: number, b: number): number {
  const rest = a % b;
  return rest < 0 ? rest + Math.abs(b) : rest;
}

const LONG: Record<ArithmeticOperator, (a: bigint, b: bigint) => Cell> = {
  '+': (a, b) => wrap(a + b),
  '-': (a, b) => wrap(a - b),
  '*': (a, b) => wrap(a * b),
  '/': (a, b) => (b === 0n ? null : wrap(a / b)),
  '%': mod,
};

const REAL: Record<ArithmeticOperator, (a: number, b: number) => number> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': realMod,
};

/** The same on safe integers held as doubles; the caller checks the size of the result. */
const SAFE: Record<ArithmeticOperator, (a: number, b: number) => number> = {
  ...REAL,
  '/': (a, b) => Math.trunc(a / b),
};

const DECIMAL: Record<ArithmeticOperator, (a: Decimal, b: Decimal) => Cell> = {
  '+': addDecimal,
  '-': subDecimal,
  '*': mulDecimal,
  '/': divDecimal,
  '%': modDecimal,
};

function loop(
  out: Float64Array,
  sides: readonly [NumberView, NumberView],
  fn: (a: number, b: number) => number,
): void {
  const [a, b] = sides;
  if (a.single) {
    const left = a.values[0]!;
    for (let row = 0; row < out.length; row++) out[row] = fn(left, b.values[row]!);
  } else if (b.single) {
    const right = b.values[0]!;
    for (let row = 0; row < out.length; row++) out[row] = fn(a.values[row]!, right);
  } else {
    for (let row = 0; row < out.length; row++) out[row] = fn(a.values[row]!, b.values[row]!);
  }
}

function fastViews(left: Vector, right: Vector): readonly [NumberView, NumberView] | undefined {
  const a = numberView(left);
  const b = numberView(right);
  return a === undefined || b === undefined || (a.single && b.single) ? undefined : [a, b];
}

function fastLong(op: ArithmeticOperator, left: Vector, right: Vector): Vector | undefined {
  const sides = fastViews(left, right);
  if (sides === undefined) return undefined;
  const [a, b] = sides;
  const rows = Math.max(left.length, right.length);
  const out = new Float64Array(rows);
  loop(out, sides, SAFE[op]);
  let nulls = eitherNull(a.nulls, b.nulls);
  if (op === '/' || op === '%') {
    nulls = withNullsWhere(nulls, rows, (row) => b.values[b.single ? 0 : row] === 0);
    for (let row = 0; row < rows; row++)
      if (Number.isNaN(out[row]!) || !Number.isFinite(out[row]!)) out[row] = 0;
  }
  for (let row = 0; row < rows; row++) {
    const value = out[row]!;
    if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) return undefined;
    if (value === 0) out[row] = 0;
  }
  return new LongColumn(out, nulls);
}

function longArithmetic(op: ArithmeticOperator, left: Vector, right: Vector): Vector {
  return (
    fastLong(op, left, right) ??
    lift(LONG[op] as RowFunction, [left, right], { type: 'long', length: left.length, strict: true })
  );
}

function realArithmetic(op: ArithmeticOperator, left: Vector, right: Vector): Vector {
  const sides = fastViews(left, right);
  if (sides === undefined) {
    return lift(REAL[op] as RowFunction, [left, right], { type: 'real', length: left.length, strict: true });
  }
  const out = new Float64Array(left.length);
  loop(out, sides, REAL[op]);
  return new RealColumn(out, eitherNull(sides[0].nulls, sides[1].nulls));
}

function numeric(op: ArithmeticOperator, left: Expr, right: Expr): Expr {
  const wider = widerNumeric(left.type, right.type);
  const type: ScalarType = isInteger(wider) || wider === 'bool' ? 'long' : wider;
  const args = [castExpr(left, type), castExpr(right, type)];
  if (type === 'long') return vectorExpr(type, args, ([a, b]) => longArithmetic(op, a!, b!));
  if (type === 'real') return vectorExpr(type, args, ([a, b]) => realArithmetic(op, a!, b!));
  return vectorExpr(type, args, ([a, b]) =>
    lift(DECIMAL[op] as RowFunction, [a!, b!], { type, length: a!.length, strict: true }),
  );
}

interface TimeRule {
  readonly type: ScalarType;
  readonly fn: (a: never, b: never) => Cell;
}

const sumOf = (a: bigint, b: bigint) => wrap(a + b);
const differenceOf = (a: bigint, b: bigint) => wrap(a - b);
const point = (ticks: bigint) => datetimeOrNull(ticks);
const scaled = (ticks: bigint, factor: number): bigint | null => {
  const value = Number(ticks) * factor;
  return Number.isFinite(value) && Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : null;
};

/** Arithmetic of datetime (`t`), timespan (`s`), long (`l`) and real (`r`). */
const TIME_RULES: Readonly<Record<string, TimeRule>> = {
  't-t': { type: 'timespan', fn: differenceOf },
  't+s': { type: 'datetime', fn: (a: bigint, b: bigint) => point(a + b) },
  's+t': { type: 'datetime', fn: (a: bigint, b: bigint) => point(a + b) },
  't-s': { type: 'datetime', fn: (a: bigint, b: bigint) => point(a - b) },
  's+s': { type: 'timespan', fn: sumOf },
  's-s': { type: 'timespan', fn: differenceOf },
  's*l': { type: 'timespan', fn: (a: bigint, b: bigint) => wrap(a * b) },
  'l*s': { type: 'timespan', fn: (a: bigint, b: bigint) => wrap(a * b) },
  's*r': { type: 'timespan', fn: scaled },
  'r*s': { type: 'timespan', fn: (a: number, b: bigint) => scaled(b, a) },
  's/l': { type: 'timespan', fn: (a: bigint, b: bigint) => (b === 0n ? null : a / b) },
  's/r': { type: 'timespan', fn: (a: bigint, b: number) => (b === 0 ? null : scaled(a, 1 / b)) },
  's/s': { type: 'real', fn: (a: bigint, b: bigint) => (b === 0n ? null : Number(a) / Number(b)) },
  's%s': { type: 'timespan', fn: mod },
  't%s': { type: 'timespan', fn: mod },
};

const TIME_LETTER: Partial<Record<ScalarType, string>> = {
  datetime: 't',
  timespan: 's',
  int: 'l',
  long: 'l',
  real: 'r',
  decimal: 'r',
};

function temporal(op: ArithmeticOperator, left: Expr, right: Expr): Expr | undefined {
  const rule = TIME_RULES[`${TIME_LETTER[left.type]}${op}${TIME_LETTER[right.type]}`];
  if (rule === undefined) return undefined;
  const plain = (expr: Expr): Expr => {
    if (expr.type === 'int') return castExpr(expr, 'long');
    return expr.type === 'decimal' ? castExpr(expr, 'real') : expr;
  };
  return vectorExpr(rule.type, [plain(left), plain(right)], ([a, b]) =>
    lift(rule.fn as RowFunction, [a!, b!], { type: rule.type, length: a!.length, strict: true }),
  );
}

/** A dynamic operand takes the type of the other one. */
function withoutDynamic(left: Expr, right: Expr): readonly [Expr, Expr] {
  if (left.type === 'dynamic' && right.type === 'dynamic') {
    return [castExpr(left, 'real'), castExpr(right, 'real')];
  }
  if (left.type === 'dynamic')
    return [castExpr(left, right.type === 'datetime' ? 'timespan' : right.type), right];
  if (right.type === 'dynamic')
    return [left, castExpr(right, left.type === 'datetime' ? 'timespan' : left.type)];
  return [left, right];
}

/**
 * `+ - * / %` of two expressions.
 * @throws KustoError SEM0064 when the types do not allow it
 */
export function arithmetic(op: ArithmeticOperator, leftIn: Expr, rightIn: Expr): Expr {
  const [left, right] = withoutDynamic(leftIn, rightIn);
  if (isNumeric(left.type) && isNumeric(right.type)) return numeric(op, left, right);
  const timed = temporal(op, left, right);
  if (timed !== undefined) return timed;
  throw semanticError(
    'SEM0064',
    `Arithmetic expression cannot be carried-out between ${leftIn.type} and ${rightIn.type} (operator '${op}')`,
  );
}

/** Unary minus. */
export function negate(expr: Expr): Expr {
  const { type } = expr;
  if (type === 'timespan') {
    return vectorExpr(type, [expr], ([a]) =>
      lift((cell) => wrap(-(cell as bigint)), [a!], { type, length: a!.length, strict: true }),
    );
  }
  const zero: Expr = castExpr(
    { ...expr, type: 'long', constant: true, evaluate: ZERO },
    isNumeric(type) ? type : 'long',
  );
  return arithmetic('-', zero, expr);
}

const ZERO: Expr['evaluate'] = (batch) => new LongColumn(new Float64Array(batch.rowCount));
