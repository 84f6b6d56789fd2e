import { Refusal } from './errors.js';
import type { PartitionLog } from './partition-log.js';

const SELECTOR = 'apache.org:selector-filter:string';
const PATTERN = /^\s*amqp\.annotation\.(x-opt-[a-z-]+)\s*(>=|>)\s*'?([^']*?)'?\s*$/;

/** Text of the selector filter of a source, if it has one. */
export function selectorText(filter: Readonly<Record<string, unknown>> | undefined): string | undefined {
  let value: unknown = filter?.[SELECTOR];
  // A described value arrives as a wrapper around the text.
  for (let depth = 0; depth < 4 && value !== null && typeof value === 'object'; depth++) {
    value = (value as { value?: unknown }).value;
  }
  return typeof value === 'string' ? value : undefined;
}

/**
 * Sequence number at which a reader with this filter starts. Without a filter it starts with the oldest event.
 *
 * @throws Refusal for a filter that cannot be read or a position beyond the partition's end
 */
export function startSequence(log: PartitionLog, selector: string | undefined): number {
  if (selector === undefined) return log.firstSequence;
  const match = PATTERN.exec(selector);
  if (match === null) throw unsupported(selector);
  const inclusive = match[2] === '>=';
  const text = match[3]!;
  if (match[1] === 'x-opt-offset') return startByOffset(log, text, inclusive);
  const value = Number(text);
  if (text === '' || !Number.isFinite(value)) throw unsupported(selector);
  if (match[1] === 'x-opt-sequence-number') return startBySequence(log, value, inclusive);
  if (match[1] === 'x-opt-enqueued-time') return log.firstWhere('enqueuedMs', value, inclusive);
  throw unsupported(selector);
}

function startByOffset(log: PartitionLog, text: string, inclusive: boolean): number {
  if (text === '@latest') return log.nextSequence;
  const offset = Number(text);
  if (!/^-?\d+$/.test(text)) {
    throw new Refusal('com.microsoft:argument-error', `The supplied offset '${text}' is invalid.`);
  }
  const last = log.last?.offset ?? -1;
  if (offset > last) throw beyondEnd('offset', offset, last);
  return log.firstWhere('offset', offset, inclusive);
}

function startBySequence(log: PartitionLog, value: number, inclusive: boolean): number {
  const last = log.nextSequence - 1;
  const start = inclusive ? value : value + 1;
  if (start > log.nextSequence) throw beyondEnd('sequence number', value, last);
  return Math.max(start, log.firstSequence);
}

function beyondEnd(what: string, value: number, last: number): Refusal {
  return new Refusal(
    'com.microsoft:argument-error',
    `The supplied ${what} '${value}' is invalid. The last ${what} in the partition is '${last}'.`,
  );
}

function unsupported(selector: string): Refusal {
  return new Refusal('amqp:invalid-field', `The filter '${selector}' is not supported.`);
}
