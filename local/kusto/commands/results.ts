import { rowSetFromRows } from '../store/row-set.js';
import type { Cell, ColumnSchema, Dynamic, RowSet, ScalarType } from '../store/types.js';
import { dynamicFromText } from '../values/dynamic.js';

/**
 * A result's columns written as in the documentation: `TableName, RowCount:long`. Without a type: string.
 */
export function columns(text: string): readonly ColumnSchema[] {
  return text.split(',').map((part) => {
    const [name = '', type = 'string'] = part.trim().split(':');
    return { name, type: type as ScalarType };
  });
}

/** The small tables that commands answer, from rows of cells in the order of the schema. */
export function resultTable(schema: readonly ColumnSchema[], rows: readonly (readonly Cell[])[]): RowSet {
  return rowSetFromRows(schema, rows);
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

export function jsonCell(value: unknown): Dynamic {
  return dynamicFromText(JSON.stringify(value) ?? 'null');
}
