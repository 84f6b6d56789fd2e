import { isNullAt, type NullMask, sliceMask, takeMask } from './null-mask.js';
import { maskBytes, type RowIndices, type StoreColumn } from './store-column.js';
import type { Cell, Decimal } from './types.js';

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
export const GUID_BYTES = 16;

/** Sixteen bytes per row, in the order of the text. */
export class GuidColumn implements StoreColumn {
  readonly type = 'guid';
  readonly bytes: Uint8Array;
  readonly nulls: NullMask;

  constructor(bytes: Uint8Array, nulls?: NullMask) {
    this.bytes = bytes;
    this.nulls = nulls;
  }

  get length(): number {
    return this.bytes.length / GUID_BYTES;
  }

  get byteSize(): number {
    return this.bytes.byteLength + maskBytes(this.nulls);
  }

  isNull(row: number): boolean {
    return isNullAt(this.nulls, row);
  }

  get(row: number): Cell {
    if (isNullAt(this.nulls, row)) return null;
    let text = '';
    for (let i = 0; i < GUID_BYTES; i++) {
      if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
      text += HEX[this.bytes[row * GUID_BYTES + i]!]!;
    }
    return text;
  }

  slice(from: number, to: number): GuidColumn {
    const bytes = this.bytes.subarray(from * GUID_BYTES, to * GUID_BYTES);
    return new GuidColumn(bytes, sliceMask(this.nulls, from, to));
  }

  take(indices: RowIndices): GuidColumn {
    const bytes = new Uint8Array(indices.length * GUID_BYTES);
    for (let i = 0; i < indices.length; i++) {
      const at = indices[i]! * GUID_BYTES;
      if (at >= 0) bytes.set(this.bytes.subarray(at, at + GUID_BYTES), i * GUID_BYTES);
    }
    return new GuidColumn(bytes, takeMask(this.nulls, indices));
  }
}

/** Estimated heap bytes of one decimal. */
const DECIMAL_BYTES = 72;

export class DecimalColumn implements StoreColumn {
  readonly type = 'decimal';
  readonly values: readonly (Decimal | null)[];

  constructor(values: readonly (Decimal | null)[]) {
    this.values = values;
  }

  get length(): number {
    return this.values.length;
  }

  get byteSize(): number {
    return this.values.length * DECIMAL_BYTES;
  }

  isNull(row: number): boolean {
    return this.values[row] === null;
  }

  get(row: number): Cell {
    return this.values[row]!;
  }

  slice(from: number, to: number): DecimalColumn {
    return new DecimalColumn(this.values.slice(from, to));
  }

  take(indices: RowIndices): DecimalColumn {
    const values: (Decimal | null)[] = new Array(indices.length);
    for (let i = 0; i < indices.length; i++) values[i] = indices[i]! < 0 ? null : this.values[indices[i]!]!;
    return new DecimalColumn(values);
  }
}
