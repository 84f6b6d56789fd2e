import type { TypedData } from '../protocol.js';

/** A time as .NET prints one whose kind is not given: ISO without `Z`, trailing zeros of the fraction left out. */
export function dotnetDate(time: Date): string {
  const [whole = '', fraction = ''] = time.toISOString().slice(0, -1).split('.');
  const digits = fraction.replace(/0+$/, '');
  return digits === '' ? whole : `${whole}.${digits}`;
}

/**
 * Top-level properties of a JSON body, which the host adds to the trigger metadata of single messages (there they
 * overwrite keys of the same name). Lists are left out, as only scalars and objects are taken.
 */
export function bodyMetadata(text: string): Record<string, TypedData> {
  if (!/^\s*\{/.test(text)) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return {};
  }
  const metadata: Record<string, TypedData> = {};
  for (const [key, value] of Object.entries(parsed as Record<string, unknown>)) {
    if (value === null || Array.isArray(value)) continue;
    if (typeof value === 'string') metadata[key] = { string: value };
    else metadata[key] = { json: JSON.stringify(value) };
  }
  return metadata;
}

/** Adds metadata whose names win over existing ones that differ only in case, as the host's dictionary does. */
export function mergeMetadata(
  system: Readonly<Record<string, TypedData>>,
  added: Readonly<Record<string, TypedData>>,
): Record<string, TypedData> {
  const names = new Set(Object.keys(added).map((name) => name.toLowerCase()));
  const kept = Object.entries(system).filter(([name]) => !names.has(name.toLowerCase()));
  return { ...Object.fromEntries(kept), ...added };
}
