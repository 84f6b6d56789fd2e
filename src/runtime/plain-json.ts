/**
 * JSON text of anything a source may put into properties: what JSON has no form for becomes text (big integers) or
 * base64 (bytes); a value that refers to itself is left out.
 */
export function toPlainJson(value: unknown): string {
  const open: unknown[] = [];
  return JSON.stringify(value, function (this: unknown, key, item: unknown) {
    // Buffers turn themselves into lists of numbers before they come here.
    const raw = (this as Record<string, unknown>)[key];
    if (raw instanceof Uint8Array) return Buffer.from(raw).toString('base64');
    if (typeof item === 'bigint') return String(item);
    if (item === null || typeof item !== 'object') return item;
    while (open.length > 0 && open.at(-1) !== this) open.pop();
    if (open.includes(item)) return undefined;
    open.push(item);
    return item;
  });
}
