import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeGroups } from '../../../local/kusto/catalog/merging.js';
import type { Policies, Table } from '../../../local/kusto/catalog/types.js';
import type { Extent } from '../../../local/kusto/store/types.js';
import { TICKS_PER_DAY, TICKS_PER_HOUR } from '../../../local/kusto/values/datetime.js';

const NOW = 1000n * TICKS_PER_DAY;
const NONE: Policies = new Map();

function extent(id: string, details: Partial<Extent> = {}): Extent {
  const columns = new Map();
  return {
    ...{ id, createdOn: NOW, ingestedOn: NOW, tags: [], rowCount: 10, originalSize: 100, columns },
    ...details,
  };
}

function table(extents: readonly Extent[], merge?: object): Table {
  return {
    ...{ database: 'D', name: 'T', schema: [], folder: '', docstring: '', hidden: false, mappings: [] },
    ...{ policies: new Map(merge === undefined ? [] : [['merge', merge]]), extents },
  };
}

function groups(extents: readonly Extent[], merge?: object): string[][] {
  return mergeGroups(table(extents, merge), NONE, NOW);
}

test('only extents with the same drop-by tags come together, whatever other tags they have', () => {
  const extents = [
    extent('a', { tags: ['drop-by:x', 'ingest-by:1'] }),
    extent('b', { tags: ['ingest-by:2', 'drop-by:x'] }),
    extent('c', { tags: ['drop-by:y'] }),
    extent('d', { tags: ['other'] }),
    extent('e'),
  ];
  assert.deepEqual(groups(extents), [
    ['a', 'b'],
    ['d', 'e'],
  ]);
});

const THREE = [extent('a'), extent('b'), extent('c')];
const LIMITS: readonly (readonly [
  what: string,
  extents: readonly Extent[],
  merge: object,
  wanted: string[][],
])[] = [
  ['no merge and no rebuild', THREE, { AllowMerge: false, AllowRebuild: false }, []],
  ['rebuild alone', THREE, { AllowMerge: false, AllowRebuild: true }, [['a', 'b', 'c']]],
  ['a number of extents', THREE, { MaxExtentsToMerge: 2 }, [['a', 'b']]],
  ['a number of rows', THREE, { RowCountUpperBoundForMerge: 20 }, [['a', 'b']]],
  ['a size', THREE, { OriginalSizeMBUpperBoundForMerge: 200 / 1024 / 1024 }, [['a', 'b']]],
  [
    'a range of hours',
    [extent('old', { createdOn: NOW - 3n * TICKS_PER_HOUR }), ...THREE],
    { MaxRangeInHours: 2 },
    [['a', 'b', 'c']],
  ],
  [
    'the time it looks back',
    [extent('old', { createdOn: NOW - 15n * TICKS_PER_DAY }), extent('older', { createdOn: 0n })],
    {},
    [],
  ],
  [
    'no time it looks back',
    [extent('older', { createdOn: 5n }), extent('old', { createdOn: 9n })],
    { Lookback: { Kind: 'All' } },
    [['older', 'old']],
  ],
];

for (const [what, extents, merge, wanted] of LIMITS) {
  test(`merge policy with ${what} gives ${wanted.length} groups`, () => {
    assert.deepEqual(groups(extents, merge), wanted);
  });
}

test("the database's policy counts where the table has none", () => {
  const policies = new Map([['merge', { AllowMerge: false, AllowRebuild: false }]]);
  assert.deepEqual(mergeGroups(table(THREE), policies, NOW), []);
  assert.deepEqual(mergeGroups(table(THREE, { AllowMerge: true }), policies, NOW), [['a', 'b', 'c']]);
});

test('small extents do not make a large one be written again', () => {
  const extents = [extent('large', { rowCount: 1_000_000 }), extent('a'), extent('b')];
  assert.deepEqual(groups(extents), [['a', 'b']]);
});
