import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type Azurite, startAzurite } from '../../../local/shared/azurite.js';
import { KfError } from '../../../src/runtime/errors.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { createBlobStore } from '../../../src/storage/blob.azure.js';
import type { BlobStore, TableStore } from '../../../src/storage/ports.js';
import { createTableStore } from '../../../src/storage/table.azure.js';
import { createMemoryBlobStore, createMemoryTableStore } from '../../helpers/memory-stores.js';

interface Stores {
  readonly blobs: () => BlobStore;
  readonly table: () => TableStore;
}

const hasCode = (code: string) => (error: unknown) => {
  assert.ok(error instanceof KfError, String(error));
  assert.equal(error.code, code, error.message);
  return true;
};
const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};
const text = (value: string): Uint8Array => Buffer.from(value);

function blobContract(stores: Stores): void {
  const container = `c${randomUUID()}`;
  test('a blob is read as it was written, in a container made on first use', async () => {
    const written = await stores.blobs().put(container, 'a/b c.json', text('hello'));
    assert.equal(written.sizeBytes, 5);
    assert.equal((await stores.blobs().get(container, 'a/b c.json', 100)).toString(), 'hello');
    const facts = await stores.blobs().facts(container, 'a/b c.json');
    assert.equal(facts?.etag, written.etag);
  });
  test('a conditional put does not overwrite; an unconditional one does', async () => {
    await stores.blobs().put(container, 'once', text('1'), { ifAbsent: true });
    await assert.rejects(
      stores.blobs().put(container, 'once', text('2'), { ifAbsent: true }),
      hasCode('STORAGE_CONFLICT'),
    );
    assert.equal((await stores.blobs().get(container, 'once', 10)).toString(), '1');
    await stores.blobs().put(container, 'once', text('3'));
    assert.equal((await stores.blobs().get(container, 'once', 10)).toString(), '3');
  });
  test('absent blobs and containers are absent, not errors, except to a reader', async () => {
    for (const where of [container, `none${randomUUID()}`]) {
      assert.equal(await stores.blobs().facts(where, 'nothing'), undefined);
      await stores.blobs().delete(where, 'nothing');
      await assert.rejects(stores.blobs().get(where, 'nothing', 10), hasCode('STORAGE_NOT_FOUND'));
      assert.deepEqual(await collect(stores.blobs().list(where, 'nothing')), []);
    }
  });
  test('a blob over the limit of its reader is refused', async () => {
    await stores.blobs().put(container, 'large', Buffer.alloc(1000));
    await assert.rejects(stores.blobs().get(container, 'large', 999), hasCode('BODY_TOO_LARGE'));
  });
  test('a streamed blob appears whole on commit and not before', async () => {
    const writer = stores.blobs().open(container, 'streamed');
    const part = Buffer.alloc(3 * 1024 * 1024, 7);
    for (let index = 0; index < 6; index++) await writer.write(part);
    assert.equal(await stores.blobs().facts(container, 'streamed'), undefined);
    const facts = await writer.commit();
    assert.equal(facts.sizeBytes, 6 * part.length);
    const read = Buffer.concat(await collect(stores.blobs().stream(container, 'streamed')));
    assert.ok(read.equals(Buffer.alloc(6 * part.length, 7)));
  });
  test('an aborted stream leaves no blob', async () => {
    const writer = stores.blobs().open(container, 'aborted');
    await writer.write(text('half'));
    await writer.abort();
    await assert.rejects(writer.write(text('more')), hasCode('CANCELLED'));
    assert.equal(await stores.blobs().facts(container, 'aborted'), undefined);
  });
  test('listing gives the names under a prefix in order', async () => {
    for (const name of ['p/2', 'p/1', 'q/1']) await stores.blobs().put(container, name, text(name));
    const names = (await collect(stores.blobs().list(container, 'p/'))).map((blob) => blob.name);
    assert.deepEqual(names, ['p/1', 'p/2']);
  });
  test('a link never shows its signature', async () => {
    const url = await stores.blobs().readUrl(container, 'once', 60_000);
    assert.match(url.reveal(), /sig=/);
    assert.doesNotMatch(`${url} ${JSON.stringify({ url })}`, /sig=/);
  });
}

function tableContract(stores: Stores): void {
  const partitionKey = randomUUID();
  test('a row keeps every type it is given', async () => {
    const properties = {
      text: 'ü',
      small: 7,
      large: 1_767_225_600_000,
      fraction: 0.5,
      yes: true,
      long: 9_007_199_254_740_993n,
      bytes: new Uint8Array([1, 2, 255]),
    };
    await stores.table().insert({ partitionKey, rowKey: 'types', properties });
    assert.deepEqual((await stores.table().get(partitionKey, 'types'))?.properties, properties);
  });
  test('a row is inserted once', async () => {
    await stores.table().insert({ partitionKey, rowKey: 'once', properties: { a: 1 } });
    await assert.rejects(
      stores.table().insert({ partitionKey, rowKey: 'once', properties: { a: 2 } }),
      hasCode('STORAGE_CONFLICT'),
    );
  });
  test('a replace needs the newest ETag and keeps nothing of the old row', async () => {
    const first = await stores.table().upsert({ partitionKey, rowKey: 'etag', properties: { a: 1, b: 2 } });
    const second = await stores.table().replace({ ...first, properties: { a: 3 } });
    await assert.rejects(
      stores.table().replace({ ...first, properties: { a: 4 } }),
      hasCode('STORAGE_CONFLICT'),
    );
    await assert.rejects(
      stores.table().delete(partitionKey, 'etag', first.etag),
      hasCode('STORAGE_CONFLICT'),
    );
    const stored = await stores.table().get(partitionKey, 'etag');
    assert.deepEqual(stored?.properties, { a: 3 });
    assert.equal(stored?.etag, second.etag);
    await stores.table().delete(partitionKey, 'etag', second.etag);
    assert.equal(await stores.table().get(partitionKey, 'etag'), undefined);
    await assert.rejects(stores.table().replace({ ...second, properties: {} }), hasCode('STORAGE_NOT_FOUND'));
    await stores.table().delete(partitionKey, 'etag');
  });
  test('rows of a partition come in key order and can be filtered', async () => {
    const other = `${partitionKey}-'list`;
    for (const [rowKey, age] of [
      ['b', 2],
      ['a', 1],
      ['c', 3],
    ] as const) {
      await stores.table().upsert({ partitionKey: other, rowKey, properties: { age } });
    }
    const all = await collect(stores.table().list({ partitionKey: other }));
    assert.deepEqual(
      all.map((row) => row.rowKey),
      ['a', 'b', 'c'],
    );
    const old = await collect(
      stores.table().list({ partitionKey: other, filter: "age ge 2 and RowKey lt 'c'" }),
    );
    assert.deepEqual(
      old.map((row) => row.rowKey),
      ['b'],
    );
  });
}

describe('storage in memory', () => {
  const blobs = createMemoryBlobStore(systemClock);
  const table = createMemoryTableStore();
  const stores = { blobs: () => blobs, table: () => table };
  blobContract(stores);
  tableContract(stores);
});

describe('storage on Azurite', () => {
  let azurite: Azurite;
  let blobs: BlobStore;
  let table: TableStore;
  before(async () => {
    azurite = await startAzurite();
    const storage = { connectionString: azurite.connectionString, stagingContainer: 's', ledgerTable: 'l' };
    blobs = createBlobStore({ storage, clock: systemClock });
    table = createTableStore({ storage, clock: systemClock, table: 'contract' });
  });
  after(() => azurite.stop());
  const stores = { blobs: () => blobs, table: () => table };
  blobContract(stores);
  tableContract(stores);

  test('probes make what is missing', async () => {
    await blobs.probe('probed');
    await table.probe();
  });
  test('a read link reads its blob and an upload link only creates', async () => {
    await blobs.put('links', 'a b', text('by link'));
    const read = await blobs.readUrl('links', 'a b', 60_000);
    const answer = await fetch(read.reveal(), { headers: { 'x-ms-version': '2023-11-03' } });
    assert.equal(await answer.text(), 'by link');
    const create = await blobs.uploadUrl('links2', 'new', 60_000);
    const headers = { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': '2023-11-03' };
    assert.equal((await fetch(create.reveal(), { method: 'PUT', body: 'x', headers })).status, 201);
    assert.equal((await fetch(create.reveal())).ok, false);
  });
  test('an account that is not there is unreachable, after bounded attempts', async () => {
    const gone = {
      connectionString: azurite.connectionString.replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:1'),
    };
    const storage = { ...gone, stagingContainer: 's', ledgerTable: 'l' };
    const clock = { ...systemClock, sleep: async () => undefined };
    await assert.rejects(
      createBlobStore({ storage, clock }).get('a', 'b', 1),
      hasCode('STORAGE_UNREACHABLE'),
    );
    await assert.rejects(
      createTableStore({ storage, clock, table: 't' }).get('a', 'b'),
      hasCode('STORAGE_UNREACHABLE'),
    );
  });
});
