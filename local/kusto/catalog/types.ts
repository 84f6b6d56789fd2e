import type { ColumnSchema, Extent, RowSet } from '../store/types.js';

export type MappingKind = 'csv' | 'json' | 'avro' | 'parquet' | 'orc' | 'w3clogfile';

/** One element of an ingestion mapping, in the normal form (flat and camelCase spellings are folded into it). */
export interface MappingElement {
  readonly column: string;
  readonly dataType?: string;
  readonly properties: {
    readonly path?: string;
    readonly ordinal?: number;
    readonly constValue?: string;
    readonly field?: string;
    readonly transform?: string;
  };
}

export interface IngestionMapping {
  readonly name: string;
  readonly kind: MappingKind;
  readonly elements: readonly MappingElement[];
  /** The JSON text as given, for `.show … mappings`. */
  readonly text: string;
  readonly lastUpdatedOn: bigint;
}

export interface StoredFunction {
  readonly name: string;
  /** With parentheses, as `.show functions` prints it. */
  readonly parameters: string;
  /** With braces. */
  readonly body: string;
  readonly folder: string;
  readonly docstring: string;
}

/** Policy name in lower case (`ingestionbatching`, `streamingingestion`, …) → its JSON value. */
export type Policies = ReadonlyMap<string, unknown>;

export interface Table {
  readonly database: string;
  readonly name: string;
  readonly schema: readonly ColumnSchema[];
  readonly folder: string;
  readonly docstring: string;
  readonly hidden: boolean;
  readonly policies: Policies;
  readonly mappings: readonly IngestionMapping[];
  readonly extents: readonly Extent[];
}

export interface AppendOptions {
  readonly tags?: readonly string[];
  /** Ticks; default: the clock of the engine. */
  readonly createdOn?: bigint;
  /** Bytes of the uncompressed source data. */
  readonly originalSize: number;
  /** Ids of the pieces of work the rows come from: {@link Catalog.wasIngested} knows them from then on. */
  readonly sources?: readonly string[];
}

/** Effective values of the batching policy: the table's, else the database's, else the service's defaults. */
export interface BatchingPolicy {
  readonly maxTimeMs: number;
  readonly maxItems: number;
  readonly maxRawBytes: number;
}

/**
 * What the query evaluator, the ingestion path and the data-management endpoint see of the catalogue.
 * Names match as Kusto's do: exactly, case-sensitive.
 */
export interface Catalog {
  /** Ticks of the engine's clock, which faults may advance. */
  now(): bigint;
  /**
   * The database cursor, in ticks: all that was ingested at or before it can be seen, and nothing will be that cannot
   * be seen yet. While extents are being written it stays just before the first of them.
   */
  cursor(): bigint;
  databases(): readonly string[];
  table(database: string, name: string): Table | undefined;
  tables(database: string): readonly Table[];
  function(database: string, name: string): StoredFunction | undefined;
  functions(database: string): readonly StoredFunction[];
  /** By reference, table level first, then database level. */
  mapping(database: string, table: string, kind: MappingKind, name: string): IngestionMapping | undefined;
  batchingPolicy(database: string, table: string): BatchingPolicy;
  streamingEnabled(database: string, table: string): boolean;
  /** Rows that one extent made by an ingestion may have, by the sharding policy. */
  extentRows(database: string, table: string): number;
  /**
   * Makes rows visible, one extent for each of `parts` that has any: all at once and, with `--data`, durably before it
   * returns its result. Columns of the rows that the table lacks are refused; columns they lack in turn read as null.
   */
  append(
    database: string,
    table: string,
    parts: readonly RowSet[],
    options: AppendOptions,
  ): Promise<readonly Extent[]>;
  /** Whether rows of this piece of work are in a table already, which outlives a kill as the rows do. */
  wasIngested(source: string): boolean;
  /**
   * Joins extents of a table into one, as the service's merge does: rows keep their ingestion times
   * (see {@link Extent.columns}). Ids that are gone, and extents with other `drop-by:` tags than the first, are left
   * alone; nothing is joined where the merge policy allows neither merge nor rebuild.
   * Absent where extents are never joined.
   * @returns `undefined` when fewer than two were left to join
   */
  mergeExtents?(database: string, table: string, ids: readonly string[]): Promise<Extent | undefined>;
  recordIngestionFailure(failure: IngestionFailure): void;
}

/** A row of `.show ingestion failures`. */
export interface IngestionFailure {
  readonly operationId: string;
  readonly database: string;
  readonly table: string;
  readonly failedOn: bigint;
  readonly ingestionSourcePath: string;
  readonly details: string;
  readonly failureKind: 'Permanent' | 'Transient';
  readonly rootActivityId: string;
  readonly operationKind: string;
  readonly errorCode: string;
  readonly shouldRetry: boolean;
  readonly ingestionProperties: string;
}
