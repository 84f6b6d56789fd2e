import { dynamicFromText } from '../values/dynamic.js';
import { isNullAt, type NullMask, sliceMask, takeMask } from './null-mask.js';
import { hasNegative, maskBytes, type RowIndices, type StoreColumn, takeNumbers } from './store-column.js';
import type { Cell, Dynamic } from './types.js';

export type TextType = 'string' | 'dynamic';
export type Codes = Uint8Array | Uint16Array | Uint32Array;

/** Dictionaries up to this size keep their parsed dynamics. */
const CACHED_DYNAMICS = 4096;

/** Estimated heap bytes of one string beyond its characters. */
const STRING_OVERHEAD_BYTES = 24;

const dictionarySizes = new WeakMap<readonly string[], number>();

/** Estimated heap bytes of a list of strings, computed once per list. */
function stringsByteSize(strings: readonly string[]): number {
  let size = dictionarySizes.get(strings);
  if (size === undefined) {
    size = 0;
    for (const text of strings) size += text.length + STRING_OVERHEAD_BYTES;
    dictionarySizes.set(strings, size);
  }
  return size;
}

/** Strings, or dynamics as JSON text, through a dictionary shared by slices. */
export class DictionaryColumn implements StoreColumn {
  readonly type: TextType;
  readonly codes: Codes;
  readonly dictionary: readonly string[];
  /** Dynamics only; a string is never null. */
  readonly nulls: NullMask;
  private cache: (Dynamic | undefined)[] | undefined;

  constructor(type: TextType, codes: Codes, dictionary: readonly string[], nulls?: NullMask) {
    this.type = type;
    this.codes = codes;
    this.dictionary = dictionary;
    this.nulls = nulls;
  }

  get length(): number {
    return this.codes.length;
  }

  get byteSize(): number {
    return this.codes.byteLength + maskBytes(this.nulls) + stringsByteSize(this.dictionary);
  }

  isNull(row: number): boolean {
    return isNullAt(this.nulls, row);
  }

  get(row: number): Cell {
    const code = this.codes[row]!;
    if (this.type === 'string') return this.dictionary[code]!;
    if (isNullAt(this.nulls, row)) return null;
    if (this.dictionary.length > CACHED_DYNAMICS) return dynamicFromText(this.dictionary[code]!);
    this.cache ??= [];
    let dynamic = this.cache[code];
    if (dynamic === undefined) {
      dynamic = dynamicFromText(this.dictionary[code]!);
      this.cache[code] = dynamic;
    }
    return dynamic;
  }

  slice(from: number, to: number): DictionaryColumn {
    const nulls = sliceMask(this.nulls, from, to);
    return new DictionaryColumn(this.type, this.codes.subarray(from, to), this.dictionary, nulls);
  }

  take(indices: RowIndices): DictionaryColumn {
    const nulls = this.type === 'dynamic' ? takeMask(this.nulls, indices) : undefined;
    if (!hasNegative(indices)) {
      return new DictionaryColumn(this.type, takeNumbers(this.codes, indices), this.dictionary, nulls);
    }
    const known = this.dictionary.indexOf('');
    const dictionary = known >= 0 ? this.dictionary : [...this.dictionary, ''];
    const empty = known >= 0 ? known : dictionary.length - 1;
    const codes = newCodes(indices.length, dictionary.length);
    for (let i = 0; i < indices.length; i++) {
      const row = indices[i]!;
      codes[i] = row < 0 ? empty : this.codes[row]!;
    }
    return new DictionaryColumn(this.type, codes, dictionary, nulls);
  }
}

/** The narrowest code array for a dictionary of `size` entries. */
export function newCodes(length: number, size: number): Codes {
  if (size <= 0x100) return new Uint8Array(length);
  return size <= 0x10000 ? new Uint16Array(length) : new Uint32Array(length);
}

/** Strings, or dynamics as JSON text, that hardly repeat. */
export class TextColumn implements StoreColumn {
  readonly type: TextType;
  readonly values: readonly string[];
  /** Dynamics only; a string is never null. */
  readonly nulls: NullMask;

  constructor(type: TextType, values: readonly string[], nulls?: NullMask) {
    this.type = type;
    this.values = values;
    this.nulls = nulls;
  }

  get length(): number {
    return this.values.length;
  }

  get byteSize(): number {
    return this.values.length * 8 + stringsByteSize(this.values) + maskBytes(this.nulls);
  }

  isNull(row: number): boolean {
    return isNullAt(this.nulls, row);
  }

  get(row: number): Cell {
    if (this.type === 'string') return this.values[row]!;
    return isNullAt(this.nulls, row) ? null : dynamicFromText(this.values[row]!);
  }

  slice(from: number, to: number): TextColumn {
    return new TextColumn(this.type, this.values.slice(from, to), sliceMask(this.nulls, from, to));
  }

  take(indices: RowIndices): TextColumn {
    const values: string[] = new Array(indices.length);
    for (let i = 0; i < indices.length; i++) values[i] = indices[i]! < 0 ? '' : this.values[indices[i]!]!;
    return new TextColumn(
      this.type,
      values,
      this.type === 'dynamic' ? takeMask(this.nulls, indices) : undefined,
    );
  }
}
