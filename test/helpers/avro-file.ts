/** Avro by hand, so that what is sent is known to the byte and owes nothing to a reader under test. */
const magic = Buffer.from([0x4f, 0x62, 0x6a, 1]);

/** A zig-zag variable-length integer. */
export function avroLong(value: bigint | number): Buffer {
  const given = BigInt.asIntN(64, BigInt(value));
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (given << 1n) ^ (given >> 63n));
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

export function avroBytes(bytes: Uint8Array | string): Buffer {
  const content = Buffer.from(bytes);
  return Buffer.concat([avroLong(content.length), content]);
}

/** A value of the union of null and one other type. */
export function avroOptional(value: Buffer | undefined): Buffer {
  return value === undefined ? avroLong(0) : Buffer.concat([avroLong(1), value]);
}

/** Two's complement, big-endian, as few bytes as hold the value: the content of a decimal. */
export function twosComplement(value: bigint, length?: number): Buffer {
  let size = length ?? 1;
  while (length === undefined && BigInt.asIntN(size * 8, value) !== value) {
    size++;
  }
  const hex = BigInt.asUintN(size * 8, value)
    .toString(16)
    .padStart(size * 2, '0');
  return Buffer.from(hex, 'hex');
}

export interface AvroFileOptions {
  readonly schema: unknown;
  /** Encoded records of one block; counted as given. */
  readonly records: readonly Buffer[];
  readonly codec?: string;
  /** What the block says it holds, when that is not true. */
  readonly declaredCount?: bigint;
  readonly compress?: (block: Buffer) => Buffer;
  /** Ends the block in place of the true marker. */
  readonly endMarker?: Buffer;
}

const sync = Buffer.from('0123456789abcdef', 'latin1');

/** An object container file of one block. */
export function avroFile(options: AvroFileOptions): Buffer {
  const plain = Buffer.concat(options.records);
  const block = options.compress?.(plain) ?? plain;
  return Buffer.concat([
    magic,
    avroLong(2),
    avroBytes('avro.schema'),
    avroBytes(JSON.stringify(options.schema)),
    avroBytes('avro.codec'),
    avroBytes(options.codec ?? 'null'),
    avroLong(0),
    sync,
    avroLong(options.declaredCount ?? options.records.length),
    avroLong(block.length),
    block,
    options.endMarker ?? sync,
  ]);
}
