import type { Cell, Decimal, Dynamic, DynamicNode, ScalarType } from '../../store/types.js';
import { MAX_LONG, MIN_LONG, parseBool, parseInt32, parseLong, parseReal } from '../../values/cell.js';
import { datetimeOrNull, formatDatetime } from '../../values/datetime.js';
import { parseDatetime } from '../../values/datetime-parse.js';
import {
  decimalFromBigInt,
  decimalFromNumber,
  decimalToNumber,
  formatDecimal,
  parseDecimal,
  truncateDecimal,
} from '../../values/decimal.js';
import { parseDynamic } from '../../values/dynamic.js';
import { parseGuid } from '../../values/guid.js';
import { isDynamicReal, printReal } from '../../values/json.js';
import { formatTimespan, parseTimespan } from '../../values/timespan.js';
import { dynamicCell, nodeOf, nodeText } from './nodes.js';

type Cast = (cell: Cell) => Cell;

/** A double as text: whole values keep one fraction digit. */
function realText(value: number): string {
  return Number.isFinite(value) ? printReal(value) : printReal(value).slice(1, -1);
}

function inLong(value: bigint): bigint | null {
  return value < MIN_LONG || value > MAX_LONG ? null : value;
}

function realToLong(value: number): bigint | null {
  return Number.isFinite(value) ? inLong(BigInt(Math.trunc(value))) : null;
}

function toInt(value: bigint | null): number | null {
  return value === null || value < -2147483648n || value > 2147483647n ? null : Number(value);
}

function textToLong(text: string): bigint | null {
  const whole = parseLong(text);
  if (whole !== null) return whole;
  const real = parseReal(text);
  return real === null ? null : realToLong(real);
}

const TO_LONG: Partial<Record<ScalarType, Cast>> = {
  bool: (cell) => (cell === true ? 1n : 0n),
  int: (cell) => BigInt(cell as number),
  real: (cell) => realToLong(cell as number),
  decimal: (cell) => inLong(truncateDecimal(cell as Decimal)),
  string: (cell) => textToLong(cell as string),
  datetime: (cell) => cell,
  timespan: (cell) => cell,
};

const TO_REAL: Partial<Record<ScalarType, Cast>> = {
  bool: (cell) => (cell === true ? 1 : 0),
  int: (cell) => cell,
  long: (cell) => Number(cell),
  decimal: (cell) => decimalToNumber(cell as Decimal),
  string: (cell) => parseReal(cell as string),
  datetime: (cell) => Number(cell),
  timespan: (cell) => Number(cell),
};

const TO_DECIMAL: Partial<Record<ScalarType, Cast>> = {
  bool: (cell) => decimalFromBigInt(cell === true ? 1n : 0n),
  int: (cell) => decimalFromBigInt(BigInt(cell as number)),
  long: (cell) => decimalFromBigInt(cell as bigint),
  real: (cell) => decimalFromNumber(cell as number),
  string: (cell) => parseDecimal(cell as string),
  datetime: (cell) => decimalFromBigInt(cell as bigint),
  timespan: (cell) => decimalFromBigInt(cell as bigint),
};

const TO_STRING: Partial<Record<ScalarType, Cast>> = {
  bool: (cell) => String(cell),
  int: (cell) => String(cell),
  long: (cell) => String(cell),
  real: (cell) => realText(cell as number),
  decimal: (cell) => formatDecimal(cell as Decimal),
  datetime: (cell) => formatDatetime(cell as bigint),
  timespan: (cell) => formatTimespan(cell as bigint),
  guid: (cell) => cell,
};

const TO_BOOL: Partial<Record<ScalarType, Cast>> = {
  int: (cell) => cell !== 0,
  long: (cell) => cell !== 0n,
  real: (cell) => cell !== 0,
  decimal: (cell) => (cell as Decimal).unscaled !== 0n,
  string: (cell) => parseBool(cell as string),
};

function intFrom(from: ScalarType): Cast | undefined {
  if (from === 'string') {
    return (cell) => parseInt32(cell as string) ?? toInt(textToLong(cell as string));
  }
  const long = from === 'long' ? (cell: Cell) => cell : TO_LONG[from];
  return long && ((cell) => toInt(long(cell) as bigint | null));
}

function fromDynamic(to: ScalarType): Cast {
  return (cell) => castNode((cell as Dynamic).value(), to);
}

/** A JSON node as a cell of `to`, or null where it does not fit. */
export function castNode(node: DynamicNode, to: ScalarType): Cell {
  if (node === null) return null;
  if (to === 'dynamic') return dynamicCell(node);
  if (to === 'string') return nodeText(node);
  if (typeof node === 'string') return castCell('string', to)?.(node) ?? null;
  if (typeof node === 'boolean') return to === 'bool' ? node : (castCell('bool', to)?.(node) ?? null);
  if (typeof node === 'number') return castCell('long', to)?.(BigInt(node)) ?? null;
  if (typeof node === 'bigint') {
    const long = inLong(node);
    if (long === null) return castCell('real', to)?.(Number(node)) ?? null;
    return to === 'long' ? long : (castCell('long', to)?.(long) ?? null);
  }
  if (isDynamicReal(node)) return to === 'real' ? node.real : (castCell('real', to)?.(node.real) ?? null);
  return null;
}

function toDatetime(from: ScalarType): Cast | undefined {
  if (from === 'string') return (cell) => parseDatetime(cell as string);
  if (from === 'long') return (cell) => datetimeOrNull(cell as bigint);
  if (from === 'int') return (cell) => datetimeOrNull(BigInt(cell as number));
  return undefined;
}

function toTimespan(from: ScalarType): Cast | undefined {
  if (from === 'string') return (cell) => parseTimespan(cell as string);
  if (from === 'long') return (cell) => cell;
  if (from === 'int') return (cell) => BigInt(cell as number);
  if (from === 'real') return (cell) => realToLong(cell as number);
  return undefined;
}

function toDynamic(from: ScalarType): Cast {
  if (from === 'string') return (cell) => parseDynamic(cell as string);
  return (cell) => dynamicCell(nodeOf(from, cell));
}

/**
 * The explicit conversion `to…()` from one type to another for a cell that is not null; a value that does not
 * convert becomes null. `undefined` when Kusto has no such conversion.
 */
export function castCell(from: ScalarType, to: ScalarType): Cast | undefined {
  if (from === to) return (cell) => cell;
  if (from === 'dynamic') return fromDynamic(to);
  switch (to) {
    case 'long':
      return TO_LONG[from];
    case 'int':
      return intFrom(from);
    case 'real':
      return TO_REAL[from];
    case 'decimal':
      return TO_DECIMAL[from];
    case 'string':
      return TO_STRING[from];
    case 'bool':
      return TO_BOOL[from];
    case 'datetime':
      return toDatetime(from);
    case 'timespan':
      return toTimespan(from);
    case 'guid':
      return from === 'string' ? (cell) => parseGuid(cell as string) : undefined;
    case 'dynamic':
      return toDynamic(from);
  }
}
