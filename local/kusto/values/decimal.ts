import type { Decimal } from '../store/types.js';

/** Significant digits an arithmetic result keeps; more are rounded half to even. */
const DECIMAL_PRECISION_DIGITS = 34;

/** Largest exponent magnitude accepted from text, as IEEE 754 decimal128 has it. */
const MAX_EXPONENT = 6144;

const TEN = 10n;
const powers: bigint[] = [1n];

function pow10(exponent: number): bigint {
  if (exponent > 128) return TEN ** BigInt(exponent);
  for (let i = powers.length; i <= exponent; i++) powers.push(powers[i - 1]! * TEN);
  return powers[exponent]!;
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function digitCount(value: bigint): number {
  return abs(value).toString().length;
}

/** Divides and rounds half to even. */
function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const twice = abs(dividend % divisor) * 2n;
  const size = abs(divisor);
  if (twice < size || (twice === size && quotient % 2n === 0n)) return quotient;
  return quotient + (dividend < 0n === divisor < 0n ? 1n : -1n);
}

function rounded(unscaled: bigint, scale: number): Decimal {
  const excess = digitCount(unscaled) - DECIMAL_PRECISION_DIGITS;
  const cut = excess > 0 ? divideHalfEven(unscaled, pow10(excess)) : unscaled;
  const cutScale = excess > 0 ? scale - excess : scale;
  return cutScale < 0 ? { unscaled: cut * pow10(-cutScale), scale: 0 } : { unscaled: cut, scale: cutScale };
}

const DECIMAL_TEXT = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,5}))?$/;

/** Parses `-12.50`, `1e3`, `.5`; the scale is kept as written. Anything else is `null`. */
export function parseDecimal(text: string): Decimal | null {
  const match = DECIMAL_TEXT.exec(text.trim());
  if (match === null) return null;
  const [, sign, whole = '', fraction = '', exponentText = '0'] = match;
  if (whole === '' && fraction === '') return null;
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > MAX_EXPONENT) return null;
  const digits = BigInt(whole + fraction);
  return rounded(sign === '-' ? -digits : digits, fraction.length - exponent);
}

/** Plain notation without exponent. */
export function formatDecimal(value: Decimal): string {
  const digits = abs(value.unscaled).toString();
  const sign = value.unscaled < 0n ? '-' : '';
  if (value.scale <= 0) return sign + digits + '0'.repeat(value.unscaled === 0n ? 0 : -value.scale);
  const padded = digits.padStart(value.scale + 1, '0');
  const point = padded.length - value.scale;
  return `${sign}${padded.slice(0, point)}.${padded.slice(point)}`;
}

function aligned(a: Decimal, b: Decimal): { left: bigint; right: bigint; scale: number } {
  const scale = Math.max(a.scale, b.scale);
  return {
    left: a.unscaled * pow10(scale - a.scale),
    right: b.unscaled * pow10(scale - b.scale),
    scale,
  };
}

export function addDecimal(a: Decimal, b: Decimal): Decimal {
  const { left, right, scale } = aligned(a, b);
  return rounded(left + right, scale);
}

export function subDecimal(a: Decimal, b: Decimal): Decimal {
  const { left, right, scale } = aligned(a, b);
  return rounded(left - right, scale);
}

export function mulDecimal(a: Decimal, b: Decimal): Decimal {
  return rounded(a.unscaled * b.unscaled, a.scale + b.scale);
}

function withoutTrailingZeros(unscaled: bigint, scale: number): Decimal {
  let digits = unscaled;
  let left = scale;
  while (left > 0 && digits % TEN === 0n) {
    digits /= TEN;
    left--;
  }
  return { unscaled: digits, scale: left };
}

/** Quotient to {@link DECIMAL_PRECISION_DIGITS}; `null` when the divisor is zero. */
export function divDecimal(a: Decimal, b: Decimal): Decimal | null {
  if (b.unscaled === 0n) return null;
  const shift = Math.max(0, DECIMAL_PRECISION_DIGITS + digitCount(b.unscaled) - digitCount(a.unscaled) + 1);
  const dividend = a.unscaled * pow10(shift);
  const exact = dividend % b.unscaled === 0n;
  // One sticky digit keeps the later rounding from seeing a tie that is none.
  const quotient = exact
    ? dividend / b.unscaled
    : (dividend / b.unscaled) * TEN + (dividend < 0n === b.unscaled < 0n ? 1n : -1n);
  const scale = a.scale - b.scale + shift + (exact ? 0 : 1);
  const result = rounded(quotient, scale);
  return withoutTrailingZeros(result.unscaled, result.scale);
}

/** Remainder with the sign of the dividend; `null` when the divisor is zero. */
export function modDecimal(a: Decimal, b: Decimal): Decimal | null {
  if (b.unscaled === 0n) return null;
  const { left, right, scale } = aligned(a, b);
  return rounded(left % right, scale);
}

/** Negative, zero or positive, by value: `1.0` equals `1.00`. */
export function compareDecimal(a: Decimal, b: Decimal): number {
  if (a.scale === b.scale) return a.unscaled < b.unscaled ? -1 : a.unscaled > b.unscaled ? 1 : 0;
  const { left, right } = aligned(a, b);
  return left < right ? -1 : left > right ? 1 : 0;
}

export function decimalFromBigInt(value: bigint): Decimal {
  return rounded(value, 0);
}

/** The shortest decimal text that reads back as the same double; `null` for NaN and infinities. */
export function decimalFromNumber(value: number): Decimal | null {
  return Number.isFinite(value) ? parseDecimal(String(value)) : null;
}

export function decimalToNumber(value: Decimal): number {
  return Number(`${value.unscaled}e${-value.scale}`);
}

/** Towards zero. */
export function truncateDecimal(value: Decimal): bigint {
  return value.scale <= 0 ? value.unscaled * pow10(-value.scale) : value.unscaled / pow10(value.scale);
}

/** Rounds half to even at `digits` places after the point. */
export function roundDecimal(value: Decimal, digits: number): Decimal {
  if (value.scale <= digits) return value;
  const cut = divideHalfEven(value.unscaled, pow10(value.scale - digits));
  return digits < 0 ? { unscaled: cut * pow10(-digits), scale: 0 } : { unscaled: cut, scale: digits };
}
