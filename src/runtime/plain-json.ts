/**
 * JSON text of anything a source may put into properties: what JSON has no form for becomes text (big integers) or
 * base64 (bytes); a value that refers to itself is left out.
 */
export function toPlainJson(value: unknown): string {
  const open: unknown[] = [];
  return JSON.stringify(value, function (this: unknown, _key, item: unknown) {
    if (typeof item === 'bigint') return String(item);
    if (item === null || typeof item !== 'object') return item;
    if (item instanceof Uint8Array) return Buffer.from(item).toString('base64');
    while (open.length > 0 && open.at(-1) !== this) open.pop();
    if (open.includes(item)) return undefined;
    open.push(item);
    return item;
  });
}
