import type { MappingElement } from '../catalog/types.js';
import type { ColumnSchema, RowSet } from '../store/types.js';

export interface DecodeRequest {
  readonly format: string;
  readonly schema: readonly ColumnSchema[];
  /** Absent: by order for delimited text, by case-sensitive name otherwise. */
  readonly mapping?: readonly MappingElement[];
  readonly ignoreFirstRecord?: boolean;
  /** For the SourceLocation transform. */
  readonly sourcePath?: string;
}

export interface Decoded {
  readonly rows: RowSet;
  /** Bytes after decompression. */
  readonly rawSizeBytes: number;
  /** Malformed lines of format json, which the service ignores without a word. */
  readonly ignoredRecords?: number;
}

/**
 * Bytes (gzip and zip recognised by their magic bytes) → rows, doing to bad data what the service does.
 * @throws KustoError with an ingestion error code such as `Stream_WrongNumberOfFields`, `BadRequest_EmptyBlob`.
 */
export type Decode = (body: Uint8Array, request: DecodeRequest) => Promise<Decoded>;
