import type { SasUrl } from './sas-url.js';

export interface BlobFacts {
  readonly name: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly lastModifiedMs: number;
}

export interface PutOptions {
  /** Fail with STORAGE_CONFLICT when the blob exists. */
  readonly ifAbsent?: boolean;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** A blob that grows block by block and appears whole on `commit`. */
export interface BlobWriter {
  /** Bounded: waits while earlier blocks upload. */
  write(bytes: Uint8Array): Promise<void>;
  commit(): Promise<BlobFacts>;
  /** Leaves nothing behind. */
  abort(): Promise<void>;
}

/** Every method throws KfError with a STORAGE_* code. Containers are made on first use. */
export interface BlobStore {
  put(container: string, name: string, body: Uint8Array, options?: PutOptions): Promise<BlobFacts>;
  open(container: string, name: string, options?: PutOptions): BlobWriter;
  /** @throws STORAGE_NOT_FOUND, BODY_TOO_LARGE over `maxBytes`. */
  get(container: string, name: string, maxBytes: number): Promise<Buffer>;
  /** Bytes from `from` (inclusive) to `to` (exclusive). @throws STORAGE_NOT_FOUND */
  range(container: string, name: string, from: number, to: number): Promise<Buffer>;
  stream(container: string, name: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  facts(container: string, name: string): Promise<BlobFacts | undefined>;
  delete(container: string, name: string): Promise<void>;
  list(container: string, prefix: string, signal?: AbortSignal): AsyncIterable<BlobFacts>;
  /** A link that reads this blob: user-delegation SAS with an identity, account SAS with a key. */
  readUrl(container: string, name: string, ttlMs: number): Promise<SasUrl>;
  /** A link that creates this blob and nothing else. */
  uploadUrl(container: string, name: string, ttlMs: number): Promise<SasUrl>;
  /** DNS, TCP, TLS and rights; for doctor. */
  probe(container: string): Promise<void>;
}

/** Blobs reached by an address alone: one with a SAS, or one that everybody may read. Attempts once. */
export interface AddressReader {
  /** Undefined when there is no such blob. */
  facts(url: SasUrl): Promise<Pick<BlobFacts, 'sizeBytes'> | undefined>;
  range(url: SasUrl, from: number, to: number): Promise<Buffer>;
  /** `container` with its SAS; names in order. */
  list(container: SasUrl, prefix: string, signal?: AbortSignal): AsyncIterable<BlobFacts>;
}

/** A table row: keys, ETag, and flat properties. */
export interface Entity {
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly etag?: string;
  readonly properties: Readonly<Record<string, string | number | boolean | bigint | Uint8Array | undefined>>;
}

export interface TableStore {
  /** @throws STORAGE_CONFLICT when the row exists. */
  insert(entity: Entity): Promise<Entity>;
  /** Replaces when `etag` matches, merges nothing. @throws STORAGE_CONFLICT, STORAGE_NOT_FOUND. */
  replace(entity: Entity): Promise<Entity>;
  upsert(entity: Entity): Promise<Entity>;
  get(partitionKey: string, rowKey: string): Promise<Entity | undefined>;
  delete(partitionKey: string, rowKey: string, etag?: string): Promise<void>;
  /** Rows of one partition, or of all, in key order. `filter` is an OData filter. */
  list(options: { partitionKey?: string; filter?: string; signal?: AbortSignal }): AsyncIterable<Entity>;
  probe(): Promise<void>;
}
