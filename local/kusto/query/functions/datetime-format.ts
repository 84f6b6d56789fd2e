import { fieldsFromTicks, TICKS_PER_DAY } from '../../values/datetime.js';
import { semanticError } from '../failures.js';

interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: bigint;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** Ticks within the second. */
  readonly fraction: number;
}

const TOKEN = /y+|M+|d+|H+|h+|m+|s+|f+|F+|tt|[ /\-:,._[\]]|./gs;
const DELIMITERS = ' /-:,._[]';

function digits(value: number | bigint, width: number): string {
  return String(value).padStart(width, '0');
}

function fraction(parts: Parts, token: string): string {
  const text = digits(parts.fraction, 7).slice(0, token.length);
  return token.startsWith('f') ? text : text.replace(/0+$/, '');
}

const YEAR: Readonly<Record<number, (year: number) => string>> = {
  1: (year) => String(year % 100),
  2: (year) => digits(year % 100, 2),
  4: (year) => digits(year, 4),
};

function hour12(hour: number): number {
  return hour % 12 === 0 ? 12 : hour % 12;
}

function field(parts: Parts, token: string): string | undefined {
  const width = token.length;
  switch (token[0]) {
    case 'y':
      return YEAR[width]?.(parts.year);
    case 'M':
      return width <= 2 ? digits(parts.month, width) : undefined;
    case 'd':
      return width <= 8 ? digits(parts.day, width) : undefined;
    case 'H':
      return width <= 2 ? digits(parts.hour, width) : undefined;
    case 'h':
      return width <= 2 ? digits(hour12(parts.hour), width) : undefined;
    case 'm':
      return width <= 2 ? digits(parts.minute, width) : undefined;
    case 's':
      return width <= 2 ? digits(parts.second, width) : undefined;
    case 'f':
    case 'F':
      return width <= 7 ? fraction(parts, token) : undefined;
    case 't':
      return parts.hour < 12 ? 'AM' : 'PM';
    default:
      return DELIMITERS.includes(token) ? token : undefined;
  }
}

function formatParts(parts: Parts, format: string, allowed: RegExp): string {
  return (format.match(TOKEN) ?? [])
    .map((token) => {
      const text = allowed.test(token[0]!) || DELIMITERS.includes(token) ? field(parts, token) : undefined;
      if (text === undefined)
        throw semanticError('SEM0234', `'${token}' is not a legal part of a time format`);
      return text;
    })
    .join('');
}

/** `format_datetime`. */
export function formatDatetimeAs(ticks: bigint, format: string): string {
  const fields = fieldsFromTicks(ticks);
  const width = (/d+/.exec(format)?.[0].length ?? 0) > 2;
  if (width) throw semanticError('SEM0234', `'${format}' is not a legal datetime format`);
  return formatParts({ ...fields, day: BigInt(fields.day) }, format, /[yMdHhmsfFt]/);
}

/** `format_timespan`. */
export function formatTimespanAs(ticks: bigint, format: string): string {
  const size = ticks < 0n ? -ticks : ticks;
  const inDay = size % TICKS_PER_DAY;
  const fields = fieldsFromTicks(inDay);
  const text = formatParts({ ...fields, day: size / TICKS_PER_DAY }, format, /[dHhmsfF]/);
  return ticks < 0n ? `-${text}` : text;
}
