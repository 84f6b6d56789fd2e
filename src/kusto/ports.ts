import type { MappingColumn } from '../config/types.js';
import type { SasUrl } from '../storage/sas-url.js';

export interface KustoTable {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Exact: longs outside ±(2^53 − 1) are bigint, decimals, datetimes and timespans are text. */
  readonly rows: readonly (readonly unknown[])[];
}

export interface CallOptions {
  readonly timeoutMs?: number;
  readonly clientRequestId?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Every method throws KfError with a KUSTO_* or AUTH_* code. */
export interface KustoClient {
  /** A management command on the engine; the first table. */
  command(database: string, text: string, options?: CallOptions): Promise<KustoTable>;
  /** A query; the first primary table. */
  query(database: string, text: string, options?: CallOptions): Promise<KustoTable>;
  /** A management command on the ingest endpoint. */
  ingestCommand(database: string, text: string, options?: CallOptions): Promise<KustoTable>;
}

export interface IngestProperties {
  /** As the service spells it, such as `json`, `csv`, `avro`. */
  readonly format: string;
  readonly mapping?: string | readonly MappingColumn[];
  readonly tags?: readonly string[];
  readonly ingestIfNotExists?: readonly string[];
  readonly ignoreFirstRecord?: boolean;
  readonly flushImmediately?: boolean;
  /** ISO 8601: the extents count as created then. */
  readonly creationTime?: string;
  /** The service ingests the blobs of this call at once and apart from others. */
  readonly skipBatching?: boolean;
}

export interface QueuedBlob {
  readonly sourceId: string;
  readonly url: SasUrl;
  /** Uncompressed; left out, the service estimates it. */
  readonly rawSizeBytes?: number;
}

/** How to ask for the status later; goes into the ledger. `rest`: operation id; `message`: status table rows. */
export interface OperationRef {
  readonly path: 'rest' | 'message';
  readonly operationId: string;
  readonly database: string;
  readonly table: string;
}

export type SourceState = 'pending' | 'queued' | 'succeeded' | 'failed' | 'partiallySucceeded' | 'skipped';

export interface SourceStatus {
  readonly sourceId: string;
  readonly state: SourceState;
  /** The service's code, such as `Stream_WrongNumberOfFields`. */
  readonly errorCode?: string;
  /** Unknown counts as neither: it is asked again. */
  readonly failure?: 'permanent' | 'transient' | 'exhausted' | 'unknown';
  readonly details?: string;
  /** When the service set the state, where it says so. */
  readonly updatedAtMs?: number;
}

export interface SubmitRequest {
  readonly database: string;
  readonly table: string;
  readonly blobs: readonly QueuedBlob[];
  readonly properties: IngestProperties;
  readonly clientRequestId: string;
  readonly signal?: AbortSignal;
}

/** Queued ingestion: the REST API, or the older way behind the same port where the cluster lacks it. */
export interface QueuedIngestion {
  /** Blobs per call: 20. */
  readonly maxBlobsPerCall: number;
  /**
   * One attempt. `answerLost` on the thrown error's fields says that the service may have taken it.
   * @throws KfError
   */
  submit(request: SubmitRequest): Promise<OperationRef>;
  /** The state of each of `sourceIds`; a source the service does not know is `pending`. */
  status(operation: OperationRef, sourceIds: readonly string[]): Promise<readonly SourceStatus[]>;
  /** The service's containers, for `staging: service` and large uploads of clients. */
  serviceContainer(): Promise<SasUrl>;
  /** How the container did: `refused` (403, 404) asks for new ones early, `failed` ranks its account lower. */
  reportContainer?(container: SasUrl, outcome: 'ok' | 'failed' | 'refused'): void;
}

export interface StreamRequest {
  readonly database: string;
  readonly table: string;
  readonly format: string;
  readonly mapping?: string;
  /** Gzipped. */
  readonly body: Uint8Array;
  readonly clientRequestId: string;
  readonly signal?: AbortSignal;
}

/** Streaming ingestion; one attempt a call. @throws KUSTO_STREAMING_OFF, KUSTO_TOO_LARGE, KUSTO_THROTTLED, … */
export interface StreamingIngestion {
  stream(request: StreamRequest): Promise<void>;
}
