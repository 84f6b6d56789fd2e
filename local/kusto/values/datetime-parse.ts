import { type DatetimeFields, ticksFromFields } from './datetime.js';

const TIME = String.raw`(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?`;
const ZONE = String.raw`\s*(Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?`;

/** `2026`, `2026-01`, `2026-01-02`, with time after `T` or blanks. */
const ISO = new RegExp(
  String.raw`^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:(?:[Tt]|\s+)(?:${TIME}|(\d{1,2})))?)?)?${ZONE}$`,
);
/** ISO 8601 basic form: `20260102`, `20260102T030405`. */
const ISO_BASIC = new RegExp(
  String.raw`^(\d{4})(\d{2})(\d{2})(?:[Tt](\d{2})(\d{2})(?:(\d{2})(?:\.(\d{1,9}))?)?)?${ZONE}$`,
);
/** RFC 822 `Sat, 8 Nov 14 15:05:02 GMT` and RFC 850 `Saturday, 08-Nov-14 15:05:02 UTC`. */
const RFC = new RegExp(
  String.raw`^(?:[A-Za-z]{3,9},?\s+)?(\d{1,2})[\s-]+([A-Za-z]{3,9})[\s-]+(\d{4}|\d{2})(?:\s+${TIME})?${ZONE}$`,
);
/** `1/31/2026 10:00:00 PM`, month first. */
const US = new RegExp(String.raw`^(\d{1,2})/(\d{1,2})/(\d{4})(?:\s+${TIME}\s*([AaPp][Mm])?)?${ZONE}$`);

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

function number(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : Number(text);
}

/** Fraction digits → ticks; the eighth and ninth digit are cut off. */
function fractionTicks(text: string | undefined): number {
  return text === undefined ? 0 : Number(text.slice(0, 7).padEnd(7, '0'));
}

function offsetMinutes(zone: string | undefined): number {
  if (zone === undefined || !/^[+-]/.test(zone)) return 0;
  const digits = zone.slice(1).replace(':', '');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || '0');
  return zone[0] === '-' ? -minutes : minutes;
}

type Groups = readonly (string | undefined)[];

function time(groups: Groups): Pick<DatetimeFields, 'hour' | 'minute' | 'second' | 'fraction'> {
  return {
    hour: number(groups[0], 0),
    minute: number(groups[1], 0),
    second: number(groups[2], 0),
    fraction: fractionTicks(groups[3]),
  };
}

function fromIso(m: Groups): bigint | null {
  const clock =
    m[8] === undefined ? time(m.slice(4, 8)) : { hour: Number(m[8]), minute: 0, second: 0, fraction: 0 };
  const date = { year: Number(m[1]), month: number(m[2], 1), day: number(m[3], 1) };
  return ticksFromFields({ ...date, ...clock }, offsetMinutes(m[9]));
}

function fromBasic(m: Groups): bigint | null {
  const date = { year: Number(m[1]), month: Number(m[2]), day: Number(m[3]) };
  return ticksFromFields({ ...date, ...time(m.slice(4, 8)) }, offsetMinutes(m[8]));
}

function fromRfc(m: Groups): bigint | null {
  const month = MONTHS.indexOf(m[2]!.slice(0, 3).toLowerCase()) + 1;
  if (month === 0) return null;
  const short = m[3]!.length === 2;
  const year = Number(m[3]) + (short ? (Number(m[3]) < 50 ? 2000 : 1900) : 0);
  return ticksFromFields({ year, month, day: Number(m[1]), ...time(m.slice(4, 8)) }, offsetMinutes(m[8]));
}

function fromUs(m: Groups): bigint | null {
  const clock = time(m.slice(4, 8));
  const half = m[8]?.toLowerCase();
  if (half !== undefined && (clock.hour < 1 || clock.hour > 12)) return null;
  const hour = half === undefined ? clock.hour : (clock.hour % 12) + (half === 'pm' ? 12 : 0);
  const date = { year: Number(m[3]), month: Number(m[1]), day: Number(m[2]) };
  return ticksFromFields({ ...date, ...clock, hour }, offsetMinutes(m[9]));
}

function digit(text: string, at: number): number {
  const d = text.charCodeAt(at) - 48;
  return d >= 0 && d <= 9 ? d : Number.NaN;
}

function two(text: string, at: number): number {
  return digit(text, at) * 10 + digit(text, at + 1);
}

/** `YYYY-MM-DD[T ]HH:MM:SS[.f…][Z]` without a regular expression; `undefined` when the text is not of that form. */
function fastIso(text: string): bigint | null | undefined {
  const { length } = text;
  if (length < 19 || text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return undefined;
  const separator = text.charCodeAt(10);
  if ((separator !== 84 && separator !== 32) || text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58) {
    return undefined;
  }
  let end = length;
  if (text.charCodeAt(end - 1) === 90) end--;
  let fraction = 0;
  if (end > 19) {
    if (text.charCodeAt(19) !== 46 || end > 29 || end === 20) return undefined;
    for (let i = 20; i < end && i < 27; i++) fraction = fraction * 10 + digit(text, i);
    for (let i = end; i < 27; i++) fraction *= 10;
    for (let i = 27; i < end; i++) if (Number.isNaN(digit(text, i))) return undefined;
  }
  const fields = {
    year: two(text, 0) * 100 + two(text, 2),
    month: two(text, 5),
    day: two(text, 8),
    hour: two(text, 11),
    minute: two(text, 14),
    second: two(text, 17),
    fraction,
  };
  const sum =
    fields.year + fields.month + fields.day + fields.hour + fields.minute + fields.second + fraction;
  return Number.isNaN(sum) ? undefined : ticksFromFields(fields);
}

/**
 * Ticks since 0001-01-01T00:00:00Z of any text form Kusto reads as a datetime (ISO 8601, RFC 822, RFC 850,
 * month-first with slashes), or `null`. Without a zone the text means UTC; digits beyond 100 ns are cut off.
 */
export function parseDatetime(input: string): bigint | null {
  const fast = fastIso(input);
  if (fast !== undefined) return fast;
  const text = input.trim();
  if (text.length < 4 || text.length > 64) return null;
  let match: RegExpExecArray | null = ISO.exec(text);
  if (match !== null) return fromIso(match);
  match = ISO_BASIC.exec(text);
  if (match !== null) return fromBasic(match);
  match = RFC.exec(text);
  if (match !== null) return fromRfc(match);
  match = US.exec(text);
  return match === null ? null : fromUs(match);
}
