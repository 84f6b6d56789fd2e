import { allAtOnce, type Steps } from '../slices.js';
import { asStoreColumn, createColumnBuilder, type StoreColumnBuilder } from './builders.js';
import { ConstantColumn, missingCell } from './cell-columns.js';
import { concatSteps } from './concat.js';
import type { RowIndices, StoreColumn } from './store-column.js';
import type { Cell, Column, ColumnSchema, RowSet, ScalarType } from './types.js';

export interface RowSetBuilder {
  readonly schema: readonly ColumnSchema[];
  /** One per column of the schema, for loops that fill column by column. */
  readonly builders: readonly StoreColumnBuilder[];
  readonly rowCount: number;
  appendRow(cells: readonly Cell[]): void;
  /** A snapshot; the builder may go on. */
  finish(): RowSet;
}

function rowSetBuilder(schema: readonly ColumnSchema[]): RowSetBuilder {
  const builders: StoreColumnBuilder[] = schema.map((column) => createColumnBuilder(column.type));
  let rowCount = 0;
  return {
    schema,
    builders,
    get rowCount() {
      return builders[0]?.length ?? rowCount;
    },
    appendRow(cells) {
      for (let i = 0; i < builders.length; i++) builders[i]!.append(cells[i] ?? missingCell(schema[i]!.type));
      rowCount++;
    },
    finish() {
      return { schema, columns: builders.map((b) => b.finish()), rowCount: builders[0]?.length ?? rowCount };
    },
  };
}

/** Rows given as lists of cells. */
export function rowSetFromRows(schema: readonly ColumnSchema[], rows: Iterable<readonly Cell[]>): RowSet {
  const builder = rowSetBuilder(schema);
  for (const row of rows) builder.appendRow(row);
  return builder.finish();
}

export function constantColumn(type: ScalarType, value: Cell, length: number): StoreColumn {
  return new ConstantColumn(type, value, length);
}

/** A column of nulls (of empty text, where the type is string). */
export function nullColumn(type: ScalarType, length: number): StoreColumn {
  return new ConstantColumn(type, missingCell(type), length);
}

/** The rows picked, in that order; a negative index picks a null. */
export function takeColumn(column: Column, indices: RowIndices): StoreColumn {
  return asStoreColumn(column).take(indices);
}

/** One row set after another; all have the schema of the first. */
export function concatRows(schema: readonly ColumnSchema[], parts: readonly RowSet[]): RowSet {
  return allAtOnce(concatRowsSteps(schema, parts));
}

export function* concatRowsSteps(schema: readonly ColumnSchema[], parts: readonly RowSet[]): Steps<RowSet> {
  const rowCount = parts.reduce((sum, part) => sum + part.rowCount, 0);
  const columns: StoreColumn[] = [];
  for (const [at, { type }] of schema.entries()) {
    columns.push(
      yield* concatSteps(
        type,
        parts.map((part) => part.columns[at]!),
      ),
    );
    yield;
  }
  return { schema, columns, rowCount };
}

/** Row sets cut so that each list holds `maxRows` rows, the last one fewer. */
export function inRuns(parts: readonly RowSet[], maxRows: number): RowSet[][] {
  const runs: RowSet[][] = [];
  let room = 0;
  for (const part of parts) {
    for (let from = 0; from < part.rowCount; ) {
      if (room === 0) {
        runs.push([]);
        room = maxRows;
      }
      const to = Math.min(part.rowCount, from + room);
      runs.at(-1)!.push(sliceRows(part, from, to));
      room -= to - from;
      from = to;
    }
  }
  return runs;
}

function sliceRows(rows: RowSet, from: number, to: number): RowSet {
  if (from === 0 && to === rows.rowCount) return rows;
  const columns = rows.columns.map((column) => asStoreColumn(column).slice(from, to));
  return { schema: rows.schema, columns, rowCount: to - from };
}

export function rowCells(rows: RowSet, row: number): Cell[] {
  return rows.columns.map((column) => column.get(row));
}
