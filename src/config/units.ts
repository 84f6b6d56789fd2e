import { ownValue } from '../runtime/own-value.js';

/** One kibibyte, mebibyte, gibibyte in bytes. */
export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: KiB,
  mib: MiB,
  gib: GiB,
  tib: 1024 * GiB,
};

const durationUnits: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function parseWith(units: Readonly<Record<string, number>>, value: number | string): number | undefined {
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  }
  const match = /^\s*(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)\s*$/i.exec(value);
  const factor = match === null ? undefined : ownValue(units, (match[2] as string).toLowerCase());
  const result = factor === undefined ? Number.NaN : Math.round(Number(match?.[1]) * factor);
  return Number.isSafeInteger(result) ? result : undefined;
}

/** Bytes from a number or from text such as `64MiB` or `5 GB`; undefined when it is neither. */
export function parseSize(value: number | string): number | undefined {
  return parseWith(sizeUnits, value);
}

/** Milliseconds from a number, from text such as `30s`, or from a time span `d.hh:mm:ss`; undefined otherwise. */
export function parseDuration(value: number | string): number | undefined {
  return parseWith(durationUnits, value) ?? (typeof value === 'string' ? parseTimeSpan(value) : undefined);
}

/** Milliseconds from `[d.]hh:mm:ss[.fffffff]`; undefined when it is not such a time span. */
export function parseTimeSpan(text: string): number | undefined {
  const match = /^(?:(\d{1,8})\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?$/.exec(text.trim());
  if (match === null) {
    return undefined;
  }
  const [days, hours, minutes, seconds] = [match[1], match[2], match[3], match[4]].map((part) =>
    Number(part ?? 0),
  );
  if ((hours as number) > 23 || (minutes as number) > 59 || (seconds as number) > 59) {
    return undefined;
  }
  const wholeSeconds =
    (((days as number) * 24 + (hours as number)) * 60 + (minutes as number)) * 60 + (seconds as number);
  return wholeSeconds * 1000 + Math.floor(Number(`0.${match[5] ?? 0}`) * 1000);
}

/** The shortest exact way to write a size, such as `64MiB`. */
export function formatSize(sizeBytes: number): string {
  return largestUnit(sizeBytes, [
    [GiB, 'GiB'],
    [MiB, 'MiB'],
    [KiB, 'KiB'],
  ]);
}

/** The shortest exact way to write a duration, such as `30s`. */
export function formatDuration(durationMs: number): string {
  const text = largestUnit(durationMs, [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'm'],
    [1000, 's'],
  ]);
  return /\d$/.test(text) && text !== '0' ? `${text}ms` : text;
}

function largestUnit(value: number, units: readonly (readonly [number, string])[]): string {
  const unit = units.find(([factor]) => value >= factor && value % factor === 0);
  return unit === undefined ? String(value) : `${value / unit[0]}${unit[1]}`;
}
