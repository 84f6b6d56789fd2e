import type { Steps } from '../slices.js';
import { concatSteps } from './concat.js';
import { constantColumn, nullColumn } from './row-set.js';
import type { Column, ColumnSchema, Extent } from './types.js';

function columnOf(extent: Extent, { name, type }: ColumnSchema): Column {
  return extent.columns.get(name) ?? nullColumn(type, extent.rowCount);
}

function byTime(ticks: bigint[]): readonly bigint[] {
  return ticks.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Hidden column of merged extents; no column of a table can have its name. */
export const INGESTION_TIME_COLUMN = '$IngestionTime';

/**
 * One extent with the rows of several, in their order. Each row keeps its ingestion time; the whole is as old as its
 * newest part, remembers the time of its oldest, and carries the tags of all.
 *
 * @param schema the table's: columns an extent lacks read as null
 */
export function* mergedExtent(
  id: string,
  extents: readonly Extent[],
  schema: readonly ColumnSchema[],
): Steps<Extent> {
  const columns = new Map<string, Column>();
  for (const column of schema) {
    const parts = extents.map((extent) => columnOf(extent, column));
    columns.set(column.name, yield* concatSteps(column.type, parts));
  }
  const times = extents.map(
    (extent) =>
      extent.columns.get(INGESTION_TIME_COLUMN) ??
      constantColumn('datetime', extent.ingestedOn, extent.rowCount),
  );
  columns.set(INGESTION_TIME_COLUMN, yield* concatSteps('datetime', times));
  return {
    id,
    createdOn: byTime(extents.map((extent) => extent.createdOn)).at(-1)!,
    oldestCreatedOn: byTime(extents.map((extent) => extent.oldestCreatedOn ?? extent.createdOn))[0]!,
    ingestedOn: byTime(extents.map((extent) => extent.ingestedOn)).at(-1)!,
    tags: [...new Set(extents.flatMap(({ tags }) => tags))],
    rowCount: extents.reduce((sum, { rowCount }) => sum + rowCount, 0),
    originalSize: extents.reduce((sum, { originalSize }) => sum + originalSize, 0),
    columns,
  };
}
