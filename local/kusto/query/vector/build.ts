import {
  BigIntColumn,
  BoolColumn,
  CellColumn,
  ConstantColumn,
  DecimalColumn,
  IntColumn,
  LongColumn,
  RealColumn,
  TextColumn,
} from '../../store/columns.js';
import { type NullMask, newMask, setNull } from '../../store/null-mask.js';
import type { Cell, Decimal, ScalarType } from '../../store/types.js';
import type { Vector } from '../plan/types.js';

type CellAt = (row: number) => Cell;

class Nulls {
  mask: Uint8Array | undefined;
  private readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  set(row: number): void {
    this.mask ??= newMask(this.length);
    setNull(this.mask, row);
  }
}

function buildBools(length: number, at: CellAt): Vector {
  const values = new Int8Array(length);
  const nulls = new Nulls(length);
  for (let row = 0; row < length; row++) {
    const cell = at(row);
    if (cell === null) nulls.set(row);
    else if (cell === true) values[row] = 1;
  }
  return new BoolColumn(values, nulls.mask);
}

function fillNumbers(values: Int32Array | Float64Array, at: CellAt): NullMask {
  const nulls = new Nulls(values.length);
  for (let row = 0; row < values.length; row++) {
    const cell = at(row);
    if (cell === null) nulls.set(row);
    else values[row] = cell as number;
  }
  return nulls.mask;
}

function buildBigInts(type: 'long' | 'datetime' | 'timespan', length: number, at: CellAt): Vector {
  const values = new BigInt64Array(length);
  const nulls = new Nulls(length);
  for (let row = 0; row < length; row++) {
    const cell = at(row);
    if (cell === null) nulls.set(row);
    else values[row] = cell as bigint;
  }
  return type === 'long' ? longVector(values, nulls.mask) : new BigIntColumn(type, values, nulls.mask);
}

/** Longs in the narrow form where all of them are safe integers. */
function longVector(values: BigInt64Array, nulls: NullMask): Vector {
  const numbers = new Float64Array(values.length);
  for (let row = 0; row < values.length; row++) {
    const number = Number(values[row]!);
    if (!Number.isSafeInteger(number)) return new BigIntColumn('long', values, nulls);
    numbers[row] = number;
  }
  return new LongColumn(numbers, nulls);
}

function cells(length: number, at: CellAt): Cell[] {
  const out: Cell[] = new Array(length);
  for (let row = 0; row < length; row++) out[row] = at(row);
  return out;
}

/** A vector of `length` cells, each asked for once, in order. */
export function buildVector(type: ScalarType, length: number, at: CellAt): Vector {
  switch (type) {
    case 'bool':
      return buildBools(length, at);
    case 'int': {
      const values = new Int32Array(length);
      return new IntColumn(values, fillNumbers(values, at));
    }
    case 'real': {
      const values = new Float64Array(length);
      return new RealColumn(values, fillNumbers(values, at));
    }
    case 'long':
    case 'datetime':
    case 'timespan':
      return buildBigInts(type, length, at);
    case 'string':
      return new TextColumn('string', cells(length, (row) => at(row) ?? '') as string[]);
    case 'decimal':
      return new DecimalColumn(cells(length, at) as (Decimal | null)[]);
    default:
      return new CellColumn(type, cells(length, at));
  }
}

export function vectorOf(type: ScalarType, list: readonly Cell[]): Vector {
  return buildVector(type, list.length, (row) => list[row] ?? null);
}

export function constantVector(type: ScalarType, value: Cell, length: number): Vector {
  return new ConstantColumn(type, value === null && type === 'string' ? '' : value, length);
}
