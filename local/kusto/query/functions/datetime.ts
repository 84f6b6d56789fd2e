import type { Cell } from '../../store/types.js';
import {
  type DatetimeFields,
  datetimeOrNull,
  fieldsFromTicks,
  TICKS_PER_DAY,
  TICKS_PER_HOUR,
  TICKS_PER_MINUTE,
  TICKS_PER_MS,
  TICKS_PER_SECOND,
  ticksFromFields,
  UNIX_EPOCH_TICKS,
} from '../../values/datetime.js';
import { castExpr, rowExpr } from '../expressions/basic.js';
import { semanticError } from '../failures.js';
import { formatDatetimeAs, formatTimespanAs } from './datetime-format.js';
import { convertArguments, definer, type FunctionTable } from './define.js';

export const datetimeFunctions: FunctionTable = new Map();
const define = definer(datetimeFunctions);

const MIDNIGHT = { hour: 0, minute: 0, second: 0, fraction: 0 };

function dayOf(ticks: bigint): bigint {
  return ticks - (ticks % TICKS_PER_DAY);
}

/** 0 is Sunday; 0001-01-01 was a Monday. */
function weekday(ticks: bigint): bigint {
  return (ticks / TICKS_PER_DAY + 1n) % 7n;
}

/** First tick of the month `offset` months away. */
function monthStart(fields: DatetimeFields, offset: number): bigint | null {
  const months = fields.year * 12 + (fields.month - 1) + offset;
  return ticksFromFields({ ...MIDNIGHT, year: Math.floor(months / 12), month: (months % 12) + 1, day: 1 });
}

function yearStart(fields: DatetimeFields, offset: number): bigint | null {
  return ticksFromFields({ ...MIDNIGHT, year: fields.year + offset, month: 1, day: 1 });
}

type Starter = (ticks: bigint, offset: number) => bigint | null;

const STARTS: Readonly<Record<string, Starter>> = {
  day: (ticks, offset) => datetimeOrNull(dayOf(ticks) + BigInt(offset) * TICKS_PER_DAY),
  week: (ticks, offset) =>
    datetimeOrNull(dayOf(ticks) - weekday(ticks) * TICKS_PER_DAY + BigInt(offset) * 7n * TICKS_PER_DAY),
  month: (ticks, offset) => monthStart(fieldsFromTicks(ticks), offset),
  year: (ticks, offset) => yearStart(fieldsFromTicks(ticks), offset),
};

for (const [unit, start] of Object.entries(STARTS)) {
  define(`startof${unit}`, ['datetime long?', 'datetime'], (ticks: bigint, offset = 0n) =>
    start(ticks, Number(offset)),
  );
  define(`endof${unit}`, ['datetime long?', 'datetime'], (ticks: bigint, offset = 0n) => {
    const next = start(ticks, Number(offset) + 1);
    return next === null ? null : next - 1n;
  });
}

function dayOfYear(ticks: bigint): number {
  const start = yearStart(fieldsFromTicks(ticks), 0)!;
  return Number((ticks - start) / TICKS_PER_DAY) + 1;
}

/** ISO 8601 week: the one that holds the year's first Thursday is week 1. */
function isoWeek(ticks: bigint): number {
  const fromMonday = (weekday(ticks) + 6n) % 7n;
  const thursday = dayOf(ticks) + (3n - fromMonday) * TICKS_PER_DAY;
  if (datetimeOrNull(thursday) === null) return 1;
  return Math.floor((dayOfYear(thursday) - 1) / 7) + 1;
}

const PARTS: Readonly<Record<string, (ticks: bigint) => number>> = {
  year: (ticks) => fieldsFromTicks(ticks).year,
  quarter: (ticks) => Math.floor((fieldsFromTicks(ticks).month + 2) / 3),
  month: (ticks) => fieldsFromTicks(ticks).month,
  week_of_year: isoWeek,
  weekofyear: isoWeek,
  day: (ticks) => fieldsFromTicks(ticks).day,
  dayofyear: dayOfYear,
  hour: (ticks) => fieldsFromTicks(ticks).hour,
  minute: (ticks) => fieldsFromTicks(ticks).minute,
  second: (ticks) => fieldsFromTicks(ticks).second,
  millisecond: (ticks) => Math.floor(fieldsFromTicks(ticks).fraction / 10_000),
  microsecond: (ticks) => Math.floor(fieldsFromTicks(ticks).fraction / 10),
  nanosecond: (ticks) => fieldsFromTicks(ticks).fraction * 100,
};

define('datetime_part datepart', ['string datetime', 'int'], (part: string, ticks: bigint) => {
  const fn = PARTS[part.toLowerCase()];
  if (fn === undefined)
    throw semanticError('SEM0234', `datetime_part(): '${part}' is not a part of a datetime`);
  return fn(ticks);
});

const SHORT_PARTS: Readonly<Record<string, string>> = {
  dayofmonth: 'day',
  dayofyear: 'dayofyear',
  hourofday: 'hour',
  getyear: 'year',
  getmonth: 'month',
  monthofyear: 'month',
  week_of_year: 'week_of_year',
  weekofyear: 'week_of_year',
};

for (const [name, part] of Object.entries(SHORT_PARTS)) define(name, ['datetime', 'int'], PARTS[part]!);
define('dayofweek', ['datetime', 'timespan'], (ticks: bigint) => weekday(ticks) * TICKS_PER_DAY);

const UNIT_TICKS: Readonly<Record<string, bigint>> = {
  week: 7n * TICKS_PER_DAY,
  day: TICKS_PER_DAY,
  hour: TICKS_PER_HOUR,
  minute: TICKS_PER_MINUTE,
  second: TICKS_PER_SECOND,
  millisecond: TICKS_PER_MS,
  microsecond: 10n,
};

const UNIT_MONTHS: Readonly<Record<string, number>> = { year: 12, quarter: 3, month: 1 };

function addMonths(ticks: bigint, months: number): bigint | null {
  const fields = fieldsFromTicks(ticks);
  const start = monthStart(fields, months);
  if (start === null) return null;
  const { year, month } = fieldsFromTicks(start);
  // The last day of a shorter month stands in for the days it lacks.
  for (let day = fields.day; day > 27; day--) {
    const exact = ticksFromFields({ ...fields, year, month, day });
    if (exact !== null) return exact;
  }
  return ticksFromFields({ ...fields, year, month });
}

define('datetime_add', ['string long datetime', 'datetime'], (
  unit: string,
  amount: bigint,
  ticks: bigint,
) => {
  const name = unit.toLowerCase();
  const months = UNIT_MONTHS[name];
  if (months !== undefined) return addMonths(ticks, months * Number(amount));
  if (name === 'nanosecond') return datetimeOrNull(ticks + amount / 100n);
  const size = UNIT_TICKS[name];
  if (size === undefined) throw semanticError('SEM0234', `datetime_add(): '${unit}' is not a period`);
  return datetimeOrNull(ticks + amount * size);
});

function monthNumber(ticks: bigint, per: number): number {
  const { year, month } = fieldsFromTicks(ticks);
  return Math.floor((year * 12 + month - 1) / per);
}

/** Number of period boundaries between the two. */
define('datetime_diff', ['string datetime datetime', 'long'], (unit: string, a: bigint, b: bigint) => {
  const name = unit.toLowerCase();
  const months = UNIT_MONTHS[name];
  if (months !== undefined) return BigInt(monthNumber(a, months) - monthNumber(b, months));
  if (name === 'nanosecond') return (a - b) * 100n;
  const size = UNIT_TICKS[name];
  if (size === undefined) throw semanticError('SEM0234', `datetime_diff(): '${unit}' is not a period`);
  // Weeks begin on Sunday; tick 0 was a Monday.
  const shift = name === 'week' ? TICKS_PER_DAY : 0n;
  return (a + shift) / size - (b + shift) / size;
});

define('format_datetime', ['datetime string', 'string'], formatDatetimeAs);
define('format_timespan', ['timespan string', 'string'], formatTimespanAs);

datetimeFunctions.set('make_datetime', (args, site) => {
  if (args.length === 1) return castExpr(args[0]!, 'datetime');
  const converted = convertArguments('long long long long? long? real?', args, site);
  return rowExpr('datetime', converted, makeDatetime, { strict: true });
});

function makeDatetime(...cells: (Cell | undefined)[]): Cell {
  const [year, month, day, hour = 0n, minute = 0n, second = 0] = cells;
  const seconds = Math.floor(second as number);
  const fraction = Math.round(((second as number) - seconds) * 10_000_000);
  return ticksFromFields({
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: seconds,
    fraction,
  });
}

datetimeFunctions.set('make_timespan', (args, site) => {
  if (args.length === 1) return castExpr(args[0]!, 'timespan');
  const converted = convertArguments('long long real? real?', args, site);
  return rowExpr('timespan', converted, makeTimespan, { strict: true });
});

function makeTimespan(...cells: (Cell | undefined)[]): Cell {
  const numbers = cells.map(Number);
  const [days, hours, minutes, seconds] =
    numbers.length === 4 ? numbers : [0, numbers[0]!, numbers[1]!, numbers[2] ?? 0];
  if (hours! < 0 || hours! > 23 || minutes! < 0 || minutes! > 59 || seconds! < 0 || seconds! >= 60)
    return null;
  const whole =
    BigInt(days!) * TICKS_PER_DAY + BigInt(hours!) * TICKS_PER_HOUR + BigInt(minutes!) * TICKS_PER_MINUTE;
  return whole + BigInt(Math.round(seconds! * 10_000_000));
}

const UNIX_UNITS: Readonly<Record<string, number>> = {
  unixtime_seconds_todatetime: 10_000_000,
  unixtime_milliseconds_todatetime: 10_000,
  unixtime_microseconds_todatetime: 10,
  unixtime_nanoseconds_todatetime: 0.01,
};

for (const [name, unit] of Object.entries(UNIX_UNITS)) {
  datetimeFunctions.set(name, (args, site) => {
    const [number] = convertArguments('number', args, site);
    const exact = number!.type === 'long' || number!.type === 'int';
    const value = castExpr(number!, exact ? 'long' : 'real');
    return rowExpr('datetime', [value], (cell) => fromUnix(cell as bigint | number, unit), { strict: true });
  });
}

function fromUnix(value: bigint | number, unit: number): bigint | null {
  if (typeof value === 'bigint') {
    const ticks = unit < 1 ? value / 100n : value * BigInt(unit);
    return datetimeOrNull(UNIX_EPOCH_TICKS + ticks);
  }
  if (!Number.isFinite(value) || Math.abs(value) * unit > 1e19) return null;
  return datetimeOrNull(UNIX_EPOCH_TICKS + BigInt(Math.round(value * unit)));
}
