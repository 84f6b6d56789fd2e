import { KfError } from '../runtime/errors.js';
import type { Entity } from '../storage/ports.js';

/** Characters per property (64 KiB of UTF-16), and properties per row (1 MiB in all). */
const CHUNK_CHARS = 32_000;
const MAX_CHUNKS = 14;

/** A JSON text spread over properties `Data0`, `Data1`, … */
export function splitText(text: string, place: string): Record<string, string> {
  const chunks = Math.ceil(text.length / CHUNK_CHARS);
  if (chunks > MAX_CHUNKS)
    throw new KfError('INTERNAL', `${place}: ${text.length} characters do not fit a table row`);
  return Object.fromEntries(
    Array.from({ length: chunks }, (_, index) => [
      `Data${index}`,
      text.slice(index * CHUNK_CHARS, (index + 1) * CHUNK_CHARS),
    ]),
  );
}

export function joinText(entity: Entity): string {
  let text = '';
  for (let index = 0; index < MAX_CHUNKS; index++) {
    const chunk = entity.properties[`Data${index}`];
    if (typeof chunk !== 'string') break;
    text += chunk;
  }
  return text;
}
