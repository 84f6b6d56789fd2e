import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KfError } from '../../../src/runtime/errors.js';
import {
  cappedBatching,
  dynamicMapping,
  finalTags,
  pollMs,
  requireAtomic,
  requireCreationTime,
  requireSchemaFits,
} from '../../../src/transactional/plan.js';
import type { Load, LoadOptions } from '../../../src/transactional/types.js';

const options: LoadOptions = {
  ...{ writeMode: 'Transactional', database: 'Db', table: 'T', format: 'csv', ignoreFirstRecord: false },
  ...{ tableCreateOptions: 'FailIfNotExist', adjustSchema: 'NoAdjustment', clientBatchingLimitMb: 300 },
  tags: { additional: ['note'], ingestBy: ['day'], ingestIfNotExists: [] },
  ...{ timeoutMs: 3_600_000, allowPartialVisibility: false },
};
const refused = (code: string, message: RegExp) => (error: unknown) => {
  assert.equal((error as KfError).code, code);
  assert.match((error as KfError).message, message);
  return true;
};

/** Columns as objects, which read better. */
const fits = (given: LoadOptions, columns: Readonly<Record<string, string>>): void =>
  requireSchemaFits(given, Object.entries(columns));
const mapped = (given: LoadOptions, columns: Readonly<Record<string, string>>) =>
  dynamicMapping(given, Object.entries(columns));

test('a staging table batches for at most thirty seconds, and otherwise as its target or its database does', () => {
  const policy = (text: string, items: number, mb: number) => ({
    ...{ MaximumBatchingTimeSpan: text, MaximumNumberOfItems: items, MaximumRawDataSizeMB: mb },
  });
  assert.deepEqual(cappedBatching(undefined), policy('00:00:30', 500, 1_024));
  assert.deepEqual(cappedBatching(policy('00:05:00', 20, 300)), policy('00:00:30', 20, 300));
  assert.deepEqual(cappedBatching(policy('00:00:10', 500, 1_024)), policy('00:00:10', 500, 1_024));
  assert.deepEqual(cappedBatching(policy('00:00:10.5000000', 1, 1)), policy('00:00:11', 1, 1));
  assert.deepEqual(cappedBatching(policy('1.00:00:00', 1, 1)), policy('00:00:30', 1, 1));
  assert.deepEqual(cappedBatching({ MaximumNumberOfItems: 7 }), policy('00:00:30', 7, 1_024));
});

test('without a wish for the schema, any target fits', () => {
  fits(options, { z: 'long' });
  fits({ ...options, schema: { a: 'long' } }, { z: 'long' });
});

test('a schema that must match says which column differs, in name, order, type or number', () => {
  const must: LoadOptions = {
    ...options,
    adjustSchema: 'FailIfNotMatch',
    schema: { a: 'long', b: 'string' },
  };
  fits(must, { a: 'long', b: 'string' });
  const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ b: 'string', a: 'long' }, /column 0 is a:long in the source and b:string in Db\.T/],
    [{ a: 'int', b: 'string' }, /column 0 is a:long in the source and a:int in Db\.T/],
    [{ a: 'long' }, /column 1 is b:string in the source and no column in Db\.T/],
    [{ a: 'long', b: 'string', c: 'real' }, /the source has 2 columns and Db\.T has 3/],
  ];
  for (const [columns, message] of cases)
    assert.throws(() => fits(must, columns), refused('LOAD_SCHEMA_MISMATCH', message));
});

test('a mapping by name needs every column of the source in the target, in any order', () => {
  const by: LoadOptions = {
    ...options,
    adjustSchema: 'GenerateDynamicMapping',
    schema: { b: 'string', a: 'long' },
  };
  fits(by, { a: 'int', b: 'string', c: 'real' });
  assert.throws(() => fits(by, { a: 'int' }), refused('LOAD_SCHEMA_MISMATCH', /Db\.T has no column b/));
});

test('a mapping by name goes by position in delimited text and by path elsewhere, with the types of the target', () => {
  const schema = { b: 'string', "it's": 'long' };
  const columns = { "it's": 'int', b: 'string' };
  assert.deepEqual(mapped({ ...options, schema }, columns), [
    { column: 'b', dataType: 'string', ordinal: 0 },
    { column: "it's", dataType: 'int', ordinal: 1 },
  ]);
  assert.deepEqual(mapped({ ...options, schema, format: 'parquet' }, columns), [
    { column: 'b', dataType: 'string', path: "$['b']" },
    { column: "it's", dataType: 'int', path: "$['it\\'s']" },
  ]);
});

const NOW = Date.parse('2026-01-10T00:00:00Z');
const DAY_MS = 86_400_000;
const dated: LoadOptions = { ...options, creationTime: '2026-01-05T00:00:00Z' };

test('back-dated rows must outlive the load under the retention of the target', () => {
  const facts = (days: number) => ({ nowMs: NOW, softDeleteMs: days * DAY_MS, tagRules: [] });
  requireCreationTime(dated, facts(6));
  requireCreationTime(dated, { ...facts(6), softDeleteMs: undefined });
  assert.throws(
    () => requireCreationTime(dated, facts(5)),
    refused('LOAD_CREATION_TIME_REFUSED', /the retention policy of Db\.T would remove the rows/),
  );
});

test('back-dated tags that the load needs must outlive it, and others need not', () => {
  const facts = (prefix: string, days: number) => ({
    ...{ nowMs: NOW, softDeleteMs: undefined, tagRules: [{ prefix, periodMs: days * DAY_MS }] },
  });
  for (const prefix of ['drop-by:', 'drop', 'ingest-by:', 'ingest-by:d', 'note']) {
    assert.throws(
      () => requireCreationTime(dated, facts(prefix, 5)),
      refused('LOAD_CREATION_TIME_REFUSED', /the extent tags retention policy of Db\.T/),
    );
    requireCreationTime(dated, facts(prefix, 6));
  }
  requireCreationTime(dated, facts('ingest-by:other', 1));
});

const load = (more: Partial<LoadOptions>, dependents: readonly string[] = []): Load =>
  ({ options: { ...options, ...more }, plan: { dependents } }) as unknown as Load;

test('more extents than one command takes are refused unless several moves are allowed and can be undone', () => {
  requireAtomic(load({}), 10, 10);
  requireAtomic(load({ allowPartialVisibility: true }), 11, 10);
  requireAtomic(load({}, ['materialized view V']), 10, 10);
  assert.throws(
    () => requireAtomic(load({}), 11, 10),
    refused('LOAD_NOT_ATOMIC', /up to 11 extents; load\.maxExtentsPerMove is 10/),
  );
  assert.throws(
    () => requireAtomic(load({ allowPartialVisibility: true }, ['materialized view V']), 11, 10),
    refused('LOAD_NOT_ATOMIC', /what derives from the table: materialized view V/),
  );
});

test('committed extents keep the tags that the caller gave, ingest-by ones with their prefix', () => {
  assert.deepEqual(finalTags(options), ['note', 'ingest-by:day']);
});

test('looks at the service come after a sixteenth of what has passed, from one to thirty seconds', () => {
  assert.deepEqual([0, 16_000, 160_000, 480_000, 1e9].map(pollMs), [1_000, 1_000, 10_000, 30_000, 30_000]);
});
