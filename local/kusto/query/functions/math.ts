import { randomInt } from 'node:crypto';
import type { Cell, Decimal, ScalarType } from '../../store/types.js';
import { divDecimal, mulDecimal, parseDecimal, roundDecimal, truncateDecimal } from '../../values/decimal.js';
import { castExpr, rowExpr } from '../expressions/basic.js';
import { convertArguments, definer, type FunctionTable } from './define.js';

export const mathFunctions: FunctionTable = new Map();
const define = definer(mathFunctions);

const REAL_FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  exp: Math.exp,
  exp2: (x) => 2 ** x,
  exp10: (x) => 10 ** x,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  cot: (x) => 1 / Math.tan(x),
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  degrees: (x) => (x * 180) / Math.PI,
  radians: (x) => (x * Math.PI) / 180,
};

for (const [name, fn] of Object.entries(REAL_FUNCTIONS)) define(name, ['real', 'real'], fn);

/** Outside their domain these give null, not NaN. */
const PARTIAL_FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  sqrt: Math.sqrt,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
};

for (const [name, fn] of Object.entries(PARTIAL_FUNCTIONS)) {
  define(name, ['real', 'real'], (x: number) => {
    const y = fn(x);
    return Number.isNaN(y) && !Number.isNaN(x) ? null : y;
  });
}

define('pow', ['real real', 'real'], (x: number, y: number) => x ** y);
define('atan2', ['real real', 'real'], Math.atan2);
define('pi', ['', 'real'], () => Math.PI);
define('isnan', ['real', 'bool'], (x: number) => Number.isNaN(x));
define('isinf', ['real', 'bool'], (x: number) =>
  x === Number.POSITIVE_INFINITY || x === Number.NEGATIVE_INFINITY);
define('isfinite', ['real', 'bool'], (x: number) => Number.isFinite(x));
define('sign', ['real', 'real'], (x: number) => Math.sign(x));

function absolute(cell: Cell): Cell {
  if (typeof cell === 'bigint') return BigInt.asIntN(64, cell < 0n ? -cell : cell);
  if (typeof cell === 'number') return Math.abs(cell);
  const decimal = cell as Decimal;
  return decimal.unscaled < 0n ? { unscaled: -decimal.unscaled, scale: decimal.scale } : decimal;
}

mathFunctions.set('abs', (args, site) => {
  const first = args[0];
  const [arg] = first?.type === 'timespan' ? args : convertArguments('number', args, site);
  const wide = arg!.type === 'int' ? castExpr(arg!, 'long') : arg!;
  return rowExpr(wide.type, [wide], (cell) => absolute(cell!), { strict: true });
});

function ceilDecimal(value: Decimal): Decimal {
  const whole = truncateDecimal(value);
  const exact = roundDecimal(value, value.scale);
  const up = exact.unscaled > 0n && whole * 10n ** BigInt(value.scale) !== value.unscaled;
  return { unscaled: up ? whole + 1n : whole, scale: 0 };
}

mathFunctions.set('ceiling', (args, site) => {
  const [arg] = convertArguments('number', args, site);
  const ceil: Partial<Record<ScalarType, (cell: Cell) => Cell>> = {
    real: (cell) => Math.ceil(cell as number),
    decimal: (cell) => ceilDecimal(cell as Decimal),
  };
  const fn = ceil[arg!.type];
  return fn === undefined ? arg! : rowExpr(arg!.type, [arg!], (cell) => fn(cell!), { strict: true });
});

const MAX_ROUND_DIGITS = 20;

function roundReal(value: number, digits: number): number {
  if (!Number.isFinite(value) || Math.abs(digits) > MAX_ROUND_DIGITS) return value;
  const shifted = Number(`${Math.abs(value)}e${digits}`);
  // A value printed with an exponent is beyond any digit that could be rounded.
  if (Number.isNaN(shifted)) return digits >= 0 ? value : 0;
  return Math.sign(value) * Number(`${Math.round(shifted)}e${-digits}`);
}

mathFunctions.set('round', (args, site) => {
  const [value, digits] = convertArguments('number long?', args, site);
  const all = digits === undefined ? [value!] : [value!, digits];
  if (value!.type === 'decimal') {
    const fn = (cell: Cell, places?: Cell) => roundDecimal(cell as Decimal, Number(places ?? 0n));
    return rowExpr('decimal', all, fn, { strict: true });
  }
  if (value!.type !== 'real' && digits === undefined) return value!;
  const reals = [castExpr(value!, 'real'), ...all.slice(1)];
  const rounded = rowExpr('real', reals, (cell, places) => roundReal(cell as number, Number(places ?? 0n)), {
    strict: true,
  });
  return castExpr(rounded, value!.type);
});

/** `rand()` in [0, 1); `rand(n)` a whole number below n. */
define(
  'rand',
  ['long?', 'real'],
  (below?: bigint) =>
    below !== undefined && below > 1n && below < 2n ** 47n
      ? randomInt(Number(below))
      : randomInt(2 ** 47) / 2 ** 47,
  { volatile: true },
);

const bits = (fn: (a: bigint, b: bigint) => bigint) => (a: bigint, b: bigint) => BigInt.asIntN(64, fn(a, b));
define('binary_and', ['long long', 'long'], bits((a, b) => a & b));
define('binary_or', ['long long', 'long'], bits((a, b) => a | b));
define('binary_xor', ['long long', 'long'], bits((a, b) => a ^ b));
define('binary_not', ['long', 'long'], (a: bigint) => BigInt.asIntN(64, ~a));
define('binary_shift_left', ['long long', 'long'], bits((a, b) => a << (b & 63n)));
define('binary_shift_right', ['long long', 'long'], bits((a, b) => a >> (b & 63n)));
define('bitset_count_ones', ['long', 'long'], (value: bigint) => {
  const ones = BigInt.asUintN(64, value).toString(2).replaceAll('0', '');
  return BigInt(ones.length);
});

/** `bin` of a decimal. */
export function binDecimal(value: Decimal, size: Decimal): Decimal | null {
  const quotient = divDecimal(value, size);
  if (quotient === null) return null;
  let whole = truncateDecimal(quotient);
  if (quotient.unscaled < 0n && whole * 10n ** BigInt(quotient.scale) !== quotient.unscaled) whole -= 1n;
  return mulDecimal(parseDecimal(whole.toString())!, size);
}
