import { badData } from './errors.js';
import { MAX_BINARY_DEPTH, MAX_RECORD_VALUES } from './limits.js';

/** Bytes of a varint of 64 bits. */
const MAX_VARINT_BYTES = 10;
/** So many bytes of a varint stay within 2^53. */
const SAFE_VARINT_BYTES = 7;

export function invalidAvro(reason: string): Error {
  return badData('BadRequest_InvalidBlob', `The Avro source cannot be read: ${reason}`);
}

/** Reads Avro's primitive encodings and refuses to go past the end, too deep, or over the limit of values. */
export class AvroReader {
  private readonly bytes: Buffer;
  at = 0;
  private depth = 0;
  private values = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  startRecord(): void {
    this.values = 0;
  }

  /** Counts values, so that lists of empty items end somewhere. */
  count(values: number): void {
    this.values += values;
    if (this.values > MAX_RECORD_VALUES)
      throw invalidAvro(`a record has more than ${MAX_RECORD_VALUES} values`);
  }

  nested<T>(read: () => T): T {
    if (++this.depth > MAX_BINARY_DEPTH)
      throw invalidAvro(`a record is nested deeper than ${MAX_BINARY_DEPTH}`);
    const value = read();
    this.depth--;
    return value;
  }

  private need(bytes: number): void {
    if (bytes < 0 || this.at + bytes > this.bytes.length) throw invalidAvro('it is cut short');
  }

  /** A zigzag varint; a bigint only where a number would lose digits. */
  long(): number | bigint {
    let value = 0;
    let factor = 1;
    const start = this.at;
    for (let i = 0; i < SAFE_VARINT_BYTES; i++) {
      this.need(1);
      const byte = this.bytes[this.at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 128;
    }
    this.at = start;
    return this.wideLong();
  }

  private wideLong(): number | bigint {
    let value = 0n;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      this.need(1);
      const byte = this.bytes[this.at++]!;
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) {
        const signed = BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
        const small = Number(signed);
        return Number.isSafeInteger(small) ? small : signed;
      }
    }
    throw invalidAvro('a whole number is longer than 64 bits');
  }

  /** A long that counts something in memory. */
  size(): number {
    const value = this.long();
    if (typeof value !== 'number') throw invalidAvro('a length is out of range');
    return value;
  }

  boolean(): boolean {
    this.need(1);
    return this.bytes[this.at++] !== 0;
  }

  float(): number {
    this.need(4);
    this.at += 4;
    return this.bytes.readFloatLE(this.at - 4);
  }

  double(): number {
    this.need(8);
    this.at += 8;
    return this.bytes.readDoubleLE(this.at - 8);
  }

  fixed(size: number): Buffer {
    this.need(size);
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  blob(): Buffer {
    return this.fixed(this.size());
  }

  string(): string {
    return this.blob().toString('utf8');
  }

  /** The blocks of an array or map: calls `item` for each. */
  items(item: () => void): void {
    for (;;) {
      let count = this.size();
      if (count === 0) return;
      if (count < 0) {
        count = -count;
        this.size();
      }
      this.count(count);
      for (let i = 0; i < count; i++) item();
    }
  }
}
