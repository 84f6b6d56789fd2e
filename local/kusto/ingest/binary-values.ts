import { datetimeOrNull, TICKS_PER_DAY, UNIX_EPOCH_TICKS } from '../values/datetime.js';
import { type RecordNode, TypedValue } from './nodes.js';

/** How many of a unit make a tick, or how many ticks a unit makes. */
export type TimeUnit = 'MILLIS' | 'MICROS' | 'NANOS';

/** Units since 1970 → ticks; nanoseconds are cut to 100. */
export function ticksSinceEpoch(unit: TimeUnit, value: bigint): bigint | null {
  return datetimeOrNull(durationTicks(unit, value) + UNIX_EPOCH_TICKS);
}

export function durationTicks(unit: TimeUnit, value: bigint): bigint {
  if (unit === 'MILLIS') return value * 10_000n;
  return unit === 'MICROS' ? value * 10n : value / 100n;
}

export function ticksFromDays(days: number): bigint | null {
  return datetimeOrNull(BigInt(days) * TICKS_PER_DAY + UNIX_EPOCH_TICKS);
}

export function datetimeNode(ticks: bigint | null): RecordNode {
  return ticks === null ? null : new TypedValue('datetime', ticks);
}

/** A two's complement, big-endian whole number of any width. */
export function bigintFromBytes(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  const value = BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`);
  return BigInt.asIntN(bytes.length * 8, value);
}

export function guidFromBytes(bytes: Uint8Array): string | null {
  if (bytes.length !== 16) return null;
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
