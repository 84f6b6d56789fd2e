/** 100 ns ticks per unit. */
export const TICKS_PER_MS = 10_000n;
export const TICKS_PER_SECOND = 10_000_000n;
const TICKS_PER_DAY = 864_000_000_000n;
/** 1970-01-01 in ticks since 0001-01-01. */
const UNIX_EPOCH_TICKS = 621_355_968_000_000_000n;

const UNIT_TICKS: Readonly<Record<string, bigint>> = {
  d: TICKS_PER_DAY,
  day: TICKS_PER_DAY,
  days: TICKS_PER_DAY,
  h: 36_000_000_000n,
  hour: 36_000_000_000n,
  hours: 36_000_000_000n,
  m: 600_000_000n,
  minute: 600_000_000n,
  minutes: 600_000_000n,
  s: TICKS_PER_SECOND,
  second: TICKS_PER_SECOND,
  seconds: TICKS_PER_SECOND,
  ms: TICKS_PER_MS,
  microsecond: 10n,
  tick: 1n,
  ticks: 1n,
};

export function ticksFromMs(unixMs: number): bigint {
  return BigInt(Math.round(unixMs * 10_000)) + UNIX_EPOCH_TICKS;
}

export function msFromTicks(ticks: bigint): number {
  return Number((ticks - UNIX_EPOCH_TICKS) / TICKS_PER_MS);
}

/** `[-][d.]hh:mm[:ss[.fffffff]]` or a KQL literal such as `7d`, `1.5h`; `undefined` when it is neither. */
export function parseTimespan(text: string): bigint | undefined {
  const trimmed = text.trim();
  const literal = /^(-?)(\d+)(?:\.(\d{1,7}))?\s*([a-z]+)$/i.exec(trimmed);
  if (literal !== null) {
    const unit = UNIT_TICKS[(literal[4] as string).toLowerCase()];
    if (unit === undefined) {
      return undefined;
    }
    const fraction = (BigInt((literal[3] ?? '').padEnd(7, '0')) * unit) / TICKS_PER_SECOND;
    const ticks = BigInt(literal[2] as string) * unit + fraction;
    return literal[1] === '-' ? -ticks : ticks;
  }
  const clock = /^(-?)(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?$/.exec(trimmed);
  if (clock === null) {
    return /^-?\d+$/.test(trimmed) ? BigInt(trimmed) * TICKS_PER_DAY : undefined;
  }
  const [, sign, days = '0', hours = '0', minutes = '0', seconds = '0', fraction = ''] = clock;
  const wholeSeconds = BigInt(hours) * 3600n + BigInt(minutes) * 60n + BigInt(seconds);
  const ticks =
    BigInt(days) * TICKS_PER_DAY + wholeSeconds * TICKS_PER_SECOND + BigInt(fraction.padEnd(7, '0'));
  return sign === '-' ? -ticks : ticks;
}

/** `[-][d.]hh:mm:ss[.fffffff]`. */
export function formatTimespan(ticks: bigint): string {
  const size = ticks < 0n ? -ticks : ticks;
  const days = size / TICKS_PER_DAY;
  const inDay = size % TICKS_PER_DAY;
  const seconds = Number(inDay / TICKS_PER_SECOND);
  const fraction = inDay % TICKS_PER_SECOND;
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
  const tail = fraction === 0n ? '' : `.${String(fraction).padStart(7, '0')}`;
  return `${ticks < 0n ? '-' : ''}${days === 0n ? '' : `${days}.`}${clock}${tail}`;
}

/** ISO with 7 fraction digits and `Z`. */
export function formatDatetime(ticks: bigint): string {
  const seconds = ticks / TICKS_PER_SECOND;
  const ms = Number(seconds - UNIX_EPOCH_TICKS / TICKS_PER_SECOND) * 1000;
  const fraction = String(ticks % TICKS_PER_SECOND).padStart(7, '0');
  return `${new Date(ms).toISOString().slice(0, 19)}.${fraction}Z`;
}

/** ISO dates as properties and policies carry them; UTC when no zone is given; `undefined` when unreadable. */
export function parseDatetime(text: string): bigint | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,7})\d*)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i.exec(
    text.trim(),
  );
  if (match === null) {
    return undefined;
  }
  const [, date, time = '00:00', seconds = '00', fraction = '', zone = 'Z'] = match;
  const ms = Date.parse(`${date}T${time}:${seconds}${zone.toUpperCase()}`);
  return Number.isNaN(ms) ? undefined : ticksFromMs(ms) + BigInt(fraction.padEnd(7, '0'));
}
