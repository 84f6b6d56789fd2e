import { CellColumn } from './cell-columns.js';
import { DecimalColumn, GUID_BYTES, GuidColumn } from './guid-decimal-columns.js';
import { newMask, setNull } from './null-mask.js';
import { BoolColumn, IntColumn, LongColumn, RealColumn } from './number-columns.js';
import type { StoreColumn } from './store-column.js';
import { TextBuilder } from './text-builder.js';
import { BigIntColumn, TicksColumn, type TicksType } from './ticks-columns.js';
import type { Cell, ColumnBuilder, Decimal, ScalarType } from './types.js';

const FIRST_CAPACITY = 64;

/** A builder that can be finished more than once: each result is a snapshot of what was appended so far. */
export interface StoreColumnBuilder extends ColumnBuilder {
  appendNull(): void;
  finish(): StoreColumn;
}

/** Null bits that grow with the rows. */
class MaskBuilder {
  private bits: Uint8Array | undefined;

  add(row: number): void {
    if (this.bits === undefined || row >> 3 >= this.bits.length) {
      const grown = newMask(Math.max(FIRST_CAPACITY * 8, row * 2 + 8));
      if (this.bits !== undefined) grown.set(this.bits);
      this.bits = grown;
    }
    setNull(this.bits, row);
  }

  finish(rows: number): Uint8Array | undefined {
    if (this.bits === undefined) return undefined;
    const out = newMask(rows);
    out.set(this.bits.subarray(0, Math.min(out.length, this.bits.length)));
    return out;
  }
}

interface Growable {
  readonly length: number;
  set(from: this): void;
  slice(from: number, to: number): this;
}

function grown<A extends Growable>(values: A, needed: number): A {
  if (needed <= values.length) return values;
  const Type = (values as unknown as { constructor: new (n: number) => A }).constructor;
  const out = new Type(Math.max(needed, values.length * 2));
  out.set(values);
  return out;
}

class NumberBuilder implements StoreColumnBuilder {
  readonly type: 'bool' | 'int' | 'real';
  length = 0;
  private values: Float64Array | Int32Array | Int8Array;
  private readonly nulls = new MaskBuilder();

  constructor(type: 'bool' | 'int' | 'real') {
    this.type = type;
    this.values =
      type === 'real'
        ? new Float64Array(FIRST_CAPACITY)
        : type === 'int'
          ? new Int32Array(FIRST_CAPACITY)
          : new Int8Array(FIRST_CAPACITY);
  }

  append(cell: Cell): void {
    if (cell === null) this.appendNull();
    else this.appendNumber(Number(cell));
  }

  appendNumber(value: number): void {
    if (this.length === this.values.length) this.values = grown(this.values as Float64Array, this.length + 1);
    this.values[this.length++] = value;
  }

  appendNull(): void {
    this.nulls.add(this.length);
    this.appendNumber(0);
  }

  finish(): StoreColumn {
    const values = this.values.slice(0, this.length);
    const nulls = this.nulls.finish(this.length);
    if (values instanceof Float64Array) return new RealColumn(values, nulls);
    return values instanceof Int32Array ? new IntColumn(values, nulls) : new BoolColumn(values, nulls);
  }
}

/** Doubles that are whole 32-bit integers are narrowed to half their size. */
export function narrowed(values: Float64Array): Float64Array | Int32Array {
  for (let i = 0; i < values.length; i++) if (values[i] !== (values[i]! | 0)) return values;
  return Int32Array.from(values);
}

/** Longs, datetimes and timespans: doubles relative to a base until one value does not fit. */
export class WideBuilder implements StoreColumnBuilder {
  readonly type: 'long' | TicksType;
  length = 0;
  private base: bigint | undefined;
  private values: Float64Array | undefined = new Float64Array(FIRST_CAPACITY);
  private wide = new BigInt64Array(0);
  private readonly nulls = new MaskBuilder();

  constructor(type: 'long' | TicksType) {
    this.type = type;
    if (type === 'long') this.base = 0n;
  }

  append(cell: Cell): void {
    if (cell === null) this.appendNull();
    else this.appendBigInt(typeof cell === 'bigint' ? cell : BigInt(cell as number));
  }

  /** A safe integer of a long column, without a bigint in between. */
  appendSafe(value: number): void {
    if (this.values === undefined) {
      this.appendBigInt(BigInt(value));
      return;
    }
    if (this.length === this.values.length) this.values = grown(this.values, this.length + 1);
    this.values[this.length++] = value;
  }

  appendBigInt(value: bigint): void {
    if (this.values !== undefined) {
      this.base ??= value;
      const relative = this.base === 0n ? Number(value) : Number(value - this.base);
      if (Number.isSafeInteger(relative)) {
        this.appendSafe(relative);
        return;
      }
      this.widen();
    }
    if (this.length === this.wide.length)
      this.wide = grown(this.wide, Math.max(FIRST_CAPACITY, this.length + 1));
    this.wide[this.length++] = value;
  }

  private widen(): void {
    const narrow = this.values!;
    this.wide = new BigInt64Array(narrow.length);
    for (let i = 0; i < this.length; i++) this.wide[i] = this.base! + BigInt(narrow[i]!);
    this.values = undefined;
  }

  appendNull(): void {
    this.nulls.add(this.length);
    if (this.values !== undefined) this.appendSafe(0);
    else this.appendBigInt(0n);
  }

  finish(): StoreColumn {
    const nulls = this.nulls.finish(this.length);
    if (this.values === undefined) return new BigIntColumn(this.type, this.wide.slice(0, this.length), nulls);
    const values = this.values.slice(0, this.length);
    if (this.type === 'long') return new LongColumn(narrowed(values), nulls);
    const unit = commonUnit(values);
    if (unit > 1) for (let i = 0; i < values.length; i++) values[i]! /= unit;
    return new TicksColumn(this.type, { base: this.base ?? 0n, unit }, narrowed(values), nulls);
  }
}

/** Greatest common divisor of the values, 1 when there is none larger. */
function commonUnit(values: Float64Array): number {
  let unit = 0;
  for (let i = 0; i < values.length && unit !== 1; i++) {
    let a = Math.abs(values[i]!);
    while (a !== 0) {
      const rest = unit % a;
      unit = a;
      a = rest;
    }
  }
  return unit === 0 ? 1 : unit;
}

class GuidBuilder implements StoreColumnBuilder {
  readonly type = 'guid';
  length = 0;
  private bytes = new Uint8Array(FIRST_CAPACITY * GUID_BYTES);
  private readonly nulls = new MaskBuilder();

  append(cell: Cell): void {
    const at = this.length * GUID_BYTES;
    this.bytes = grown(this.bytes, at + GUID_BYTES);
    if (cell === null) this.nulls.add(this.length);
    else Buffer.from(this.bytes.buffer).write((cell as string).replaceAll('-', ''), at, GUID_BYTES, 'hex');
    this.length++;
  }

  appendNull(): void {
    this.append(null);
  }

  finish(): StoreColumn {
    return new GuidColumn(this.bytes.slice(0, this.length * GUID_BYTES), this.nulls.finish(this.length));
  }
}

class DecimalBuilder implements StoreColumnBuilder {
  readonly type = 'decimal';
  private readonly values: (Decimal | null)[] = [];

  get length(): number {
    return this.values.length;
  }

  append(cell: Cell): void {
    this.values.push(cell as Decimal | null);
  }

  appendNull(): void {
    this.values.push(null);
  }

  finish(): StoreColumn {
    return new DecimalColumn(this.values.slice());
  }
}

export type BuilderFor<T extends ScalarType> = T extends 'bool' | 'int' | 'real'
  ? NumberBuilder
  : T extends 'long' | TicksType
    ? WideBuilder
    : T extends 'string' | 'dynamic'
      ? TextBuilder
      : StoreColumnBuilder;

/** A builder for one column; narrower methods (`appendNumber`, `appendSafe`, `appendText`) come with the type. */
export function createColumnBuilder<T extends ScalarType>(type: T): BuilderFor<T>;
export function createColumnBuilder(type: ScalarType): StoreColumnBuilder {
  switch (type) {
    case 'bool':
    case 'int':
    case 'real':
      return new NumberBuilder(type);
    case 'long':
    case 'datetime':
    case 'timespan':
      return new WideBuilder(type);
    case 'string':
    case 'dynamic':
      return new TextBuilder(type);
    case 'guid':
      return new GuidBuilder();
    case 'decimal':
      return new DecimalBuilder();
  }
}

/** A column of the given cells in its compact form. */
export function columnFromCells(type: ScalarType, cells: Iterable<Cell>): StoreColumn {
  const builder: StoreColumnBuilder = createColumnBuilder(type);
  for (const cell of cells) builder.append(cell);
  return builder.finish();
}

/** Any column as one with the vector operations of the store. */
export function asStoreColumn(column: {
  readonly type: ScalarType;
  readonly length: number;
  get(row: number): Cell;
}): StoreColumn {
  if ('take' in column && 'slice' in column && 'isNull' in column) return column as StoreColumn;
  return new CellColumn(
    column.type,
    Array.from({ length: column.length }, (_, row) => column.get(row)),
  );
}
