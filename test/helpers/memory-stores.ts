import type { Clock } from '../../src/runtime/clock.js';
import { KfError } from '../../src/runtime/errors.js';
import { createBlockWriter } from '../../src/storage/block-writer.js';
import type { BlobFacts, BlobStore, Entity, PutOptions, TableStore } from '../../src/storage/ports.js';
import { SasUrl } from '../../src/storage/sas-url.js';

interface StoredBlob {
  readonly body: Buffer;
  readonly etag: string;
  readonly lastModifiedMs: number;
}

/** What every SAS of the memory store carries; a test that finds it in a log or row has found a leak. */
export const CANARY_SIGNATURE = 'canary-signature';

export interface MemoryBlobStore extends BlobStore {
  readonly blobs: ReadonlyMap<string, StoredBlob>;
  /** The blob a link made by this store points to. */
  resolve(url: SasUrl): Buffer | undefined;
}

/** Blobs in memory, behaving as the Azure adapter does. */
export function createMemoryBlobStore(clock: Pick<Clock, 'now'>): MemoryBlobStore {
  const blobs = new Map<string, StoredBlob>();
  let versions = 0;
  const key = (container: string, name: string): string => `${container}/${name}`;
  const found = (container: string, name: string): StoredBlob => {
    const blob = blobs.get(key(container, name));
    if (blob === undefined) throw new KfError('STORAGE_NOT_FOUND', `${key(container, name)}: no such blob`);
    return blob;
  };
  const factsOf = (name: string, blob: StoredBlob): BlobFacts => ({
    name,
    sizeBytes: blob.body.length,
    etag: blob.etag,
    lastModifiedMs: blob.lastModifiedMs,
  });
  const put = async (container: string, name: string, body: Uint8Array, options: PutOptions = {}) => {
    options.signal?.throwIfAborted();
    if (options.ifAbsent === true && blobs.has(key(container, name))) {
      throw new KfError('STORAGE_CONFLICT', `${key(container, name)}: exists`);
    }
    const blob = { body: Buffer.from(body), etag: `"${++versions}"`, lastModifiedMs: clock.now() };
    blobs.set(key(container, name), blob);
    return factsOf(name, blob);
  };
  const link = (container: string, name: string): SasUrl => {
    const path = name.split('/').map(encodeURIComponent).join('/');
    return new SasUrl(`https://memory.invalid/${container}/${path}?sig=${CANARY_SIGNATURE}`);
  };
  return {
    blobs,
    resolve: (url) => blobs.get(decodeURIComponent(new URL(url.reveal()).pathname.slice(1)))?.body,
    put,
    open: (container, name, options = {}) => {
      const staged: Uint8Array[] = [];
      return createBlockWriter({
        blockBytes: 64 * 1024,
        blocksInFlight: 2,
        stage: async (index, bytes) => {
          staged[index] = bytes;
        },
        commit: () => put(container, name, Buffer.concat(staged), options),
      });
    },
    get: async (container, name, maxBytes) => {
      const { body } = found(container, name);
      if (body.length > maxBytes) throw new KfError('BODY_TOO_LARGE', `${key(container, name)}: too large`);
      return Buffer.from(body);
    },
    range: async (container, name, from, to) => Buffer.from(found(container, name).body.subarray(from, to)),
    stream: async function* (container, name, signal) {
      const { body } = found(container, name);
      for (let at = 0; at < body.length; at += 16_384) {
        signal?.throwIfAborted();
        yield Buffer.from(body.subarray(at, at + 16_384));
      }
    },
    facts: async (container, name) => {
      const blob = blobs.get(key(container, name));
      return blob === undefined ? undefined : factsOf(name, blob);
    },
    delete: async (container, name) => {
      blobs.delete(key(container, name));
    },
    list: async function* (container, prefix) {
      const names = [...blobs.keys()].filter((name) => name.startsWith(`${container}/${prefix}`)).sort();
      for (const name of names) {
        const blob = blobs.get(name);
        if (blob !== undefined) yield factsOf(name.slice(container.length + 1), blob);
      }
    },
    readUrl: async (container, name) => link(container, name),
    uploadUrl: async (container, name) => link(container, name),
    probe: async () => undefined,
  };
}

export interface MemoryTableStore extends TableStore {
  readonly rows: ReadonlyMap<string, Entity>;
}

/** A table in memory, behaving as the Azure adapter does. */
export function createMemoryTableStore(): MemoryTableStore {
  const rows = new Map<string, Entity>();
  let versions = 0;
  const keyOf = (partitionKey: string, rowKey: string): string => `${partitionKey}\u0000${rowKey}`;
  const save = (entity: Entity): Entity => {
    checkEntity(entity);
    const properties = Object.fromEntries(
      Object.entries(entity.properties).filter(([, value]) => value !== undefined),
    );
    const stored = { ...entity, properties, etag: `W/"${++versions}"` };
    rows.set(keyOf(entity.partitionKey, entity.rowKey), stored);
    return { ...entity, etag: stored.etag };
  };
  const conflict = (entity: { rowKey: string }): KfError =>
    new KfError('STORAGE_CONFLICT', `row ${entity.rowKey}: somebody else was first`);
  return {
    rows,
    insert: async (entity) => {
      if (rows.has(keyOf(entity.partitionKey, entity.rowKey))) throw conflict(entity);
      return save(entity);
    },
    replace: async (entity) => {
      const current = rows.get(keyOf(entity.partitionKey, entity.rowKey));
      if (current === undefined) throw new KfError('STORAGE_NOT_FOUND', `row ${entity.rowKey}: absent`);
      if (current.etag !== entity.etag) throw conflict(entity);
      return save(entity);
    },
    upsert: async (entity) => save(entity),
    get: async (partitionKey, rowKey) => rows.get(keyOf(partitionKey, rowKey)),
    delete: async (partitionKey, rowKey, etag) => {
      const current = rows.get(keyOf(partitionKey, rowKey));
      if (current !== undefined && etag !== undefined && current.etag !== etag) throw conflict(current);
      rows.delete(keyOf(partitionKey, rowKey));
    },
    list: async function* (query) {
      for (const key of [...rows.keys()].sort()) {
        const row = rows.get(key);
        if (row === undefined) continue;
        if (query.partitionKey !== undefined && row.partitionKey !== query.partitionKey) continue;
        if (query.filter === undefined || matches(row, query.filter)) yield row;
      }
    },
    probe: async () => undefined,
  };
}

/** The service's limits on keys and sizes that a memory store would otherwise hide. */
function checkEntity(entity: Entity): void {
  for (const key of [entity.partitionKey, entity.rowKey]) {
    if (/[/\\#?\p{Cc}]/u.test(key) || key.length > 512)
      throw new KfError('INTERNAL', `key ${key}: not allowed`);
  }
  for (const [name, value] of Object.entries(entity.properties)) {
    const bytes =
      typeof value === 'string' ? value.length * 2 : value instanceof Uint8Array ? value.length : 0;
    if (bytes > 65_536) throw new KfError('INTERNAL', `property ${name}: over 64 KiB`);
  }
}

/** The part of OData filters the product uses: comparisons joined by `and`, and in brackets by `or`. */
function matches(row: Entity, filter: string): boolean {
  return filter.split(' and ').every((part) => part.split(' or ').some((one) => matchesOne(row, one)));
}

function matchesOne(row: Entity, part: string): boolean {
  const [, name, operator, text] = /^\(?(\w+) (eq|ne|lt|le|gt|ge) (.+?)\)?$/.exec(part.trim()) ?? [];
  if (name === undefined || text === undefined)
    throw new KfError('INTERNAL', `filter not understood: ${part}`);
  const value =
    name === 'PartitionKey' ? row.partitionKey : name === 'RowKey' ? row.rowKey : row.properties[name];
  const wanted = text.startsWith("'") ? text.slice(1, -1).replaceAll("''", "'") : JSON.parse(text);
  if (value === undefined) return false;
  const order = value < wanted ? -1 : value > wanted ? 1 : 0;
  return { eq: order === 0, ne: order !== 0, lt: order < 0, le: order <= 0, gt: order > 0, ge: order >= 0 }[
    operator as 'eq'
  ];
}
