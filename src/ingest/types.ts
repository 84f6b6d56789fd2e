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
  /** The body is this piece of the body at `position`: a replayed dead letter that had an index. */
  readonly pieceIndex?: number;
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
  /**
   * Each record is a blob of its own, as it is and not gzipped (raw, parquet, orc, w3clogfile, whole Avro
   * containers); the blobs of one batch go in as few calls as possible.
   */
  readonly blobPerRecord?: boolean;
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

/** One blob of an HTTP body: `index` counts from 0 within the operation, so that a repeat writes the same name. */
export interface StagedBlobRequest {
  readonly operationId: string;
  readonly index: number;
  readonly target: Target;
  /** The bytes written are one gzip stream. */
  readonly gzipped: boolean;
  readonly signal?: AbortSignal;
}

/** What only the writer of the bytes knows; sizes in bytes. */
export interface StagedBlobFacts {
  /** Undefined where records are not counted (parquet, orc, avro, …). */
  readonly rows?: number;
  readonly rawBytes: number;
  readonly sizeBytes: number;
  /** Hex digest of the bytes written. */
  readonly sha256: string;
}

/** A committed blob that nobody has been told of yet. */
export interface StagedBlob extends StagedBlobFacts {
  readonly id: string;
  readonly index: number;
  readonly container: string;
  readonly blob: string;
}

export interface StagedBlobWriter {
  /** Bounded: waits while earlier bytes are on their way. */
  write(bytes: Uint8Array): Promise<void>;
  commit(facts: StagedBlobFacts): Promise<StagedBlob>;
  /** Leaves nothing behind; may be called after a failed `write` or `commit`. */
  abort(): Promise<void>;
}

/**
 * Where an HTTP body goes. Blobs are staged while the body streams and handed over only when all of it was read,
 * so a body that breaks off leaves nothing in the table.
 */
export interface BodySink {
  open(request: StagedBlobRequest): StagedBlobWriter;
  /**
   * Writes one shipment per blob (state `staged`, `callerOperationId`), then submits them. From the moment the
   * shipments are in the ledger the body counts as accepted: a submit that fails then is left to settling.
   * @throws KfError when nothing was accepted; the caller then discards.
   */
  submit(request: {
    readonly operationId: string;
    readonly target: Target;
    readonly blobs: readonly StagedBlob[];
    readonly signal?: AbortSignal;
  }): Promise<{ readonly possibleDuplicates: number }>;
  /** Deletes staged blobs that were never submitted. */
  discard(blobs: readonly StagedBlob[]): Promise<void>;
}
