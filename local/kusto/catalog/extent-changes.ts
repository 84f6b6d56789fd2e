import { randomUUID } from 'node:crypto';
import { KustoError } from '../errors.js';
import { inSlices } from '../slices.js';
import { mergedExtent } from '../store/merge.js';
import type { RowSet } from '../store/types.js';
import { allExtents, type CatalogState, type Change, type StoredExtent } from './model.js';
import type { Table } from './types.js';

/** Extents joined into one, which comes from the pieces of work of all. */
export async function mergedWithSources(
  parts: readonly StoredExtent[],
  schema: Table['schema'],
): Promise<StoredExtent> {
  const sources = parts.flatMap((part) => part.sources ?? []);
  const merged = await inSlices(mergedExtent(randomUUID(), parts, schema));
  return { ...merged, ...(sources.length > 0 && { sources }) };
}

export function drops(change: Change): boolean {
  return change.kind.startsWith('drop') || (change.kind === 'extents' && change.drop.length > 0);
}

/** Files that extents of `before` have and extents of `after` have not. */
export function filesLost(before: CatalogState, after: CatalogState): string[] {
  const kept = new Set(allExtents(after).map(({ file }) => file));
  return allExtents(before).flatMap(({ file }) => (file === undefined || kept.has(file) ? [] : [file]));
}

/** @throws KustoError when rows have a column that the table lacks or has with another type. */
export function checkFits(table: Table, rows: RowSet): void {
  for (const { name, type } of rows.schema) {
    const column = table.schema.find((candidate) => candidate.name === name);
    if (column?.type !== type) {
      const found = column === undefined ? 'has no such column' : `has it as ${column.type}`;
      throw new KustoError(
        `Column '${name}' of type ${type} cannot be stored: table '${table.name}' ${found}`,
        {
          status: 400,
          code: 'BadRequest_SchemaMismatch',
        },
      );
    }
  }
}
