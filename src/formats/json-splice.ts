import { KfError } from '../runtime/errors.js';
import type { JsonObject } from './json-record.js';
import { BACKSLASH, CLOSE_BRACE, memberSpans } from './json-scan.js';
import type { Slab } from './slab.js';

/** What happens to a column whose key the record already has. */
export type ExistingColumn = 'deadLetter' | 'overwrite' | 'keep';

/** How a value's text stands in JSON. */
export type SpliceKind = 'string' | 'json' | 'integerOrString';

export interface SpliceColumn {
  readonly name: string;
  readonly kind: SpliceKind;
}

/** The columns beside `,"name":`, ready to be written. */
export interface SplicePlan {
  readonly columns: readonly (SpliceColumn & { readonly prefix: Buffer; readonly key: Buffer })[];
  readonly existing: ExistingColumn;
  /** Bytes of the shortest key with its quotes. */
  readonly shortestKey: number;
  /** 1 at the length of each key. */
  readonly lengths: Uint8Array;
}

export function planSplice(columns: readonly SpliceColumn[], existing: ExistingColumn): SplicePlan {
  const keys = columns.map(({ name }) => Buffer.from(JSON.stringify(name)));
  const lengths = new Uint8Array(Math.max(0, ...keys.map((key) => key.length)) + 1);
  for (const key of keys) {
    lengths[key.length] = 1;
  }
  return {
    existing,
    lengths,
    shortestKey: Math.min(...keys.map((key) => key.length)),
    columns: columns.map((column, at) => ({
      ...column,
      prefix: Buffer.from(`,${JSON.stringify(column.name)}:`),
      key: keys[at] as Buffer,
    })),
  };
}

/**
 * The bytes of valid JSON on one line. Line ends in valid JSON stand only between tokens, so they and the
 * indentation after them go; strings and numbers are untouched.
 */
export function toOneLine(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  let indenting = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === 0x0a || byte === 0x0d) {
      indenting = true;
    } else if (!indenting || (byte !== 0x20 && byte !== 0x09)) {
      indenting = false;
      out[length++] = byte;
    }
  }
  return out.subarray(0, length);
}

/** The object without the members named, their escaped spellings and duplicates included. */
function withoutMembers(bytes: Buffer, names: ReadonlySet<string>): Buffer {
  const kept = memberSpans(bytes).filter(
    ({ key }) => !names.has(JSON.parse(bytes.toString('utf8', key.start, key.end)) as string),
  );
  const members = kept.flatMap(({ key, value }, index) =>
    index === 0
      ? [bytes.subarray(key.start, value.end)]
      : [Buffer.from(','), bytes.subarray(key.start, value.end)],
  );
  return Buffer.concat([Buffer.from('{'), ...members, Buffer.from('}')]);
}

/** At most 18 digits without a leading zero: fits a long, and reads the same as a number and as text. */
function isPlainInteger(text: string): boolean {
  if (text.length === 0 || text.length > 18 || (text.length > 1 && text.charCodeAt(0) === 0x30)) {
    return false;
  }
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) {
      return false;
    }
  }
  return true;
}

function putValue(slab: Slab, text: string | undefined, kind: SpliceKind): void {
  if (text === undefined) {
    slab.putText('null');
  } else if (kind === 'json' || (kind === 'integerOrString' && isPlainInteger(text))) {
    slab.putText(text);
  } else {
    slab.putJsonString(text);
  }
}

function sameBytes(bytes: Buffer, from: number, wanted: Buffer): boolean {
  for (let at = 0; at < wanted.length; at++) {
    if (bytes[from + at] !== wanted[at]) {
      return false;
    }
  }
  return true;
}

/** Does the key have an escape in it? Every escape is longer than what it stands for. */
function isEscaped(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (bytes[at] === BACKSLASH) {
      return true;
    }
  }
  return false;
}

/** The column whose key stands there, however it is spelled. */
function columnAt(bytes: Buffer, start: number, end: number, plan: SplicePlan): SpliceColumn | undefined {
  const length = end - start;
  if (plan.lengths[length] === 1) {
    for (let at = 0; at < plan.columns.length; at++) {
      const column = plan.columns[at] as SplicePlan['columns'][number];
      if (column.key.length === length && sameBytes(bytes, start, column.key)) {
        return column;
      }
    }
  }
  if (length <= plan.shortestKey || !isEscaped(bytes, start, end)) {
    return undefined;
  }
  const name = JSON.parse(bytes.toString('utf8', start, end)) as string;
  return plan.columns.find((column) => column.name === name);
}

/** Decides by the plan what becomes of keys that the record has already. @throws KfError RECORD_KEY_EXISTS */
function existingKeys(object: JsonObject, plan: SplicePlan): Set<string> | undefined {
  const { bytes, keySpans, memberCount } = object;
  let found: Set<string> | undefined;
  for (let member = 0; member < memberCount; member++) {
    const start = keySpans[member * 2] as number;
    const end = keySpans[member * 2 + 1] as number;
    const column = columnAt(bytes, start, end, plan);
    if (column !== undefined) {
      if (plan.existing === 'deadLetter') {
        throw new KfError('RECORD_KEY_EXISTS', `body: already has the key ${JSON.stringify(column.name)}`);
      }
      found ??= new Set();
      found.add(column.name);
    }
  }
  return found;
}

/**
 * Adds members to the end of an object by its bytes: what the record says stays as it was written.
 * @param values one per column of the plan; undefined is null.
 * @throws KfError RECORD_KEY_EXISTS
 */
export function spliceColumns(
  object: JsonObject,
  plan: SplicePlan,
  values: readonly (string | undefined)[],
  slab: Slab,
): Buffer {
  const existing = existingKeys(object, plan);
  let bytes = object.multiline ? toOneLine(object.bytes) : object.bytes;
  let empty = object.memberCount === 0;
  if (existing !== undefined && plan.existing === 'overwrite') {
    bytes = withoutMembers(bytes, existing);
    empty = bytes.length === 2;
  }
  const skipped = plan.existing === 'keep' ? existing : undefined;
  let prefixBytes = 0;
  let units = 0;
  for (let at = 0; at < plan.columns.length; at++) {
    prefixBytes += (plan.columns[at] as SplicePlan['columns'][number]).prefix.length;
    units += (values[at]?.length ?? 0) + 4;
  }
  slab.begin(bytes.length + prefixBytes + 1, units);
  slab.put(bytes);
  slab.back(1);
  for (let at = 0; at < plan.columns.length; at++) {
    const { name, prefix, kind } = plan.columns[at] as SplicePlan['columns'][number];
    if (skipped?.has(name) !== true) {
      slab.put(empty ? prefix.subarray(1) : prefix);
      putValue(slab, values[at], kind);
      empty = false;
    }
  }
  slab.putByte(CLOSE_BRACE);
  return slab.end();
}
