import type { Cell, Decimal, Dynamic, ScalarType } from '../store/types.js';
import { formatDatetime, formatTimespan } from '../catalog/ticks.js';

/** JSON text of one cell, exact: longs and decimals keep all their digits, datetimes all seven of theirs. */
export type CellEncoder = (cell: Cell) => string;

function real(value: number): string {
  if (Number.isFinite(value)) {
    return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${Object.is(value, -0) ? '-0' : value}.0` : String(value);
  }
  return Number.isNaN(value) ? '"NaN"' : value > 0 ? '"Infinity"' : '"-Infinity"';
}

function decimal({ unscaled, scale }: Decimal): string {
  if (scale <= 0) {
    return `"${unscaled * 10n ** BigInt(-scale)}"`;
  }
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return `"${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}"`;
}

/** Line breaks between JSON tokens would break the one-frame-per-line mode; inside strings JSON has none. */
function dynamic({ text }: Dynamic): string {
  return /[\r\n]/.test(text) ? text.replace(/[\r\n]+/g, ' ') : text;
}

const ENCODERS: Readonly<Record<ScalarType, CellEncoder>> = {
  bool: String,
  int: String,
  long: String,
  real: (cell) => real(cell as number),
  decimal: (cell) => decimal(cell as Decimal),
  string: (cell) => JSON.stringify(cell),
  datetime: (cell) => `"${formatDatetime(cell as bigint)}"`,
  timespan: (cell) => `"${formatTimespan(cell as bigint)}"`,
  guid: (cell) => `"${cell}"`,
  dynamic: (cell) => dynamic(cell as Dynamic),
};

export function cellEncoder(type: ScalarType): CellEncoder {
  const encode = ENCODERS[type];
  return type === 'string' ? (cell) => encode(cell ?? '') : (cell) => (cell === null ? 'null' : encode(cell));
}
