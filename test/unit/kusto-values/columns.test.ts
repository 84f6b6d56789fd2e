import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { columnFromCells, createColumnBuilder } from '../../../local/kusto/store/builders.js';
import {
  BigIntColumn,
  DictionaryColumn,
  LongColumn,
  TextColumn,
  TicksColumn,
} from '../../../local/kusto/store/columns.js';
import { concatColumns } from '../../../local/kusto/store/concat.js';
import { inRuns, nullColumn, takeColumn } from '../../../local/kusto/store/row-set.js';
import type { Cell, Column, ScalarType } from '../../../local/kusto/store/types.js';
import { cellToText } from '../../../local/kusto/values/cell.js';
import { dynamicFromText } from '../../../local/kusto/values/dynamic.js';

const cellsOf: Record<ScalarType, fc.Arbitrary<Cell>> = {
  bool: fc.boolean(),
  int: fc.integer(),
  long: fc.oneof(fc.bigInt(-1000n, 1000n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
  real: fc.double(),
  decimal: fc.record({ unscaled: fc.bigInt(-(10n ** 30n), 10n ** 30n), scale: fc.nat(20) }),
  string: fc.string(),
  datetime: fc.oneof(fc.bigInt(6n * 10n ** 17n, 6n * 10n ** 17n + 1000n), fc.bigInt(0n, 3n * 10n ** 18n)),
  timespan: fc.bigInt(-(10n ** 15n), 10n ** 15n),
  guid: fc.uuid(),
  dynamic: fc.json().map(dynamicFromText),
};

const types = Object.keys(cellsOf) as ScalarType[];

const columnCase = fc.constantFrom(...types).chain((type) =>
  fc.tuple(
    fc.constant(type),
    fc.array(type === 'string' ? cellsOf.string : fc.option(cellsOf[type], { nil: null }), {
      maxLength: 40,
    }),
  ),
);

function texts(type: ScalarType, cells: readonly Cell[]): string[] {
  return cells.map((cell) => (cell === null ? '<null>' : cellToText(type, cell)));
}

function read(column: Column): Cell[] {
  return Array.from({ length: column.length }, (_, row) => column.get(row));
}

test('a column gives back the cells it was built from', () => {
  fc.assert(
    fc.property(columnCase, ([type, cells]) => {
      const column = columnFromCells(type, cells);
      assert.deepEqual(texts(type, read(column)), texts(type, cells));
      assert.ok(column.byteSize >= 0);
    }),
  );
});

test('slices, picks and joins equal those of lists', () => {
  fc.assert(
    fc.property(
      columnCase,
      fc.nat(40),
      fc.array(fc.integer({ min: -1, max: 39 })),
      ([type, cells], cut, picks) => {
        const column = columnFromCells(type, cells);
        const at = Math.min(cut, cells.length);
        const head = column.slice(0, at);
        const tail = column.slice(at, cells.length);
        assert.deepEqual(texts(type, read(head)), texts(type, cells.slice(0, at)));
        assert.deepEqual(texts(type, read(concatColumns(type, [head, tail]))), texts(type, cells));
        const legal = picks.filter((i) => i < cells.length);
        const missing = type === 'string' ? '' : null;
        const expected = legal.map((i) => (i < 0 ? missing : cells[i]!));
        assert.deepEqual(texts(type, read(column.take(legal))), texts(type, expected));
      },
    ),
  );
});

test('joined columns of different make give all cells in order', () => {
  fc.assert(
    fc.property(fc.constantFrom(...types), (type) => {
      const sample = fc.sample(fc.array(cellsOf[type], { maxLength: 10 }), 3);
      const parts = sample.map((cells) => columnFromCells(type, cells));
      const joined = concatColumns(type, [...parts, nullColumn(type, 2)]);
      const missing = type === 'string' ? '' : null;
      assert.deepEqual(texts(type, read(joined)), texts(type, [...sample.flat(), missing, missing]));
    }),
    { numRuns: 40 },
  );
});

test('the compact form is chosen by the values', () => {
  assert.ok(columnFromCells('long', [1n, 2n]) instanceof LongColumn);
  assert.ok(columnFromCells('long', [1n, 2n ** 60n]) instanceof BigIntColumn);
  const seconds = columnFromCells('datetime', [630_000_000_000_000_000n, 630_000_000_010_000_000n]);
  assert.ok(seconds instanceof TicksColumn && seconds.unit === 10_000_000);
  assert.ok(columnFromCells('string', ['a', 'b', 'a']) instanceof DictionaryColumn);
  const many = Array.from({ length: 20_000 }, (_, i) => `value ${i}`);
  assert.ok(columnFromCells('string', many) instanceof TextColumn);
});

test('a builder goes on after a snapshot and leaves the snapshot alone', () => {
  const builder = createColumnBuilder('string');
  builder.append('a');
  const first = builder.finish();
  builder.append('b');
  assert.deepEqual(read(first), ['a']);
  assert.deepEqual(read(builder.finish()), ['a', 'b']);
});

test('a row picked by a negative number reads as null', () => {
  assert.deepEqual(read(takeColumn(columnFromCells('int', [7]), [-1, 0])), [null, 7]);
  assert.deepEqual(read(takeColumn(columnFromCells('string', ['x']), [-1, 0])), ['', 'x']);
});

test('joined texts keep a dictionary as long as they repeat, and are plain otherwise', () => {
  const part = (from: number, rows: number) =>
    columnFromCells(
      'string',
      Array.from({ length: rows }, (_, row) => `value ${from + row}`),
    );
  const varied = [part(0, 6_000), part(6_000, 6_000), part(12_000, 6_000)];
  assert.ok(varied.every((column) => column instanceof DictionaryColumn));
  const plain = concatColumns('string', varied);
  assert.ok(plain instanceof TextColumn);
  assert.deepEqual([plain.length, plain.get(0), plain.get(17_999)], [18_000, 'value 0', 'value 17999']);
  const repeated = concatColumns(
    'string',
    Array.from({ length: 10 }, () => part(0, 6_000)),
  );
  assert.ok(repeated instanceof DictionaryColumn && repeated.dictionary.length === 6_000);
  const mixed = concatColumns('string', [plain, part(0, 2)]);
  assert.deepEqual([mixed.length, mixed.get(18_001)], [18_002, 'value 1']);
});

test('row sets are cut into runs of so many rows', () => {
  const rows = (from: number, rowCount: number) => ({
    schema: [{ name: 'n', type: 'int' as const }],
    columns: [
      columnFromCells(
        'int',
        Array.from({ length: rowCount }, (_, row) => from + row),
      ),
    ],
    rowCount,
  });
  const runs = inRuns([rows(0, 3), rows(3, 0), rows(3, 4)], 5);
  const numbers = runs.map((run) => run.flatMap((part) => read(part.columns[0]!)));
  assert.deepEqual(numbers, [
    [0, 1, 2, 3, 4],
    [5, 6],
  ]);
  assert.deepEqual(inRuns([], 5), []);
});
