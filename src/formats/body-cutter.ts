import type { DataFormat } from '../config/types.js';

/** One blob cut out of a body. */
export interface CutBlob {
  readonly blob: string;
  readonly sizeBytes: number;
  readonly rawBytes: number;
  /** Undefined where records are not counted. */
  readonly rows?: number;
}

export interface CutRequest {
  readonly body: AsyncIterable<Uint8Array>;
  readonly format: DataFormat;
  readonly ignoreFirstRecord: boolean;
  /** The body is gzip; text bodies are also known by their first bytes. */
  readonly gzip: boolean;
  /** Uncompressed bytes at which the next blob begins. */
  readonly blobBytes: number;
  readonly container: string;
  readonly blobName: (index: number, gzipped: boolean) => string;
  readonly signal?: AbortSignal;
}

/**
 * Cuts a body into blobs at record borders, in bounded memory. All records must be good; a repeat writes the same
 * blobs.
 * @throws KfError RECORD_*, BODY_* with the place of the first bad record, and nothing is left behind; STORAGE_*
 */
export type CutBody = (request: CutRequest) => Promise<readonly CutBlob[]>;
