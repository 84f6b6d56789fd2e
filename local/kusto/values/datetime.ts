/** 100 ns ticks. */
export const TICKS_PER_MS = 10_000n;
export const TICKS_PER_SECOND = 10_000_000n;
export const TICKS_PER_MINUTE = 600_000_000n;
export const TICKS_PER_HOUR = 36_000_000_000n;
export const TICKS_PER_DAY = 864_000_000_000n;

/** 1970-01-01T00:00:00Z in ticks since 0001-01-01T00:00:00Z. */
export const UNIX_EPOCH_TICKS = 621_355_968_000_000_000n;
const MIN_DATETIME_TICKS = 0n;
/** 9999-12-31T23:59:59.9999999Z. */
export const MAX_DATETIME_TICKS = 3_155_378_975_999_999_999n;

const SECONDS_BEFORE_EPOCH = 62_135_596_800;

/** The value itself when it is a legal datetime, else `null`. */
export function datetimeOrNull(ticks: bigint): bigint | null {
  return ticks < MIN_DATETIME_TICKS || ticks > MAX_DATETIME_TICKS ? null : ticks;
}

export function ticksFromUnixMs(ms: number): bigint {
  return BigInt(Math.trunc(ms)) * TICKS_PER_MS + UNIX_EPOCH_TICKS;
}

/** Milliseconds since 1970, rounded down. */
export function unixMsFromTicks(ticks: bigint): number {
  const since = ticks - UNIX_EPOCH_TICKS;
  const ms = Number(since / TICKS_PER_MS);
  return since < 0n && since % TICKS_PER_MS !== 0n ? ms - 1 : ms;
}

/** Days since 1970-01-01 of a proleptic Gregorian date. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysInMonth(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : MONTH_DAYS[month - 1]!;
}

/** Fields of a point in time; `fraction` counts ticks within the second. */
export interface DatetimeFields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly fraction: number;
}

/** Ticks, or `null` when a field is out of its range. An hour of 24 is legal at exact midnight. */
export function ticksFromFields(fields: DatetimeFields, offsetMinutes = 0): bigint | null {
  const { year, month, day, hour, minute, second, fraction } = fields;
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) {
    return null;
  }
  const midnight24 = hour === 24 && minute === 0 && second === 0 && fraction === 0;
  if ((hour > 23 && !midnight24) || minute > 59 || second > 59 || fraction > 9_999_999) return null;
  const seconds =
    daysFromCivil(year, month, day) * 86_400 +
    (hour * 60 + minute - offsetMinutes) * 60 +
    second +
    SECONDS_BEFORE_EPOCH;
  return datetimeOrNull(BigInt(seconds) * TICKS_PER_SECOND + BigInt(fraction));
}

export function fieldsFromTicks(ticks: bigint): DatetimeFields {
  const seconds = Number(ticks / TICKS_PER_SECOND);
  const fraction = Number(ticks % TICKS_PER_SECOND);
  const days = Math.floor(seconds / 86_400);
  const rest = seconds - days * 86_400;
  const z = days - 719_162 + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
    hour: Math.floor(rest / 3600),
    minute: Math.floor((rest % 3600) / 60),
    second: rest % 60,
    fraction,
  };
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/** `2026-01-02T03:04:05.1234567Z`, always seven fraction digits. */
export function formatDatetime(ticks: bigint): string {
  const f = fieldsFromTicks(ticks);
  return (
    `${pad(f.year, 4)}-${pad(f.month, 2)}-${pad(f.day, 2)}` +
    `T${pad(f.hour, 2)}:${pad(f.minute, 2)}:${pad(f.second, 2)}.${pad(f.fraction, 7)}Z`
  );
}
