import type { DataFormat } from '../config/types.js';
import type { OperationRef, SourceState } from '../kusto/ports.js';
import type { Columns } from '../kusto/rows.js';
import type { ErrorCode } from '../runtime/error-codes.js';

export const writeModes = ['Transactional', 'Queued'] as const;
export type WriteMode = (typeof writeModes)[number];

export const schemaAdjustments = ['NoAdjustment', 'FailIfNotMatch', 'GenerateDynamicMapping'] as const;
export type SchemaAdjustment = (typeof schemaAdjustments)[number];

/** States that callers see; legal moves are in `moves.ts`. */
export const loadStates = [
  'running',
  'committed',
  'skipped',
  'rolledBack',
  'cancelled',
  'failedDirty',
] as const;
export type LoadState = (typeof loadStates)[number];

/** What a load is doing, in the order of doing it; `undo` may follow any step before `finish`. */
export const loadSteps = [
  'inspect',
  'prepare',
  'create',
  'repeatCheck',
  'stage',
  'ingest',
  'wait',
  'verify',
  'mark',
  'commit',
  'settle',
  'finish',
  'undo',
] as const;
export type LoadStep = (typeof loadSteps)[number];

/** Steps that no deadline and no cancellation interrupts: what may be committed is settled, and cleaning goes on. */
export const uninterruptedSteps: ReadonlySet<LoadStep> = new Set(['settle', 'finish', 'undo']);

/** A source as the caller named it, checked. A SAS is never part of `address`; `sas` is the key it is stored under. */
export type LoadSource =
  | {
      readonly kind: 'blob';
      readonly address: string;
      readonly sas?: string;
      readonly rawSizeBytes?: number;
      readonly rows?: number;
    }
  | { readonly kind: 'prefix'; readonly address: string; readonly sas?: string }
  | { readonly kind: 'upload'; readonly uploadId: string; readonly gzip?: boolean };

/** A checked request without its sources, which may be many; kept in the load's row and shown to callers. */
export interface LoadOptions {
  readonly writeMode: WriteMode;
  readonly database: string;
  readonly table: string;
  readonly format: DataFormat;
  readonly ignoreFirstRecord: boolean;
  readonly mapping?: string;
  readonly tableCreateOptions: 'FailIfNotExist' | 'CreateIfNotExist';
  /** Column → canonical type, in the order of the source. */
  readonly schema?: Readonly<Record<string, string>>;
  readonly adjustSchema: SchemaAdjustment;
  /** The user's own staging table: never dropped by us. */
  readonly tempTableName?: string;
  /** Uncompressed MiB at which an uploaded body is cut into the next blob. Default 300. */
  readonly clientBatchingLimitMb: number;
  readonly tags: {
    readonly additional: readonly string[];
    readonly ingestBy: readonly string[];
    readonly ingestIfNotExists: readonly string[];
  };
  /** ISO 8601; the extents count as created then. */
  readonly creationTime?: string;
  readonly expectedRows?: number;
  /** From the start to the last moment at which a commit may begin. Default 172,800,000 (two days). */
  readonly timeoutMs: number;
  /** More extents than one command takes are moved in several; the default is to refuse. */
  readonly allowPartialVisibility: boolean;
}

export interface LoadRequest extends LoadOptions {
  readonly sources: readonly LoadSource[];
  /** SAS queries by their key; never enters a row, a history or an answer. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** A blob to ingest, as planning resolved it. */
export interface PlannedBlob {
  readonly address: string;
  /** A blob of our own account: we make the link. */
  readonly own?: { readonly container: string; readonly blob: string };
  readonly sas?: string;
  readonly sizeBytes: number;
  /** Uncompressed; undefined when nobody knows. */
  readonly rawSizeBytes?: number;
  readonly rows?: number;
}

/** One blob within a call, and what became of it. */
export interface CallSource extends PlannedBlob {
  /** Position within the load, from 0. */
  readonly index: number;
  readonly state: SourceState;
  readonly errorCode?: string;
  readonly details?: string;
}

/**
 * Up to 20 blobs that go to the service in one call. An attempt whose answer was lost is never asked again: the
 * next attempt has a tag of its own, and only extents of the attempt that is known to have succeeded are committed.
 * `sending`: a call of this attempt may have reached the service.
 */
export interface LoadCall {
  readonly load: string;
  /** Times the whole load was staged anew. */
  readonly generation: number;
  readonly key: string;
  readonly attempt: number;
  readonly state: 'pending' | 'sending' | 'sent' | 'done';
  readonly sources: readonly CallSource[];
  readonly operation?: OperationRef;
  readonly sentAtMs?: number;
  readonly settledAtMs?: number;
  readonly etag?: string;
}

export interface LoadError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly serviceCode?: string;
  /** The blob it is about, without a query. */
  readonly source?: string;
}

/** Why a load is taken back, and what it ends as. */
export interface LoadUndo {
  readonly as: 'rolledBack' | 'cancelled' | 'skipped';
  /** None for `skipped`. */
  readonly error?: LoadError;
}

/** How rows become visible: `move` takes one metadata command, `append` one query that copies (Fabric). */
export type CommitForm = 'move' | 'append';

/** What `inspect` and `stage` found out and decided. */
export interface LoadPlan {
  /** Columns of the target, in order; of the request's `schema` when the table is to be created. */
  readonly columns: Columns;
  readonly targetExists: boolean;
  readonly batching: {
    readonly MaximumBatchingTimeSpan: string;
    readonly MaximumNumberOfItems: number;
    readonly MaximumRawDataSizeMB: number;
  };
  /** JSON text of the ingestion mapping that the staging table gets. */
  readonly mapping?: string;
  readonly rowLevelSecurity: boolean;
  /** Dependents of the target that an undo by tag could not reach. */
  readonly dependents: readonly string[];
  readonly commitForm: CommitForm;
  readonly warnings: readonly string[];
}

/** The commit as far as it has gone; written before each command that it describes. */
export interface LoadCommit {
  readonly form: CommitForm;
  readonly attempt: number;
  /** The service's ClientActivityId of the command. */
  readonly clientRequestId: string;
  readonly issuedAtMs: number;
  readonly operationId?: string;
  /** The last attempt that is known to have ended without effect, or as one of several moves. */
  readonly cleared: number;
  /** Attempts that the service throttled; they are not counted as tries. */
  readonly throttled?: number;
  readonly moveBatches: number;
  readonly batchSize: number;
  /** The operation's own time: when the service began and ended it. */
  readonly serviceMs?: number;
}

/** One load; the row that decides. Never holds a SAS, a token or a record. */
export interface Load {
  readonly id: string;
  /** Of everything that must be equal for a repeat under the same requestId. */
  readonly digest: string;
  readonly state: LoadState;
  readonly step: LoadStep;
  readonly options: LoadOptions;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly endedAtMs?: number;
  readonly deadlineMs: number;
  readonly cancelRequested: boolean;
  readonly generation: number;
  /** Times that staging anew was decided; one ahead of `generation` until that has begun. */
  readonly restages?: number;
  readonly plan?: LoadPlan;
  readonly sources?: {
    readonly blobs: number;
    readonly calls: number;
    readonly sizeBytes: number;
    readonly rawBytes?: number;
    readonly rows?: number;
  };
  readonly progress?: {
    readonly sent: number;
    readonly succeeded: number;
    readonly failed: number;
  };
  /** Extents and rows in the staging table that are to be committed. */
  readonly verified?: { readonly extents: number; readonly rows: number; readonly generation: number };
  readonly commit?: LoadCommit;
  readonly committed?: { readonly extents: number; readonly rows: number };
  /** Calls of a Queued load whose answer was lost and which were repeated. */
  readonly possibleDuplicates: number;
  readonly skippedBy?: string;
  /** From the moment it is decided, so that an undo goes on as it began. */
  readonly undo?: LoadUndo;
  readonly error?: LoadError;
  /** The command that mends what an undo could not. */
  readonly repair?: string;
  readonly times: { readonly lastSentMs?: number; readonly lastStatusMs?: number };
  readonly cleaned: boolean;
  readonly etag?: string;
}
