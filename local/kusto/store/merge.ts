import { concatColumns } from './concat.js';
import { constantColumn, nullColumn } from './row-set.js';
import type { Column, ColumnSchema, Extent } from './types.js';

function columnOf(extent: Extent, { name, type }: ColumnSchema): Column {
  return extent.columns.get(name) ?? nullColumn(type, extent.rowCount);
}

/**
 * One extent with the rows of several, in their order. Each row keeps its ingestion time; the whole is as old as its
 * oldest part and carries the tags of the first.
 *
 * @param schema the table's: columns an extent lacks read as null
 */
export function mergedExtent(
  id: string,
  extents: readonly Extent[],
  schema: readonly ColumnSchema[],
): Extent {
  const columns = new Map(
    schema.map((column) => [
      column.name,
      concatColumns(
        column.type,
        extents.map((extent) => columnOf(extent, column)),
      ),
    ]),
  );
  const times = extents.map(
    (extent) => extent.ingestedOnByRow ?? constantColumn('datetime', extent.ingestedOn, extent.rowCount),
  );
  return {
    id,
    createdOn: extents.reduce(
      (least, { createdOn }) => (createdOn < least ? createdOn : least),
      extents[0]!.createdOn,
    ),
    ingestedOn: extents.reduce((most, { ingestedOn }) => (ingestedOn > most ? ingestedOn : most), 0n),
    ingestedOnByRow: concatColumns('datetime', times),
    tags: extents[0]!.tags,
    rowCount: extents.reduce((sum, { rowCount }) => sum + rowCount, 0),
    originalSize: extents.reduce((sum, { originalSize }) => sum + originalSize, 0),
    columns,
  };
}
