import { hasNegative, type RowIndices, type StoreColumn } from './store-column.js';
import type { Cell, ScalarType } from './types.js';

/** The value a missing cell reads as: strings have no null. */
export function missingCell(type: ScalarType): Cell {
  return type === 'string' ? '' : null;
}

/** The same cell in every row. */
export class ConstantColumn implements StoreColumn {
  readonly type: ScalarType;
  readonly value: Cell;
  readonly length: number;

  constructor(type: ScalarType, value: Cell, length: number) {
    this.type = type;
    this.value = value;
    this.length = length;
  }

  get byteSize(): number {
    return 64;
  }

  isNull(): boolean {
    return this.value === null;
  }

  get(): Cell {
    return this.value;
  }

  slice(from: number, to: number): ConstantColumn {
    return new ConstantColumn(this.type, this.value, Math.max(0, to - from));
  }

  take(indices: RowIndices): StoreColumn {
    if (this.value === missingCell(this.type) || !hasNegative(indices)) {
      return new ConstantColumn(this.type, this.value, indices.length);
    }
    return new CellColumn(
      this.type,
      Array.from(indices, (row) => (row < 0 ? missingCell(this.type) : this.value)),
    );
  }
}

/** Cells as they are; for small results and mixed origins. */
export class CellColumn implements StoreColumn {
  readonly type: ScalarType;
  readonly cells: readonly Cell[];

  constructor(type: ScalarType, cells: readonly Cell[]) {
    this.type = type;
    this.cells = cells;
  }

  get length(): number {
    return this.cells.length;
  }

  get byteSize(): number {
    return this.cells.length * 48;
  }

  isNull(row: number): boolean {
    return this.cells[row] === null;
  }

  get(row: number): Cell {
    return this.cells[row]!;
  }

  slice(from: number, to: number): CellColumn {
    return new CellColumn(this.type, this.cells.slice(from, to));
  }

  take(indices: RowIndices): CellColumn {
    const missing = missingCell(this.type);
    return new CellColumn(
      this.type,
      Array.from(indices, (row) => (row < 0 ? missing : this.cells[row]!)),
    );
  }
}
