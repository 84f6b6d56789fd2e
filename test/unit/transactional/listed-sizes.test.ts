import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KfError } from '../../../src/runtime/errors.js';
import { listedSizes } from '../../../src/transactional/listed-sizes.js';

const folder = 'https://acct.blob.core.windows.net/c/day/';
const name = (n: number): string => `${folder}${String(n).padStart(6, '0')}.csv`;
const names = (count: number, from = 0): string[] => Array.from({ length: count }, (_, n) => name(from + n));

/** A storage whose folders hold these blobs, each of as many bytes as its place. */
function storageOf(blobs: readonly string[], failsAt = Number.POSITIVE_INFINITY) {
  const listed: string[] = [];
  let read = 0;
  async function* list({ address }: { readonly address: string }) {
    listed.push(address);
    for (const [index, blob] of blobs.entries()) {
      if (index >= failsAt) throw new KfError('STORAGE_FORBIDDEN', 'no');
      if (!blob.startsWith(address)) continue;
      read++;
      yield { address: blob, sizeBytes: index };
    }
  }
  return { list, listed, read: () => read };
}

test('many blobs of one folder are found with one list, which is not read further than needed', async () => {
  const storage = storageOf(names(500));
  const sizes = await listedSizes(storage, names(40, 10));
  assert.deepEqual([...sizes.keys()], names(40, 10));
  assert.equal(sizes.get(name(12)), 12);
  assert.deepEqual(storage.listed, [folder]);
  assert.equal(storage.read(), 50);
});

test('a few blobs are left to be asked for one by one', async () => {
  const storage = storageOf(names(500));
  assert.equal((await listedSizes(storage, names(31))).size, 0);
  assert.deepEqual(storage.listed, []);
});

test('a blob that is not there is not in the answer', async () => {
  const sizes = await listedSizes(storageOf(names(40)), names(41));
  assert.equal(sizes.size, 40);
  assert.equal(sizes.get(name(40)), undefined);
});

test('a folder with very much else is given up', async () => {
  const storage = storageOf(names(30_000));
  assert.equal((await listedSizes(storage, names(40, 29_000))).size, 0);
  assert.equal(storage.read(), 10_001);
});

test('a list that is refused, at once or midway, is no error', async () => {
  assert.equal((await listedSizes(storageOf(names(40), 0), names(40))).size, 0);
  assert.equal((await listedSizes(storageOf(names(40), 7), names(40))).size, 7);
});
