import type { Table } from '../../catalog/types.js';
import { asStoreColumn } from '../../store/builders.js';
import { ConstantColumn } from '../../store/columns.js';
import { INGESTION_TIME_COLUMN } from '../../store/merge.js';
import type { Extent, RowSet } from '../../store/types.js';
import { dynamicFromNode } from '../../values/dynamic.js';
import { EXTENT_COLUMNS } from '../bind/extent-columns.js';
import type { PlanColumn, Rel, Vector } from '../plan/types.js';
import { makeBatch } from '../vector/batch.js';
import { constantVector } from '../vector/build.js';

/** Rows handed on at once. */
export const BATCH_ROWS = 65_536;

/** Of each row where extents were merged into one, of the whole extent otherwise. */
function ingestionTimes(extent: Extent, range: { from: number; to: number }): Vector {
  const rows = range.to - range.from;
  const byRow = extent.columns.get(INGESTION_TIME_COLUMN);
  return byRow === undefined
    ? new ConstantColumn('datetime', extent.ingestedOn, rows)
    : asStoreColumn(byRow).slice(range.from, range.to);
}

function extentProperties(extent: Extent, range: { from: number; to: number }): Vector[] {
  const rows = range.to - range.from;
  return [
    ingestionTimes(extent, range),
    new ConstantColumn('guid', extent.id, rows),
    new ConstantColumn('dynamic', dynamicFromNode([...extent.tags]), rows),
  ];
}

function readColumn(extent: Extent, column: PlanColumn, range: { from: number; to: number }): Vector {
  const stored = extent.columns.get(column.name);
  if (stored === undefined) return constantVector(column.type, null, range.to - range.from);
  const vector = asStoreColumn(stored);
  return range.from === 0 && range.to === stored.length ? vector : vector.slice(range.from, range.to);
}

/** The rows of a table, extent by extent. */
export function scanTable(table: Table, withExtents: boolean): Rel {
  const columns: PlanColumn[] = table.schema.map(({ name, type }) => ({ name, type }));
  const { extents } = table;
  return {
    schema: withExtents ? [...columns, ...EXTENT_COLUMNS] : columns,
    ordered: false,
    knownRows: extents.reduce((sum, extent) => sum + extent.rowCount, 0),
    async *open() {
      for (const extent of extents) {
        for (let from = 0; from < extent.rowCount; from += BATCH_ROWS) {
          const to = Math.min(from + BATCH_ROWS, extent.rowCount);
          const sources = columns.map((column) => () => readColumn(extent, column, { from, to }));
          const properties = withExtents ? extentProperties(extent, { from, to }) : [];
          yield makeBatch(to - from, [...sources, ...properties]);
        }
      }
    },
  };
}

/** A row set, such as the answer of a command. */
export function scanRowSet(rows: RowSet): Rel {
  const vectors = rows.columns.map(asStoreColumn);
  return {
    schema: rows.schema.map(({ name, type }) => ({ name, type })),
    ordered: false,
    knownRows: rows.rowCount,
    async *open() {
      if (rows.rowCount > 0) yield makeBatch(rows.rowCount, vectors);
    },
  };
}
