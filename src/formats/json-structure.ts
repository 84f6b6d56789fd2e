import { KfError } from '../runtime/errors.js';
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  isJsonSpace,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from './json-scan.js';
import { type CutPiece, RecordBuffer, type RecordCutter } from './record-buffer.js';

const BETWEEN = 0;
const IN_SCALAR = 1;
const IN_STRING = 2;
const IN_NESTED = 3;

const broken = (why: string): KfError => new KfError('RECORD_NOT_JSON', `body: ${why}`);

/**
 * Finds where values end by brackets and strings alone, across chunks, and gives each whole value to a reader. Values
 * stand one after the other, or are the elements of arrays.
 */
export class JsonStructureCutter implements RecordCutter {
  readonly #buffer: RecordBuffer;
  readonly #read: (text: Buffer) => CutPiece[];
  readonly #arrays: boolean;
  #state: number = BETWEEN;
  #depth = 0;
  /** Inside a string within a nested value. */
  #inString = false;
  #escaped = false;
  #inArray = false;
  /** In an array: an element is due after a comma, a comma or the end after an element. */
  #afterElement = false;
  #afterComma = false;

  constructor(maxRecordBytes: number, read: (text: Buffer) => CutPiece[], arrays: boolean) {
    this.#buffer = new RecordBuffer(maxRecordBytes);
    this.#read = read;
    this.#arrays = arrays;
  }

  *push(chunk: Buffer): Iterable<CutPiece> {
    let from = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === BETWEEN) {
        const byte = chunk[at] as number;
        if (!isJsonSpace(byte) && !this.#separator(byte)) {
          from = at;
          at += this.#start(byte);
          continue;
        }
        at++;
        continue;
      }
      const end = this.#find(chunk, at);
      if (end < 0) {
        break;
      }
      yield* this.#read(this.#buffer.take(chunk.subarray(from, end)));
      this.#state = BETWEEN;
      this.#afterElement = true;
      this.#afterComma = false;
      from = end;
      at = end;
    }
    if (this.#state !== BETWEEN) {
      this.#buffer.keep(chunk.subarray(from));
    }
  }

  *end(): Iterable<CutPiece> {
    if (this.#inArray) {
      throw broken('the array is never closed');
    }
    if (this.#state !== BETWEEN) {
      yield* this.#read(this.#buffer.take(Buffer.alloc(0)));
    }
  }

  /** Brackets and commas of the array around the elements. @throws KfError RECORD_NOT_JSON */
  #separator(byte: number): boolean {
    if (!this.#arrays) {
      return false;
    }
    if (!this.#inArray) {
      if (byte !== OPEN_BRACKET) {
        throw broken('something stands beside the array');
      }
      this.#inArray = true;
      this.#afterElement = false;
      return true;
    }
    if (byte === COMMA) {
      if (!this.#afterElement) {
        throw broken('a comma without an element before it');
      }
      this.#afterElement = false;
      this.#afterComma = true;
      return true;
    }
    if (byte === CLOSE_BRACKET) {
      if (this.#afterComma) {
        throw broken('a comma before the end of the array');
      }
      this.#inArray = false;
      return true;
    }
    if (this.#afterElement) {
      throw broken('two elements without a comma between them');
    }
    return false;
  }

  /** How many bytes of the value were looked at. */
  #start(byte: number): number {
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      this.#state = IN_NESTED;
      this.#depth = 1;
      return 1;
    }
    this.#state = byte === QUOTE ? IN_STRING : IN_SCALAR;
    return byte === QUOTE ? 1 : 0;
  }

  /** The index after the value under way, or -1 when the chunk ends first. */
  #find(chunk: Buffer, from: number): number {
    if (this.#state === IN_SCALAR) {
      return this.#scalarEnd(chunk, from);
    }
    if (this.#state === IN_STRING) {
      return this.#stringEnd(chunk, from);
    }
    let at = from;
    while (at < chunk.length) {
      if (this.#inString) {
        at = this.#stringEnd(chunk, at);
        if (at < 0) {
          return -1;
        }
        this.#inString = false;
        continue;
      }
      const byte = chunk[at++];
      if (byte === QUOTE) {
        this.#inString = true;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        this.#depth++;
      } else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --this.#depth === 0) {
        return at;
      }
    }
    return -1;
  }

  #stringEnd(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.#escaped) {
        this.#escaped = false;
      } else if (byte === BACKSLASH) {
        this.#escaped = true;
      } else if (byte === QUOTE) {
        return at + 1;
      }
    }
    return -1;
  }

  /** Anything else ends with space, or with what ends an element; it is judged by the reader. */
  #scalarEnd(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (isJsonSpace(byte) || (this.#inArray && (byte === COMMA || byte === CLOSE_BRACKET))) {
        return at;
      }
    }
    return -1;
  }
}
