import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uploadBlobName } from '../../../src/ledger/ids.js';
import {
  callTag,
  callTagPrefix,
  claimKeys,
  cutBlob,
  loadFolder,
  loadMark,
  markerTag,
  markOfStagingTable,
  planBlob,
  secretsBlob,
  sourceIdOf,
  sourcesBlob,
  stagingPrefixOf,
  stagingTableOf,
} from '../../../src/transactional/names.js';
import type { Load } from '../../../src/transactional/types.js';

const loadOf = (table: string, more: object = {}, id = 'load-1') =>
  ({ id, options: { table, ...more }, generation: 0 }) as unknown as Load;
const prefix = stagingPrefixOf('https://one.blob.core.windows.net/ledger');

test('two apps on one database have staging tables of their own', () => {
  const other = stagingPrefixOf('https://two.blob.core.windows.net/ledger');
  assert.notEqual(prefix, other);
  const table = stagingTableOf(prefix, loadOf('T'));
  assert.equal(markOfStagingTable(other, table), undefined);
});

test('a staging table tells whose it is, whatever the target is called', () => {
  for (const table of [
    'T',
    'a b-c.d',
    'Ünïcode',
    'x'.repeat(1_024),
    'kf_load_x',
    '_0123456789abcdef_7',
    '...',
  ]) {
    const load = loadOf(table);
    const name = stagingTableOf(prefix, load, 3);
    assert.match(name, /^kf_load_[0-9a-f]{8}_[A-Za-z0-9_]*_[0-9a-f]{16}_3$/);
    assert.ok(name.length < 100, name);
    assert.equal(markOfStagingTable(prefix, name), loadMark(load.id));
  }
});

test('no other table is taken for a staging table', () => {
  for (const name of [
    'T',
    'kf_load_',
    prefix,
    `${prefix}T`,
    `${prefix}T_0123456789abcdef`,
    `x${prefix}T_0123456789abcdef_0`,
  ])
    assert.equal(markOfStagingTable(prefix, name), undefined);
});

test('each load and each generation has a staging table of its own, and the same one every time', () => {
  const names = ['a', 'b'].flatMap((id) => [0, 1].map((n) => stagingTableOf(prefix, loadOf('T', {}, id), n)));
  assert.equal(new Set(names).size, 4);
  assert.equal(stagingTableOf(prefix, loadOf('T', {}, 'a'), 0), names[0]);
});

test("a user's own staging table is called as the user calls it", () => {
  assert.equal(stagingTableOf(prefix, loadOf('T', { tempTableName: 'Mine' }), 4), 'Mine');
});

test('what an attempt brings has a tag and ids that no other attempt has', () => {
  const call = { load: 'l', generation: 0, key: '000000', attempt: 1 };
  const others = [
    { ...call, attempt: 2 },
    { ...call, generation: 1 },
    { ...call, key: '000000r' },
    { ...call, load: 'm' },
  ];
  assert.equal(callTag(call), 'drop-by:l/0.000000.1');
  assert.ok(callTag(call).startsWith(callTagPrefix('l')));
  assert.equal(new Set([call, ...others].map(callTag)).size, 5);
  const ids = [call, ...others].flatMap((one) => [sourceIdOf(one, 0), sourceIdOf(one, 1)]);
  assert.equal(new Set(ids).size, 10);
  assert.ok(
    ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)),
  );
});

test('the marker of one load is part of no tag of another', () => {
  assert.equal(markerTag('load-1'), 'drop-by:load-1');
  assert.ok(!callTagPrefix('load-10').startsWith(callTagPrefix('load-1')));
});

test('blobs of a load lie in its folder, apart by the content of the request', () => {
  const load = { id: 'l', digest: 'd'.repeat(64) };
  const names = [sourcesBlob(load), planBlob(load), secretsBlob(load), cutBlob('l', 0, 1, 'csv.gz')];
  assert.ok(names.every((name) => name.startsWith(loadFolder('l'))));
  assert.equal(new Set(names).size, 4);
  assert.notEqual(sourcesBlob(load), sourcesBlob({ ...load, digest: 'e'.repeat(64) }));
  assert.ok(!loadFolder('l2').startsWith(loadFolder('l')));
  assert.ok(cutBlob('l', 0, 2, 'x') < cutBlob('l', 0, 10, 'x'));
});

test('claims go by table and value, one for each value, in one order', () => {
  const tags = (ingestIfNotExists: string[], ingestBy: string[]) => ({
    ...{ database: 'Db', tags: { additional: [], ingestIfNotExists, ingestBy } },
  });
  const keys = claimKeys(loadOf('T', tags(['b', 'a'], ['a'])));
  assert.deepEqual(keys, claimKeys(loadOf('T', tags(['a'], ['b']))));
  assert.equal(keys.length, 2);
  assert.ok(!claimKeys(loadOf('U', tags(['a', 'b'], []))).some((key) => keys.includes(key)));
});

test('an upload lies under its database and table, whose names cannot be taken for more segments', () => {
  assert.equal(uploadBlobName('a/b', 'T', 'id'), 'a%2Fb/T/id');
  assert.equal(uploadBlobName('..', '.', 'id'), '%2E%2E/%2E/id');
});
