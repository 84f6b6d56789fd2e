import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Table } from '../../../local/kusto/catalog/types.js';
import { columnFromCells } from '../../../local/kusto/store/builders.js';
import { CellColumn } from '../../../local/kusto/store/columns.js';
import type { Cell, Column, Extent, ScalarType } from '../../../local/kusto/store/types.js';
import { catalogOf, lines, NOW, run, tableOf } from './helpers.js';

const SCHEMA: Readonly<Record<string, ScalarType>> = {
  l: 'long',
  m: 'long',
  i: 'int',
  r: 'real',
  s: 'string',
  t: 'datetime',
  p: 'timespan',
  b: 'bool',
};

const HOUR = 36_000_000_000n;
const nullable = (arbitrary: fc.Arbitrary<Cell>) => fc.option(arbitrary, { nil: null, freq: 6 });

const ROW: fc.Arbitrary<readonly Cell[]> = fc.tuple(
  nullable(
    fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: -9, max: 9 }).map(BigInt) },
      fc.constantFrom(2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)),
    ),
  ),
  nullable(fc.integer({ min: -3, max: 12 }).map(BigInt)),
  nullable(fc.integer({ min: -5, max: 5 })),
  nullable(fc.constantFrom(-1.5, 0, 0.25, 2, 1e10, Number.NaN)),
  fc.constantFrom('', 'a', 'B', 'b c', 'ab', 'Ab-c'),
  nullable(fc.integer({ min: 0, max: 50 }).map((hours) => NOW + BigInt(hours) * HOUR)),
  nullable(fc.integer({ min: -5, max: 5 }).map((minutes) => BigInt(minutes) * 600_000_001n)),
  nullable(fc.boolean()),
) as fc.Arbitrary<readonly Cell[]>;

type Build = (type: ScalarType, cells: readonly Cell[]) => Column;

function extent(rows: readonly (readonly Cell[])[], build: Build): Extent {
  const columns = Object.entries(SCHEMA).map(
    ([name, type], index) =>
      [
        name,
        build(
          type,
          rows.map((row) => row[index]!),
        ),
      ] as const,
  );
  return {
    id: '00000000-0000-0000-0000-000000000001',
    createdOn: NOW,
    ingestedOn: NOW,
    tags: [],
    rowCount: rows.length,
    originalSize: 1,
    columns: new Map(columns),
  };
}

function table(parts: readonly (readonly (readonly Cell[])[])[], build: Build): Table {
  return tableOf(
    { name: 'T', schema: SCHEMA, extents: [] },
    parts.map((rows) => extent(rows, build)),
  );
}

const plain: Build = (type, cells) => new CellColumn(type, cells);

/** Queries whose answer does not depend on the order of rows beyond what they sort by. */
const QUERIES = [
  'T | serialize | project a = l + m, b = l - m, c = l * m, d = l / m, e = l % m, f = m + i, g = m * r, h = -l',
  'T | project a = l < m, b = l <= m, c = l == m, d = l != m, e = l > m, f = l >= m, g = m == i, h = m < r',
  'T | project a = m > 3, b = 3 > m, c = m == 3, d = 3 != m, e = r >= 0.25, f = i < 2, g = l in (1, 2, 9007199254740993)',
  'T | project a = t > datetime(2026-05-05), b = t == t, c = t <= datetime(2026-05-04T05:02:01.1234567Z), d = datetime(2026-05-05) >= t',
  'T | project a = p > 1m, b = p + 1h, c = t + p, d = t - p, e = p / 2, f = t - datetime(2026-05-01)',
  'T | project a = bin(l, 4), b = bin(m, 5), c = bin(r, 0.5), d = bin(t, 1d), e = bin(t, 7h), f = bin(p, 3m), g = bin(i, 2)',
  "T | project a = s == 'a', b = s =~ 'AB', c = s has 'b', d = s contains 'B', e = s startswith 'a', f = s in ('a', ''), g = s matches regex '^a.?$'",
  'T | project a = b and m > 1, b1 = b or m > 1, c = not(b), d = iff(b, l, m), e = case(b, 1, m > 2, 2, 3), f = coalesce(l, m)',
  'T | where m > 2 and r < 5 | project l, s',
  'T | where isnull(l) or b | project l, b',
  'T | project a = tostring(l), b = toreal(l), c = toint(l), d = tolong(r), e = tostring(t), f = strlen(s), g = toupper(s)',
  'T | summarize count(), sum(l), sum(m), sum(r), avg(m), min(l), max(l), min(r), max(m), min(s), max(t), min(p), dcount(l), dcount(s), countif(b)',
  'T | summarize count(), sum(l), max(m), min(t), dcount(s), make_list(m) by s | sort by s asc',
  'T | summarize c = count(), sum(m), sumif(l, b) by l | sort by l asc, c asc',
  'T | summarize c = count() by s, m, b | sort by s asc, m asc, b asc, c asc',
  'T | summarize c = count() by bin(t, 1d), r | sort by t asc, r asc, c asc',
  'T | distinct s, i | sort by s asc, i asc',
  'T | sort by m asc, s desc, l asc, r asc, t asc, p asc, i asc, b asc',
  'T | sort by r desc nulls first, l desc, t asc nulls last, m asc, s asc, p asc, i asc, b asc',
  'T | sort by t desc, p asc, l asc, m asc, s asc, r asc, i asc, b asc | take 3',
  'T | top 4 by l asc nulls last | project l',
  'T | summarize arg_max(m, s, l) | project m',
  'T | join kind=inner (T | summarize n = count() by s) on s | project l, s, n',
  'T | join kind=leftouter (T | where m > 3 | summarize n = sum(m) by m) on m | project m, n',
  'T | where l in ((T | where m > 3 | project l)) | project l',
  'T | lookup (T | summarize k = max(m) by t) on t | project t, k',
  'T | serialize n = row_number(), c = row_cumsum(m), q = prev(s), z = next(t)',
  'union T, T | summarize count() by b | sort by b asc, count_ asc',
];

describe('the forms a column may take', () => {
  it('make no difference to any answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(ROW, { maxLength: 40 }), fc.constantFrom(...QUERIES), async (rows, query) => {
        const compact = await run(query, catalogOf([table([rows], columnFromCells)]));
        const boxed = await run(query, catalogOf([table([rows], plain)]));
        assert.deepEqual(lines(compact.tables[0]!), lines(boxed.tables[0]!), query);
      }),
      { numRuns: 400 },
    );
  });

  it('nor does the division into extents', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(ROW, { minLength: 2, maxLength: 40 }),
        fc.integer({ min: 1, max: 39 }),
        fc.constantFrom(...QUERIES),
        async (rows, cut, query) => {
          const whole = await run(query, catalogOf([table([rows], columnFromCells)]));
          const parts = table([rows.slice(0, cut), rows.slice(cut)], columnFromCells);
          const divided = await run(query, catalogOf([parts]));
          assert.deepEqual(lines(divided.tables[0]!), lines(whole.tables[0]!), query);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('long arithmetic is that of 64-bit integers', async () => {
    const any = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer().map(BigInt));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(any, any), { minLength: 1, maxLength: 20 }), async (pairs) => {
        const T = tableOf({ name: 'T', schema: { a: 'long', b: 'long' }, extents: [pairs] });
        const { tables } = await run(
          'T | project x = a + b, y = a - b, z = a * b, d = a / b',
          catalogOf([T]),
        );
        const wrap = (value: bigint) => BigInt.asIntN(64, value);
        const expected = pairs.map(([a, b]) => [
          wrap(a + b),
          wrap(a - b),
          wrap(a * b),
          b === 0n ? null : wrap(a / b),
        ]);
        const [table0] = tables;
        const got = pairs.map((_, row) => table0!.columns.map((column) => column.get(row)));
        assert.deepEqual(got, expected);
      }),
      { numRuns: 100 },
    );
  });

  it('sums of longs are exact whatever their size', async () => {
    const cell = fc.oneof(
      fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n }),
      fc.integer().map(BigInt),
      fc.constant(null),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(cell, { maxLength: 60 }), async (cells) => {
        const T = tableOf({ name: 'T', schema: { a: 'long' }, extents: [cells.map((value) => [value])] });
        const { tables } = await run('T | summarize sum(a)', catalogOf([T]));
        const total = cells.reduce<bigint>((sum, value) => sum + (value ?? 0n), 0n);
        assert.equal(tables[0]!.columns[0]!.get(0), BigInt.asIntN(64, total));
      }),
      { numRuns: 100 },
    );
  });
});
