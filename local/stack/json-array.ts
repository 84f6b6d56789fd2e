const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

/**
 * The elements of a JSON array as the bytes they are written with, without parsing them.
 *
 * @throws Error when the text is not an array or ends too early
 */
export function* jsonArrayElements(bytes: Buffer): Generator<Buffer> {
  let position = skipSpace(bytes, 0);
  if (bytes[position] !== OPEN_BRACKET) throw new Error('the file does not begin with [');
  position = skipSpace(bytes, position + 1);
  while (bytes[position] !== CLOSE_BRACKET) {
    const end = elementEnd(bytes, position);
    yield trimEnd(bytes, position, end);
    position = bytes[end] === COMMA ? skipSpace(bytes, end + 1) : end;
  }
}

/** How many elements a JSON array has. */
export function countElements(bytes: Buffer): number {
  let count = 0;
  for (const _element of jsonArrayElements(bytes)) count++;
  return count;
}

/** Position of the comma or bracket after the element. */
function elementEnd(bytes: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) at = stringEnd(bytes, at);
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if (depth === 0 && (byte === COMMA || byte === CLOSE_BRACKET)) return at;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
  }
  throw new Error('the JSON array ends too early');
}

function stringEnd(bytes: Buffer, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    if (bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === QUOTE) return at;
  }
  throw new Error('a JSON string ends too early');
}

function skipSpace(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at]! <= SPACE) at++;
  return at;
}

function trimEnd(bytes: Buffer, start: number, end: number): Buffer {
  let last = end;
  while (last > start && bytes[last - 1]! <= SPACE) last--;
  return bytes.subarray(start, last);
}
