/**
 * Borders inside JSON that is known to be valid: nothing here decides validity, and no value is decoded, so
 * numbers keep their digits and strings their escapes.
 */

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
const COLON = 0x3a;

/** Half-open range of bytes. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface MemberSpan {
  /** The key with its quotes. */
  readonly key: Span;
  readonly value: Span;
}

export function isJsonSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

export function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && isJsonSpace(bytes[at])) {
    at++;
  }
  return at;
}

/** The range without white space around it. */
export function trimSpan(bytes: Uint8Array): Span {
  const start = skipSpace(bytes, 0);
  let end = bytes.length;
  while (end > start && isJsonSpace(bytes[end - 1])) {
    end--;
  }
  return { start, end };
}

/** `from` is at the opening quote; the index after the closing one. */
function skipString(bytes: Uint8Array, from: number): number {
  let at = from + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) {
    at += bytes[at] === BACKSLASH ? 2 : 1;
  }
  return at + 1;
}

function skipScalar(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isJsonSpace(byte)) {
      break;
    }
    at++;
  }
  return at;
}

/** The index after the value that begins at `from`. */
function skipValue(bytes: Uint8Array, from: number): number {
  const first = bytes[from];
  if (first === QUOTE) {
    return skipString(bytes, from);
  }
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    return skipScalar(bytes, from);
  }
  let depth = 0;
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = skipString(bytes, at);
      continue;
    }
    at++;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++;
    } else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) {
      break;
    }
  }
  return at;
}

/** The members of the object that `bytes` is, in order, duplicates included. */
export function memberSpans(bytes: Uint8Array): MemberSpan[] {
  const spans: MemberSpan[] = [];
  let at = skipSpace(bytes, skipSpace(bytes, 0) + 1);
  while (at < bytes.length && bytes[at] !== CLOSE_BRACE) {
    const keyEnd = skipString(bytes, at);
    const colon = skipSpace(bytes, keyEnd);
    const valueStart = skipSpace(bytes, bytes[colon] === COLON ? colon + 1 : colon);
    const valueEnd = skipValue(bytes, valueStart);
    spans.push({ key: { start: at, end: keyEnd }, value: { start: valueStart, end: valueEnd } });
    at = skipSpace(bytes, valueEnd);
    if (bytes[at] === COMMA) {
      at = skipSpace(bytes, at + 1);
    }
  }
  return spans;
}

/** Number of bytes of the largest value of a top-level member. */
export function largestMemberBytes(bytes: Uint8Array): number {
  return memberSpans(bytes).reduce((most, { value }) => Math.max(most, value.end - value.start), 0);
}
