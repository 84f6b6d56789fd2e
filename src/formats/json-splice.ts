import { KfError } from '../runtime/errors.js';
import type { JsonObject } from './json-record.js';
import { CLOSE_BRACE, memberSpans } from './json-scan.js';
import { asBuffer } from './text.js';

/** What happens to a column whose key the record already has. */
export type ExistingColumn = 'deadLetter' | 'overwrite' | 'keep';

/** Column names beside `,"name":`, ready to be written. */
export interface SplicePlan {
  readonly names: readonly string[];
  readonly keys: readonly string[];
  readonly existing: ExistingColumn;
}

export function planSplice(names: readonly string[], existing: ExistingColumn): SplicePlan {
  return { names, keys: names.map((name) => `,${JSON.stringify(name)}:`), existing };
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

function isEmptyObject(value: Readonly<Record<string, unknown>>): boolean {
  for (const _key in value) {
    return false;
  }
  return true;
}

function join(bytes: Buffer, empty: boolean, columns: string): Buffer {
  const tail = `${empty ? columns.slice(1) : columns}}`;
  let head = bytes.length;
  while (bytes[--head] !== CLOSE_BRACE) {
    // The object ends with its brace; the loop only finds it.
  }
  const out = Buffer.allocUnsafe(head + Buffer.byteLength(tail));
  out.set(head === bytes.length ? bytes : bytes.subarray(0, head), 0);
  out.write(tail, head, 'utf8');
  return out;
}

/**
 * Adds members to the end of an object by its bytes: what the record says stays as it was written.
 * @param values JSON texts, one per column of the plan.
 * @throws KfError RECORD_KEY_EXISTS
 */
export function spliceColumns(object: JsonObject, plan: SplicePlan, values: readonly string[]): Buffer {
  const bytes = object.multiline ? toOneLine(object.bytes) : object.bytes;
  let columns = '';
  let overwritten: Set<string> | undefined;
  for (let index = 0; index < plan.names.length; index++) {
    const name = plan.names[index] as string;
    if (Object.hasOwn(object.value, name)) {
      if (plan.existing === 'deadLetter') {
        throw new KfError('RECORD_KEY_EXISTS', `body: already has the key ${JSON.stringify(name)}`);
      }
      if (plan.existing === 'keep') {
        continue;
      }
      overwritten ??= new Set();
      overwritten.add(name);
    }
    columns += (plan.keys[index] as string) + (values[index] as string);
  }
  if (columns === '') {
    return bytes;
  }
  if (overwritten !== undefined) {
    const cut = withoutMembers(asBuffer(bytes), overwritten);
    return join(cut, cut.length === 2, columns);
  }
  return join(bytes, isEmptyObject(object.value), columns);
}
