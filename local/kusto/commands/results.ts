import type { Cell, Column, ColumnSchema, Dynamic, DynamicNode, RowSet, ScalarType } from '../store/types.js';

/**
 * A result's columns written as in the documentation: `TableName:string, RowCount:long`.
 * Columns without a type are strings.
 */
export function columns(text: string): readonly ColumnSchema[] {
  return text.split(',').map((part) => {
    const [name = '', type = 'string'] = part.trim().split(':');
    return { name, type: type as ScalarType };
  });
}

class CellColumn implements Column {
  readonly type: ScalarType;
  readonly #cells: readonly Cell[];

  constructor(type: ScalarType, cells: readonly Cell[]) {
    this.type = type;
    this.#cells = cells;
  }

  get length(): number {
    return this.#cells.length;
  }

  get byteSize(): number {
    return this.#cells.length * 16;
  }

  get(row: number): Cell {
    return this.#cells[row] ?? null;
  }
}

/** The small tables that commands answer, from rows of cells in the order of the schema. */
export function resultTable(schema: readonly ColumnSchema[], rows: readonly (readonly Cell[])[]): RowSet {
  return {
    schema,
    rowCount: rows.length,
    columns: schema.map(({ type }, ordinal) => new CellColumn(type, rows.map((row) => row[ordinal] ?? null))),
  };
}

/** Rows as objects by column name; a missing member is null (an empty string in string columns). */
export function resultTableOf(
  schema: readonly ColumnSchema[],
  rows: readonly Readonly<Record<string, Cell | undefined>>[],
): RowSet {
  return resultTable(
    schema,
    rows.map((row) => schema.map(({ name, type }) => row[name] ?? (type === 'string' ? '' : null))),
  );
}

/** A value that is JSON already. */
export function jsonCell(value: unknown): Dynamic {
  const text = JSON.stringify(value) ?? 'null';
  return { text, value: () => toNode(JSON.parse(text)) };
}

function toNode(value: unknown): DynamicNode {
  if (Array.isArray(value)) {
    return value.map(toNode);
  }
  if (typeof value === 'object' && value !== null) {
    return new Map(Object.entries(value).map(([key, item]) => [key, toNode(item)]));
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    return { real: value };
  }
  return value as DynamicNode;
}
