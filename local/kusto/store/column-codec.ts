import type { Steps } from '../slices.js';
import { asStoreColumn, columnFromCells } from './builders.js';
import { ConstantColumn } from './cell-columns.js';
import { DecimalColumn, GuidColumn } from './guid-decimal-columns.js';
import type { NullMask } from './null-mask.js';
import { BoolColumn, IntColumn, LongColumn, RealColumn } from './number-columns.js';
import type { StoreColumn } from './store-column.js';
import { type Codes, DictionaryColumn, TextColumn, type TextType } from './text-columns.js';
import { BigIntColumn, type BigIntType, TicksColumn, type TicksType } from './ticks-columns.js';
import type { Column, Decimal, ScalarType } from './types.js';

/** Where a run of bytes lies in the body, and how to read it. */
export interface Part {
  readonly at: number;
  readonly bytes: number;
}

/** How one column lies in an extent file; plain JSON. */
export interface ColumnSpec {
  readonly kind: string;
  readonly type: ScalarType;
  readonly parts: Readonly<Record<string, Part>>;
  readonly array?: string;
  readonly base?: string;
  readonly unit?: number;
  readonly text?: 'utf8' | 'utf16le';
  readonly length?: number;
  readonly of?: ColumnSpec;
}

type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Int32Array
  | Float64Array
  | BigInt64Array;

const ARRAYS = { Int8Array, Uint8Array, Uint16Array, Uint32Array, Int32Array, Float64Array, BigInt64Array };

/** Every part starts at a multiple of this, so that typed arrays can lie on the file's bytes. */
export const ALIGNMENT_BYTES = 8;

/** Collects the runs of bytes an extent file consists of. */
export class BodyWriter {
  readonly chunks: Uint8Array[] = [];
  size = 0;

  put(array: TypedArray): Part {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    const part = { at: this.size, bytes: bytes.length };
    const padding = (ALIGNMENT_BYTES - (bytes.length % ALIGNMENT_BYTES)) % ALIGNMENT_BYTES;
    this.chunks.push(bytes);
    if (padding > 0) this.chunks.push(new Uint8Array(padding));
    this.size += bytes.length + padding;
    return part;
  }
}

function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}

interface StringParts {
  readonly text: 'utf8' | 'utf16le';
  readonly lengths: Part;
  readonly chars: Part;
}

/** Strings written between two steps. */
const STRINGS_PER_STEP = 32_768;

function* areWellFormed(strings: readonly string[]): Steps<boolean> {
  for (let i = 0; i < strings.length; i++) {
    if (i % STRINGS_PER_STEP === 0) yield;
    if (!isWellFormed(strings[i]!)) return false;
  }
  return true;
}

/** Lone surrogates have no UTF-8 form; a list that holds one is kept as UTF-16. */
function* putStrings(strings: readonly string[], body: BodyWriter): Steps<StringParts> {
  const text = (yield* areWellFormed(strings)) ? 'utf8' : 'utf16le';
  const lengths = new Uint32Array(strings.length);
  let total = 0;
  for (let i = 0; i < strings.length; i++) {
    if (i % STRINGS_PER_STEP === 0) yield;
    lengths[i] = Buffer.byteLength(strings[i]!, text);
    total += lengths[i]!;
  }
  const chars = Buffer.allocUnsafe(total);
  let at = 0;
  for (let i = 0; i < strings.length; i++) {
    if (i % STRINGS_PER_STEP === 0) yield;
    at += chars.write(strings[i]!, at, text);
  }
  return { text, lengths: body.put(lengths), chars: body.put(chars) };
}

function withMask(parts: Record<string, Part>, nulls: NullMask, body: BodyWriter): Record<string, Part> {
  if (nulls !== undefined) parts['nulls'] = body.put(nulls);
  return parts;
}

function numberSpec(
  kind: string,
  column: BoolColumn | IntColumn | LongColumn | RealColumn | BigIntColumn | TicksColumn,
  body: BodyWriter,
): ColumnSpec {
  return {
    kind,
    type: column.type,
    array: column.values.constructor.name,
    parts: withMask({ values: body.put(column.values) }, column.nulls, body),
  };
}

function* textSpec(column: DictionaryColumn | TextColumn, body: BodyWriter): Steps<ColumnSpec> {
  const plain = column instanceof TextColumn;
  const strings = yield* putStrings(plain ? column.values : column.dictionary, body);
  const parts: Record<string, Part> = { lengths: strings.lengths, chars: strings.chars };
  if (!plain) parts['codes'] = body.put(column.codes);
  withMask(parts, column.nulls, body);
  const base = { type: column.type, text: strings.text, parts };
  return plain
    ? { ...base, kind: 'text' }
    : { ...base, kind: 'dictionary', array: column.codes.constructor.name };
}

function* decimalSpec(column: DecimalColumn, body: BodyWriter): Steps<ColumnSpec> {
  const texts = column.values.map((d) => (d === null ? '' : `${d.unscaled}/${d.scale}`));
  const { text, lengths, chars } = yield* putStrings(texts, body);
  return { kind: 'decimal', type: 'decimal', text, parts: { lengths, chars } };
}

/** Writes the column's bytes to `body` and tells how to read them back. */
export function* encodeColumn(input: Column, body: BodyWriter): Steps<ColumnSpec> {
  const column = asStoreColumn(input);
  if (column instanceof ConstantColumn) {
    const of = yield* encodeColumn(columnFromCells(column.type, [column.value]), body);
    return { kind: 'constant', type: column.type, length: column.length, parts: {}, of };
  }
  if (column instanceof TicksColumn) {
    return { ...numberSpec('ticks', column, body), base: column.base.toString(), unit: column.unit };
  }
  if (column instanceof BigIntColumn) return numberSpec('wide', column, body);
  if (
    column instanceof BoolColumn ||
    column instanceof IntColumn ||
    column instanceof LongColumn ||
    column instanceof RealColumn
  ) {
    return numberSpec('number', column, body);
  }
  if (column instanceof DictionaryColumn || column instanceof TextColumn)
    return yield* textSpec(column, body);
  if (column instanceof DecimalColumn) return yield* decimalSpec(column, body);
  if (column instanceof GuidColumn) {
    return {
      kind: 'guid',
      type: 'guid',
      parts: withMask({ values: body.put(column.bytes) }, column.nulls, body),
    };
  }
  const cells = Array.from({ length: column.length }, (_, row) => column.get(row));
  return yield* encodeColumn(columnFromCells(column.type, cells), body);
}

function view(body: Uint8Array, part: Part, array: string): TypedArray {
  const Type = ARRAYS[array as keyof typeof ARRAYS];
  const at = body.byteOffset + part.at;
  if (at % Type.BYTES_PER_ELEMENT === 0)
    return new Type(body.buffer as ArrayBuffer, at, part.bytes / Type.BYTES_PER_ELEMENT);
  const copy = body.slice(part.at, part.at + part.bytes);
  return new Type(copy.buffer as ArrayBuffer, 0, part.bytes / Type.BYTES_PER_ELEMENT);
}

function strings(spec: ColumnSpec, body: Uint8Array): string[] {
  const lengths = view(body, spec.parts['lengths']!, 'Uint32Array') as Uint32Array;
  const { at, bytes } = spec.parts['chars']!;
  const chars = Buffer.from(body.buffer as ArrayBuffer, body.byteOffset + at, bytes);
  const out: string[] = new Array(lengths.length);
  let from = 0;
  for (let i = 0; i < lengths.length; i++) {
    out[i] = chars.toString(spec.text, from, from + lengths[i]!);
    from += lengths[i]!;
  }
  return out;
}

function parseDecimals(texts: readonly string[]): (Decimal | null)[] {
  return texts.map((text) => {
    const slash = text.indexOf('/');
    return slash < 0
      ? null
      : { unscaled: BigInt(text.slice(0, slash)), scale: Number(text.slice(slash + 1)) };
  });
}

function decodeNumbers(spec: ColumnSpec, values: TypedArray, nulls: NullMask): StoreColumn {
  if (spec.kind === 'ticks') {
    const scale = { base: BigInt(spec.base!), unit: spec.unit! };
    return new TicksColumn(spec.type as TicksType, scale, values as Float64Array, nulls);
  }
  if (spec.kind === 'wide') return new BigIntColumn(spec.type as BigIntType, values as BigInt64Array, nulls);
  switch (spec.type) {
    case 'bool':
      return new BoolColumn(values as Int8Array, nulls);
    case 'int':
      return new IntColumn(values as Int32Array, nulls);
    case 'long':
      return new LongColumn(values as Float64Array, nulls);
    default:
      return new RealColumn(values as Float64Array, nulls);
  }
}

/** Reads back what {@link encodeColumn} wrote; the typed arrays lie on `body` itself. */
export function decodeColumn(spec: ColumnSpec, body: Uint8Array): StoreColumn {
  const nullPart = spec.parts['nulls'];
  const nulls = nullPart === undefined ? undefined : (view(body, nullPart, 'Uint8Array') as Uint8Array);
  switch (spec.kind) {
    case 'constant':
      return new ConstantColumn(spec.type, decodeColumn(spec.of!, body).get(0), spec.length!);
    case 'text':
      return new TextColumn(spec.type as TextType, strings(spec, body), nulls);
    case 'dictionary': {
      const codes = view(body, spec.parts['codes']!, spec.array!) as Codes;
      return new DictionaryColumn(spec.type as TextType, codes, strings(spec, body), nulls);
    }
    case 'decimal':
      return new DecimalColumn(parseDecimals(strings(spec, body)));
    case 'guid':
      return new GuidColumn(view(body, spec.parts['values']!, 'Uint8Array') as Uint8Array, nulls);
    default:
      return decodeNumbers(spec, view(body, spec.parts['values']!, spec.array!), nulls);
  }
}
