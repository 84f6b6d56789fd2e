import type { Cell, DynamicNode } from '../store/types.js';
import { datetimeOrNull, TICKS_PER_MS, TICKS_PER_SECOND, UNIX_EPOCH_TICKS } from '../values/datetime.js';
import { mulDecimal, parseDecimal, truncateDecimal } from '../values/decimal.js';
import type { PathStep } from './json-path.js';
import type { Transform } from './plan.js';

/** Ticks per unit, as a decimal because a nanosecond is a hundredth of a tick. */
const UNIX_UNITS = {
  DateTimeFromUnixSeconds: { unscaled: TICKS_PER_SECOND, scale: 0 },
  DateTimeFromUnixMilliseconds: { unscaled: TICKS_PER_MS, scale: 0 },
  DateTimeFromUnixMicroseconds: { unscaled: 10n, scale: 0 },
  DateTimeFromUnixNanoseconds: { unscaled: 1n, scale: 2 },
} as const;

export type UnixTransform = keyof typeof UNIX_UNITS;

export function isUnixTransform(transform: Transform | undefined): transform is UnixTransform {
  return transform !== undefined && transform in UNIX_UNITS;
}

/** A number since 1970, as text so that no digit is lost, → ticks; `null` when it is no number or out of range. */
export function datetimeFromUnix(transform: UnixTransform, text: string): Cell {
  const amount = parseDecimal(text);
  if (amount === null) return null;
  return datetimeOrNull(truncateDecimal(mulDecimal(amount, UNIX_UNITS[transform])) + UNIX_EPOCH_TICKS);
}

/** `[{"a":1},{"b":2}]` → `{"a":1,"b":2}`; also of `{"k":[…]}` with a single list inside. Others stay as they are. */
export function propertyBagArrayToDictionary(node: DynamicNode): DynamicNode {
  const list = node instanceof Map && node.size === 1 ? node.values().next().value : node;
  if (!Array.isArray(list)) return node;
  const merged = new Map<string, DynamicNode>();
  for (const item of list as readonly DynamicNode[]) {
    if (!(item instanceof Map)) return node;
    for (const [key, value] of item as Map<string, DynamicNode>) merged.set(key, value);
  }
  return merged;
}

/** The node without what lies at `path`; lists keep their other items. */
export function withoutPath(node: DynamicNode, path: readonly PathStep[]): DynamicNode {
  const [step, ...rest] = path;
  if (node instanceof Map && typeof step === 'string' && node.has(step)) {
    const copy = new Map(node as Map<string, DynamicNode>);
    if (rest.length === 0) copy.delete(step);
    else copy.set(step, withoutPath(copy.get(step)!, rest));
    return copy;
  }
  if (Array.isArray(node) && typeof step === 'number' && step < node.length) {
    const list = node as readonly DynamicNode[];
    if (rest.length === 0) return list.filter((_, i) => i !== step);
    return list.map((item, i) => (i === step ? withoutPath(item, rest) : item));
  }
  return node;
}
