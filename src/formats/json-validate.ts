/**
 * A validator of RFC 8259 over bytes that are known to be UTF-8. It accepts exactly what JSON.parse accepts, in less
 * than half its time, because no value is made; on its way it notes what the caller would otherwise scan for again.
 */

const PLAIN = 0;
const QUOTE_CLASS = 1;
const ESCAPE_CLASS = 2;
const CONTROL_CLASS = 3;

/** What a byte means inside a string. */
const stringClass = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0x22) {
    return QUOTE_CLASS;
  }
  if (byte === 0x5c) {
    return ESCAPE_CLASS;
  }
  return byte < 0x20 ? CONTROL_CLASS : PLAIN;
});

const simpleEscapes = Uint8Array.from({ length: 256 }, (_, byte) =>
  '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0,
);
const hexDigits = Uint8Array.from({ length: 256 }, (_, byte) =>
  '0123456789abcdefABCDEF'.includes(String.fromCharCode(byte)) ? 1 : 0,
);

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** `at` is after the opening quote; the index after the closing one, or the complement of where it is wrong. */
function validString(bytes: Uint8Array, from: number): number {
  const end = bytes.length;
  let at = from;
  while (at < end) {
    const kind = stringClass[bytes[at] as number];
    if (kind === PLAIN) {
      at++;
    } else if (kind === QUOTE_CLASS) {
      return at + 1;
    } else if (kind === CONTROL_CLASS) {
      return ~at;
    } else {
      const next = bytes[at + 1] as number;
      if (simpleEscapes[next] === 1) {
        at += 2;
      } else if (next === 0x75 && validHex(bytes, at + 2)) {
        at += 6;
      } else {
        return ~at;
      }
    }
  }
  return ~at;
}

function validHex(bytes: Uint8Array, at: number): boolean {
  return (
    at + 4 <= bytes.length &&
    hexDigits[bytes[at] as number] === 1 &&
    hexDigits[bytes[at + 1] as number] === 1 &&
    hexDigits[bytes[at + 2] as number] === 1 &&
    hexDigits[bytes[at + 3] as number] === 1
  );
}

function skipDigits(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && isDigit(bytes[at])) {
    at++;
  }
  return at;
}

function validNumber(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === 0x2d ? from + 1 : from;
  if (!isDigit(bytes[at])) {
    return ~at;
  }
  at = bytes[at] === 0x30 ? at + 1 : skipDigits(bytes, at);
  if (bytes[at] === 0x2e) {
    if (!isDigit(bytes[at + 1])) {
      return ~(at + 1);
    }
    at = skipDigits(bytes, at + 1);
  }
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    at++;
    if (bytes[at] === 0x2b || bytes[at] === 0x2d) {
      at++;
    }
    if (!isDigit(bytes[at])) {
      return ~at;
    }
    at = skipDigits(bytes, at);
  }
  return at;
}

const literals: ReadonlyMap<number, Uint8Array> = new Map(
  ['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]),
);

function validLiteral(bytes: Uint8Array, from: number): number {
  const word = literals.get(bytes[from] as number);
  if (word === undefined) {
    return ~from;
  }
  for (let at = 0; at < word.length; at++) {
    if (bytes[from + at] !== word[at]) {
      return ~(from + at);
    }
  }
  return from + word.length;
}

function validScalar(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first === 0x22) {
    return validString(bytes, at + 1);
  }
  return first === 0x2d || isDigit(first) ? validNumber(bytes, at) : validLiteral(bytes, at);
}

const isCloser = (byte: number | undefined): boolean => byte === 0x7d || byte === 0x5d;

const IN_ARRAY = 0;
const IN_OBJECT = 1;

/** Walks one value at a time and holds what it noted about the last one. */
export class JsonValidator {
  /** The last value was cut off because it is nested too deeply. */
  tooDeep = false;
  /** Line ends were seen between tokens; set it to false before a new body. */
  multiline = false;
  /** Members of the last value, when it was an object; duplicates count. */
  memberCount = 0;
  /** Start and end (quotes included) of each member's key, two numbers a member. */
  keySpans = new Int32Array(64);
  readonly #maxDepth: number;
  readonly #nesting: Uint8Array;

  constructor(maxDepth: number) {
    this.#maxDepth = maxDepth;
    this.#nesting = new Uint8Array(maxDepth + 1);
  }

  /** The first index from `from` on that is no white space. */
  space(bytes: Uint8Array, from: number): number {
    let at = from;
    while (at < bytes.length) {
      const byte = bytes[at];
      if (byte === 0x0a || byte === 0x0d) {
        this.multiline = true;
      } else if (byte !== 0x20 && byte !== 0x09) {
        break;
      }
      at++;
    }
    return at;
  }

  /**
   * The index after the value that begins at `from` (no white space before it), or, when it is not valid, the
   * complement (`~`) of the index where that shows.
   */
  value(bytes: Uint8Array, from: number): number {
    this.memberCount = 0;
    this.tooDeep = false;
    let depth = 0;
    let at = from;
    for (;;) {
      const first = bytes[at];
      if (first === 0x7b || first === 0x5b) {
        if (depth === this.#maxDepth) {
          this.tooDeep = true;
          return ~at;
        }
        at = this.#open(bytes, at, ++depth);
        if (at < 0) {
          return at;
        }
        continue;
      }
      if (isCloser(first)) {
        if (depth === 0) {
          return ~at;
        }
        depth--;
        at++;
      } else {
        at = validScalar(bytes, at);
      }
      if (at < 0 || depth === 0) {
        return at;
      }
      at = this.#next(bytes, at, depth);
      if (at < 0) {
        return at;
      }
    }
  }

  /** Opens an object or array: the index of its first value, of its end when it is empty, or a complement. */
  #open(bytes: Uint8Array, at: number, depth: number): number {
    const kind = bytes[at] === 0x7b ? IN_OBJECT : IN_ARRAY;
    this.#nesting[depth] = kind;
    const first = this.space(bytes, at + 1);
    if (bytes[first] === (kind === IN_OBJECT ? 0x7d : 0x5d)) {
      return first;
    }
    return kind === IN_OBJECT ? this.#key(bytes, first, depth) : this.#valueStart(bytes, first);
  }

  /** After a value: the index of the next value, or of the end of the object or array. */
  #next(bytes: Uint8Array, from: number, depth: number): number {
    const at = (bytes[from] as number) > 0x20 ? from : this.space(bytes, from);
    const inObject = this.#nesting[depth] === IN_OBJECT;
    if (bytes[at] === 0x2c) {
      return inObject ? this.#key(bytes, this.space(bytes, at + 1), depth) : this.#valueStart(bytes, at + 1);
    }
    return bytes[at] === (inObject ? 0x7d : 0x5d) ? at : ~at;
  }

  /** A key, its colon and the space around them; the index of the value. */
  #key(bytes: Uint8Array, from: number, depth: number): number {
    if (bytes[from] !== 0x22) {
      return ~from;
    }
    const end = validString(bytes, from + 1);
    if (end < 0) {
      return end;
    }
    if (depth === 1) {
      this.#noteKey(from, end);
    }
    const colon = bytes[end] === 0x3a ? end : this.space(bytes, end);
    return bytes[colon] === 0x3a ? this.#valueStart(bytes, colon + 1) : ~colon;
  }

  /** The index of a value that must come; a closing bracket is none. */
  #valueStart(bytes: Uint8Array, from: number): number {
    const at = (bytes[from] as number) > 0x20 ? from : this.space(bytes, from);
    return isCloser(bytes[at]) ? ~at : at;
  }

  #noteKey(start: number, end: number): void {
    if (this.memberCount * 2 === this.keySpans.length) {
      const larger = new Int32Array(this.keySpans.length * 2);
      larger.set(this.keySpans);
      this.keySpans = larger;
    }
    this.keySpans[this.memberCount * 2] = start;
    this.keySpans[this.memberCount * 2 + 1] = end;
    this.memberCount++;
  }
}
