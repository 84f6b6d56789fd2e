import { isUtf8 } from 'node:buffer';
import { KfError } from '../runtime/errors.js';
import type { AvroType } from './avro-schema.js';

/** Deepest nesting of a value; a schema may refer to itself. */
const MAX_DEPTH = 256;
/** Elements of all arrays and maps of one datum: elements of type null take no bytes, so bytes bound nothing. */
const MAX_ELEMENTS = 1_000_000;
const MAX_VARINT_BYTES = 10;

const bad = (why: string): KfError => new KfError('RECORD_NOT_AVRO', `body: ${why}`);

/** Walks Avro binary without making values. Every method throws KfError RECORD_NOT_AVRO when the bytes end early. */
export class AvroCursor {
  at = 0;
  readonly #bytes: Uint8Array;
  #elements = 0;

  constructor(bytes: Uint8Array, from = 0) {
    this.#bytes = bytes;
    this.at = from;
  }

  /** A zig-zag integer; beyond 2^53 its value is not exact, which no length may be. */
  long(): number {
    let low = 0;
    let factor = 1;
    for (let count = 0; count < MAX_VARINT_BYTES; count++) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) {
        throw bad('ends inside a number');
      }
      low += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        return low % 2 === 0 ? low / 2 : -(low + 1) / 2;
      }
      factor *= 128;
    }
    throw bad('a number is longer than ten bytes');
  }

  skip(count: number): number {
    const from = this.at;
    if (!Number.isSafeInteger(count) || count < 0 || from + count > this.#bytes.length) {
      throw bad('a length goes beyond the end');
    }
    this.at = from + count;
    return from;
  }

  bytes(): Uint8Array {
    const length = this.long();
    const from = this.skip(length);
    return this.#bytes.subarray(from, from + length);
  }

  value(type: AvroType, depth = 0): void {
    if (depth > MAX_DEPTH) {
      throw new KfError('RECORD_TOO_DEEP', `body: nested deeper than ${MAX_DEPTH}`);
    }
    switch (type.kind) {
      case 'null':
        return;
      case 'boolean':
        if ((this.#bytes[this.skip(1)] as number) > 1) {
          throw bad('a boolean is neither 0 nor 1');
        }
        return;
      case 'int':
      case 'long':
        this.long();
        return;
      case 'float':
        this.skip(4);
        return;
      case 'double':
        this.skip(8);
        return;
      case 'bytes':
        this.skip(this.long());
        return;
      case 'string':
        if (!isUtf8(this.bytes())) {
          throw bad('a string is not valid UTF-8');
        }
        return;
      case 'fixed':
        this.skip(type.size);
        return;
      case 'enum':
        this.#index(type.symbols, 'an enum');
        return;
      case 'union':
        this.value(type.branches[this.#index(type.branches.length, 'a union')] as AvroType, depth + 1);
        return;
      case 'record':
        for (const field of type.fields) {
          this.value(field, depth + 1);
        }
        return;
      default:
        this.#blocks(type.items, type.kind === 'map', depth + 1);
    }
  }

  #index(count: number, what: string): number {
    const index = this.long();
    if (!(index >= 0 && index < count)) {
      throw bad(`the index of ${what} is out of range`);
    }
    return index;
  }

  #blocks(items: AvroType, keyed: boolean, depth: number): void {
    for (;;) {
      const given = this.long();
      if (given === 0) {
        return;
      }
      const sizeBytes = given < 0 ? this.long() : undefined;
      const count = Math.abs(given);
      const from = this.at;
      this.#elements += count;
      if (!(this.#elements <= MAX_ELEMENTS)) {
        throw new KfError('RECORD_BOMB', `body: more than ${MAX_ELEMENTS} elements in arrays and maps`);
      }
      for (let element = 0; element < count; element++) {
        if (keyed) {
          this.value({ kind: 'string' }, depth);
        }
        this.value(items, depth);
      }
      if (sizeBytes !== undefined && this.at - from !== sizeBytes) {
        throw bad('a block is not as long as it says');
      }
    }
  }
}

/**
 * Walks one datum, which must end exactly where the bytes end.
 * @throws KfError RECORD_NOT_AVRO, RECORD_TOO_DEEP, RECORD_BOMB
 */
export function walkDatum(bytes: Uint8Array, type: AvroType): void {
  const cursor = new AvroCursor(bytes);
  cursor.value(type);
  if (cursor.at !== bytes.length) {
    throw bad(`${bytes.length - cursor.at} bytes follow the datum`);
  }
}
