import type { Cell, Decimal, Dynamic, ScalarType } from '../store/types.js';
import { formatDatetime } from './datetime.js';
import { parseDatetime } from './datetime-parse.js';
import { formatDecimal, parseDecimal } from './decimal.js';
import { parseDynamic } from './dynamic.js';
import { parseGuid } from './guid.js';
import { formatTimespan, parseTimespan } from './timespan.js';

export const MIN_LONG = -(2n ** 63n);
export const MAX_LONG = 2n ** 63n - 1n;

const REAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const NON_FINITE: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
  '+infinity': Number.POSITIVE_INFINITY,
  '-infinity': Number.NEGATIVE_INFINITY,
};

export function parseBool(input: string): boolean | null {
  const text = input.trim().toLowerCase();
  if (text === 'true') return true;
  if (text === 'false') return false;
  const whole = parseLong(text);
  return whole === null ? null : whole !== 0n;
}

/** Decimal or `0x` digits within 64 bits, else `null`. */
export function parseLong(input: string): bigint | null {
  const text = input.trim();
  if (!/^(?:[+-]?\d{1,40}|-?0[xX][0-9a-fA-F]{1,16})$/.test(text)) return null;
  const value = text[0] === '-' ? -BigInt(text.slice(1)) : BigInt(text[0] === '+' ? text.slice(1) : text);
  return value < MIN_LONG || value > MAX_LONG ? null : value;
}

export function parseInt32(input: string): number | null {
  const value = parseLong(input);
  return value === null || value < -2147483648n || value > 2147483647n ? null : Number(value);
}

export function parseReal(input: string): number | null {
  const text = input.trim();
  if (REAL.test(text)) return Number(text);
  return NON_FINITE[text.toLowerCase()] ?? null;
}

function parseDynamicCell(text: string): Dynamic | null {
  return text === '' || text === 'null' ? null : parseDynamic(text);
}

const PARSERS: Readonly<Record<ScalarType, (text: string) => Cell>> = {
  bool: parseBool,
  int: parseInt32,
  long: parseLong,
  real: parseReal,
  decimal: parseDecimal,
  string: (text) => text,
  datetime: parseDatetime,
  timespan: parseTimespan,
  guid: parseGuid,
  dynamic: parseDynamicCell,
};

/**
 * The cell a text field becomes when it is ingested into a column of `type`. Text that does not fit the type is
 * `null`, as the service does; a dynamic that is not JSON becomes a dynamic string.
 */
export function parseCell(type: ScalarType, text: string): Cell {
  return PARSERS[type](text);
}

/** The parser of one type, for loops over a column. */
export function cellParser(type: ScalarType): (text: string) => Cell {
  return PARSERS[type];
}

function realText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? String(value) : value > 0 ? 'Infinity' : '-Infinity';
}

/** Text that {@link parseCell} reads back as the same cell; null is empty text. */
export function cellToText(type: ScalarType, cell: Cell): string {
  if (cell === null) return '';
  switch (type) {
    case 'datetime':
      return formatDatetime(cell as bigint);
    case 'timespan':
      return formatTimespan(cell as bigint);
    case 'decimal':
      return formatDecimal(cell as Decimal);
    case 'dynamic':
      return (cell as Dynamic).text;
    case 'real':
      return realText(cell as number);
    default:
      return String(cell);
  }
}
