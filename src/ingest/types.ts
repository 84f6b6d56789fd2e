import type { DataFormat, MappingColumn } from '../config/types.js';

/** Where a record stands in its source. */
export interface Position {
  readonly partition: string;
  /** Offset as text: geo-replicated hubs have non-numeric ones. */
  readonly offset: string;
  readonly sequenceNumber: number;
}

/** One event or message as it came; the body is never copied or changed. */
export interface Envelope {
  readonly body: Uint8Array;
  readonly key?: string;
  /** Looked up without regard to case. */
  readonly properties: Readonly<Record<string, unknown>>;
  readonly source: string;
  readonly position: Position;
  /** ISO 8601 with Z. */
  readonly enqueuedAt?: string;
}

/** Everything that must be equal for two records to share a blob. */
export interface Target {
  readonly database: string;
  readonly table: string;
  readonly format: DataFormat;
  readonly mapping?: string | readonly MappingColumn[];
  readonly tags: readonly string[];
  /** Fields of a delimited row. */
  readonly fieldCount?: number;
  /** Fingerprint of the writer schema of framed Avro. */
  readonly schemaId?: string;
  readonly delivery: 'queued' | 'streaming';
  readonly staging: 'own' | 'service';
  readonly flushImmediately: boolean;
}

/** One encoded record and where it came from. Text records carry no line end; the batch adds it. */
export interface EncodedRecord {
  readonly bytes: Uint8Array;
  readonly envelope: Envelope;
  /** Position within a body that held several records (array, lines, transform output). */
  readonly index?: number;
}

/** What one flush delivers: records of one target, in order. */
export interface Batch {
  readonly id: string;
  readonly target: Target;
  readonly records: readonly EncodedRecord[];
  /** Uncompressed bytes of the encoded records, line ends included. */
  readonly rawBytes: number;
  /** Bytes that precede the records in the blob (an Avro container's header). */
  readonly header?: Uint8Array;
}

export interface Delivery {
  readonly records: number;
  readonly blobs: number;
  /** A call whose answer was lost was repeated. */
  readonly possibleDuplicates: number;
  /** Records that were refused alone, with the reason; the caller takes them down the failure ladder. */
  readonly refused: readonly { readonly record: EncodedRecord; readonly error: unknown }[];
}

/**
 * Takes a batch over for good: when it resolves the records are in the service's hands and in the ledger
 * (queued), in the table (streaming), or, later, recorded with their positions (exactly once).
 * @throws KfError when none of it was taken; `retryable` says whether the same batch may be tried again.
 */
export interface Sink {
  deliver(batch: Batch, signal: AbortSignal): Promise<Delivery>;
}
