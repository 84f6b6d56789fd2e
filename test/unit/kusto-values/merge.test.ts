import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allAtOnce } from '../../../local/kusto/slices.js';
import { columnFromCells } from '../../../local/kusto/store/builders.js';
import { INGESTION_TIME_COLUMN, mergedExtent } from '../../../local/kusto/store/merge.js';
import type { Column, Extent } from '../../../local/kusto/store/types.js';

const schema = [
  { name: 'a', type: 'long' },
  { name: 'b', type: 'string' },
] as const;

function extent(id: string, ingestedOn: bigint, columns: readonly (readonly [string, Column])[]): Extent {
  const rowCount = columns[0]![1].length;
  return {
    id,
    createdOn: ingestedOn,
    ingestedOn,
    tags: [],
    rowCount,
    originalSize: 5,
    columns: new Map(columns),
  };
}

function cells(column: Column): unknown[] {
  return Array.from({ length: column.length }, (_, row) => column.get(row));
}

test('rows of merged extents keep their order and ingestion time, and count as created with the newest', () => {
  const first = extent('1', 100n, [['a', columnFromCells('long', [1n, 2n])]]);
  const second = extent('2', 50n, [
    ['a', columnFromCells('long', [3n])],
    ['b', columnFromCells('string', ['x'])],
  ]);
  const once = allAtOnce(mergedExtent('3', [first, second], schema));
  const last = extent('5', 200n, [['a', columnFromCells('long', [4n])]]);
  const merged = allAtOnce(mergedExtent('4', [once, last], schema));
  assert.deepEqual(cells(merged.columns.get('a')!), [1n, 2n, 3n, 4n]);
  assert.deepEqual(cells(merged.columns.get('b')!), ['', '', 'x', '']);
  assert.deepEqual(cells(merged.columns.get(INGESTION_TIME_COLUMN)!), [100n, 100n, 50n, 200n]);
  assert.deepEqual([merged.createdOn, merged.oldestCreatedOn], [200n, 50n]);
  assert.equal(merged.ingestedOn, 200n);
  assert.equal(merged.originalSize, 15);
});
