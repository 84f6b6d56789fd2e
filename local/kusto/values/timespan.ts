import {
  TICKS_PER_DAY,
  TICKS_PER_HOUR,
  TICKS_PER_MINUTE,
  TICKS_PER_MS,
  TICKS_PER_SECOND,
} from './datetime.js';

const MIN_TIMESPAN_TICKS = -(2n ** 63n);
const MAX_TIMESPAN_TICKS = 2n ** 63n - 1n;

const UNITS: Readonly<Record<string, bigint>> = {
  '': TICKS_PER_DAY,
  d: TICKS_PER_DAY,
  day: TICKS_PER_DAY,
  days: TICKS_PER_DAY,
  h: TICKS_PER_HOUR,
  hr: TICKS_PER_HOUR,
  hrs: TICKS_PER_HOUR,
  hour: TICKS_PER_HOUR,
  hours: TICKS_PER_HOUR,
  m: TICKS_PER_MINUTE,
  min: TICKS_PER_MINUTE,
  minute: TICKS_PER_MINUTE,
  minutes: TICKS_PER_MINUTE,
  s: TICKS_PER_SECOND,
  sec: TICKS_PER_SECOND,
  second: TICKS_PER_SECOND,
  seconds: TICKS_PER_SECOND,
  ms: TICKS_PER_MS,
  milli: TICKS_PER_MS,
  millis: TICKS_PER_MS,
  millisec: TICKS_PER_MS,
  millisecond: TICKS_PER_MS,
  milliseconds: TICKS_PER_MS,
  micro: 10n,
  micros: 10n,
  microsec: 10n,
  microsecond: 10n,
  microseconds: 10n,
  nano: 0n,
  nanos: 0n,
  nanosecond: 0n,
  nanoseconds: 0n,
  tick: 1n,
  ticks: 1n,
};

const AMOUNT = /^([+-]?)(\d*)(?:\.(\d*))?\s*([A-Za-z]*)$/;
const CLOCK = /^([+-]?)(?:(\d{1,8})[.:](?=\d+:\d+:))?(\d{1,3}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?$/;
const DAYS_AND_CLOCK = /^([+-]?)(\d{1,8})\.(\d{1,2}):(\d{1,2})$/;

function inRange(ticks: bigint): bigint | null {
  return ticks < MIN_TIMESPAN_TICKS || ticks > MAX_TIMESPAN_TICKS ? null : ticks;
}

function fromAmount(match: RegExpExecArray): bigint | null {
  const [, sign, whole = '', fraction = '', unitName = ''] = match;
  if ((whole === '' && fraction === '') || whole.length + fraction.length > 40) return null;
  const unit = UNITS[unitName.toLowerCase()];
  if (unit === undefined) return null;
  const digits = BigInt(whole + fraction);
  const scale = 10n ** BigInt(fraction.length);
  const ticks = unit === 0n ? digits / (scale * 100n) : (digits * unit) / scale;
  return inRange(sign === '-' ? -ticks : ticks);
}

function fromClock(match: readonly (string | undefined)[]): bigint | null {
  const [, sign, days = '0', hours = '0', minutes = '0', seconds = '0', fraction = ''] = match;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return null;
  const ticks =
    BigInt(days) * TICKS_PER_DAY +
    BigInt((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * TICKS_PER_SECOND +
    BigInt(fraction.slice(0, 7).padEnd(7, '0'));
  return inRange(sign === '-' ? -ticks : ticks);
}

/**
 * Ticks of `1d`, `1.5h`, `10 seconds`, `00:00:01.1234567`, `2.03:04:05`, a bare number being days; `null` otherwise.
 */
export function parseTimespan(input: string): bigint | null {
  const text = input.trim();
  if (text.length === 0 || text.length > 64) return null;
  let match = AMOUNT.exec(text);
  if (match !== null) return fromAmount(match);
  match = CLOCK.exec(text);
  if (match !== null) return fromClock(match);
  match = DAYS_AND_CLOCK.exec(text);
  return match === null ? null : fromClock(match);
}

function pad(value: bigint, width: number): string {
  return value.toString().padStart(width, '0');
}

/** `[-][d.]hh:mm:ss[.fffffff]`. */
export function formatTimespan(ticks: bigint): string {
  const size = ticks < 0n ? -ticks : ticks;
  const days = size / TICKS_PER_DAY;
  const fraction = size % TICKS_PER_SECOND;
  const clock =
    `${pad((size / TICKS_PER_HOUR) % 24n, 2)}:${pad((size / TICKS_PER_MINUTE) % 60n, 2)}` +
    `:${pad((size / TICKS_PER_SECOND) % 60n, 2)}`;
  return (
    (ticks < 0n ? '-' : '') +
    (days === 0n ? '' : `${days}.`) +
    clock +
    (fraction === 0n ? '' : `.${pad(fraction, 7)}`)
  );
}
