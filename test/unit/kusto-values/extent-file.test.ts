import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { columnFromCells } from '../../../local/kusto/store/builders.js';
import {
  decodeExtent,
  ExtentFileError,
  encodeExtent,
  readExtentFile,
  writeExtentFile,
} from '../../../local/kusto/store/extent-file.js';
import { constantColumn, nullColumn } from '../../../local/kusto/store/row-set.js';
import type { Column, Extent } from '../../../local/kusto/store/types.js';
import { cellToText } from '../../../local/kusto/values/cell.js';
import { parseDecimal } from '../../../local/kusto/values/decimal.js';
import { dynamicFromText } from '../../../local/kusto/values/dynamic.js';

const columns = new Map<string, Column>([
  ['b', columnFromCells('bool', [true, null, false])],
  ['i', columnFromCells('int', [1, -2, null])],
  ['l', columnFromCells('long', [1n, 2n ** 53n + 1n, null])],
  ['small', columnFromCells('long', [1n, null, 3n])],
  ['r', columnFromCells('real', [Number.NaN, 1.5, null])],
  ['d', columnFromCells('decimal', [parseDecimal('123456789012345678901234567890.5'), null, null])],
  ['s', columnFromCells('string', ['', 'grüße\n"', '\ud800'])],
  ['t', columnFromCells('datetime', [638_000_000_000_000_001n, null, 0n])],
  ['ts', columnFromCells('timespan', [-5n, null, 10n])],
  ['g', columnFromCells('guid', ['74be27de-1e4e-49d9-b579-fe0b331d3642', null, null])],
  ['y', columnFromCells('dynamic', [dynamicFromText('{ "a": 1.0 }'), null, dynamicFromText('[]')])],
  ['none', nullColumn('long', 3)],
  ['same', constantColumn('string', 'x', 3)],
]);

const extent: Extent = {
  id: 'e1',
  createdOn: 638_000_000_000_000_000n,
  ingestedOn: 638_000_000_000_000_001n,
  tags: ['ingest-by:a'],
  rowCount: 3,
  originalSize: 99,
  columns,
};

function texts(of: Extent): string[] {
  return Array.from(of.columns, ([name, column]) => {
    const cells = Array.from({ length: column.length }, (_, row) => {
      const cell = column.get(row);
      return cell === null ? '<null>' : cellToText(column.type, cell);
    });
    return `${name}: ${cells.join('|')}`;
  });
}

test('an extent read back equals the one written', () => {
  const back = decodeExtent(encodeExtent(extent));
  assert.deepEqual(texts(back), texts(extent));
  assert.deepEqual({ ...back, columns: 0 }, { ...extent, columns: 0 });
});

test('an extent survives the disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'extent-'));
  try {
    const path = join(folder, 'a.kxt');
    await writeExtentFile(path, extent);
    assert.deepEqual(texts(await readExtentFile(path)), texts(extent));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a damaged or cut file is refused', () => {
  const bytes = encodeExtent(extent);
  for (const at of [0, 5, 30, bytes.length - 40, bytes.length - 1]) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1;
    assert.throws(() => decodeExtent(damaged), ExtentFileError);
  }
  assert.throws(() => decodeExtent(bytes.subarray(0, bytes.length - 9)), ExtentFileError);
});
