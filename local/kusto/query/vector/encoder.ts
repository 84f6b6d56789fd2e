import {
  ConstantColumn,
  DictionaryColumn,
  IntColumn,
  LongColumn,
  RealColumn,
  TicksColumn,
} from '../../store/columns.js';
import { isNullAt } from '../../store/null-mask.js';
import type { Cell, ScalarType } from '../../store/types.js';
import { limitExceeded } from '../failures.js';
import type { Vector } from '../plan/types.js';
import { cellKey } from './keys.js';

/** Most distinct keys one operator holds. */
export const MAX_GROUPS = 2 ** 26;

/** Gives each distinct cell of a column a small number, in the order of first appearance. */
export class KeyEncoder {
  readonly type: ScalarType;
  /** The cell behind each code. */
  readonly values: Cell[] = [];
  private readonly codes = new Map<unknown, number>();
  private dictionary: readonly string[] | undefined;
  private dictionaryCodes = new Int32Array(0);
  private readonly tickCodes = new Map<string, Map<number, number>>();

  constructor(type: ScalarType) {
    this.type = type;
  }

  get size(): number {
    return this.values.length;
  }

  /** The code of a cell, a new one if it was never seen. */
  codeOf(cell: Cell): number {
    return this.code(this.keyOf(cell), cell);
  }

  /** The code of a cell, or -1 if it was never seen. */
  find(cell: Cell): number {
    return this.codes.get(this.keyOf(cell)) ?? -1;
  }

  private keyOf(cell: Cell): unknown {
    if (typeof cell !== 'bigint') return cellKey(this.type, cell);
    const number = Number(cell);
    return Number.isSafeInteger(number) ? number : cell;
  }

  private code(key: unknown, cell: Cell): number {
    let code = this.codes.get(key);
    if (code === undefined) {
      code = this.values.length;
      if (code >= MAX_GROUPS) throw limitExceeded(`more than ${MAX_GROUPS} distinct keys (E_RUNAWAY_QUERY)`);
      this.codes.set(key, code);
      this.values.push(cell);
    }
    return code;
  }

  encode(vector: Vector): Uint32Array {
    const out = new Uint32Array(vector.length);
    if (vector instanceof ConstantColumn) {
      return vector.length === 0 ? out : out.fill(this.codeOf(vector.value));
    }
    if (vector instanceof DictionaryColumn && vector.type === 'string') this.encodeDictionary(vector, out);
    else if (vector instanceof LongColumn) this.encodeNumbers(vector, out, BigInt);
    else if (vector instanceof IntColumn || vector instanceof RealColumn) {
      this.encodeNumbers(vector, out, (value) => value);
    } else if (vector instanceof TicksColumn) this.encodeTicks(vector, out);
    else this.encodeCells(vector, out);
    return out;
  }

  private encodeCells(vector: Vector, out: Uint32Array): void {
    for (let row = 0; row < out.length; row++) out[row] = this.codeOf(vector.get(row));
  }

  private encodeNumbers(
    vector: LongColumn | IntColumn | RealColumn,
    out: Uint32Array,
    cellOf: (value: number) => Cell,
  ): void {
    const { values, nulls } = vector;
    for (let row = 0; row < out.length; row++) {
      if (isNullAt(nulls, row)) out[row] = this.codeOf(null);
      else {
        const value = values[row]!;
        out[row] = this.codes.get(value) ?? this.code(value, cellOf(value));
      }
    }
  }

  private encodeTicks(vector: TicksColumn, out: Uint32Array): void {
    const scale = `${vector.base}/${vector.unit}`;
    let known = this.tickCodes.get(scale);
    if (known === undefined) {
      known = new Map();
      this.tickCodes.set(scale, known);
    }
    const { values, nulls } = vector;
    for (let row = 0; row < out.length; row++) {
      if (isNullAt(nulls, row)) {
        out[row] = this.codeOf(null);
        continue;
      }
      const value = values[row]!;
      let code = known.get(value);
      if (code === undefined) {
        code = this.codeOf(vector.get(row));
        known.set(value, code);
      }
      out[row] = code;
    }
  }

  private encodeDictionary(vector: DictionaryColumn, out: Uint32Array): void {
    if (this.dictionary !== vector.dictionary) {
      this.dictionary = vector.dictionary;
      this.dictionaryCodes = new Int32Array(vector.dictionary.length).fill(-1);
    }
    const known = this.dictionaryCodes;
    const { codes, dictionary } = vector;
    for (let row = 0; row < out.length; row++) {
      const local = codes[row]!;
      if (known[local]! < 0) known[local] = this.codeOf(dictionary[local]!);
      out[row] = known[local]!;
    }
  }
}

/** Numbers the distinct combinations of several key columns. */
export class GroupIndex {
  private readonly encoders: KeyEncoder[];
  private readonly pairs: Map<number, number>[];
  /** For each key column, the code of its cell in each group. */
  private readonly groupCodes: number[][];
  count = 0;

  constructor(types: readonly ScalarType[]) {
    this.encoders = types.map((type) => new KeyEncoder(type));
    this.pairs = types.slice(1).map(() => new Map());
    this.groupCodes = types.map(() => []);
    if (types.length === 0) this.count = 1;
  }

  /** Group number of each row. */
  add(vectors: readonly Vector[], rows: number): Uint32Array {
    const first = this.encoders[0];
    if (first === undefined) return new Uint32Array(rows);
    const codes = vectors.map((vector, index) => this.encoders[index]!.encode(vector));
    let ids = codes[0]!;
    for (let column = 1; column < codes.length; column++) ids = this.combine(column, ids, codes[column]!);
    if (codes.length === 1) this.count = first.size;
    else this.remember(ids, codes);
    return ids;
  }

  private combine(column: number, left: Uint32Array, right: Uint32Array): Uint32Array {
    const known = this.pairs[column - 1]!;
    const out = new Uint32Array(left.length);
    for (let row = 0; row < out.length; row++) {
      const pair = left[row]! * MAX_GROUPS + right[row]!;
      let id = known.get(pair);
      if (id === undefined) {
        id = known.size;
        if (id >= MAX_GROUPS) throw limitExceeded(`more than ${MAX_GROUPS} groups (E_RUNAWAY_QUERY)`);
        known.set(pair, id);
      }
      out[row] = id;
    }
    return out;
  }

  private remember(ids: Uint32Array, codes: readonly Uint32Array[]): void {
    for (let row = 0; row < ids.length; row++) {
      if (ids[row]! < this.count) continue;
      this.count++;
      codes.forEach((column, index) => {
        this.groupCodes[index]!.push(column[row]!);
      });
    }
  }

  /** The key cell of a column in a group. */
  key(column: number, group: number): Cell {
    const encoder = this.encoders[column]!;
    return encoder.values[this.encoders.length === 1 ? group : this.groupCodes[column]![group]!]!;
  }

  /** Group of a combination of cells, or -1. */
  find(cells: readonly Cell[]): number {
    let id = this.encoders[0]!.find(cells[0]!);
    for (let column = 1; column < cells.length && id >= 0; column++) {
      const code = this.encoders[column]!.find(cells[column]!);
      id = code < 0 ? -1 : (this.pairs[column - 1]!.get(id * MAX_GROUPS + code) ?? -1);
    }
    return id;
  }
}
