/** What the ingestion properties of a queue message or REST request come to. Plain JSON. */
export interface SourceProperties {
  /** Lower case. */
  readonly format: string;
  readonly tags: readonly string[];
  readonly ingestIfNotExists: readonly string[];
  /** JSON text of an inline mapping. */
  readonly mapping?: string;
  readonly mappingReference?: string;
  readonly ignoreFirstRecord: boolean;
  /** Ticks as text. */
  readonly creationTime?: string;
}

export type ReportLevel = 'FailuresOnly' | 'None' | 'FailuresAndSuccesses';

export interface ReportWish {
  readonly level: ReportLevel;
  readonly toQueue: boolean;
  readonly toTable: boolean;
  readonly partitionKey: string;
  readonly rowKey: string;
}

/** One blob on its way into a table. Plain JSON, so that it can wait on disk. */
export interface IngestionSource {
  /** Of this piece of work, unlike {@link sourceId}, which a client may use twice. */
  readonly workId: string;
  readonly sourceId: string;
  readonly database: string;
  readonly table: string;
  /** With its SAS; never printed. */
  readonly blob: string;
  /** Uncompressed; absent when the client did not know. */
  readonly rawSizeBytes?: number;
  /** The client wants even a source above the limit to be tried. */
  readonly ignoreSizeLimit?: boolean;
  readonly flushImmediately: boolean;
  readonly deleteOnSuccess: boolean;
  readonly properties: SourceProperties;
  /** Properties as the client sent them, for `.show ingestion failures`; without secrets. */
  readonly propertiesText: string;
  readonly report?: ReportWish;
  /** Of the REST form, when the client asked for tracking. */
  readonly operationId?: string;
  /** Attempts made so far. */
  readonly attempts: number;
}

/** The blob's address without its SAS or key. */
export function publicPath(blob: string): string {
  const cut = blob.search(/[?;]/);
  return cut < 0 ? blob : blob.slice(0, cut);
}

/** Sources with equal keys may share a batch, and so an extent. */
export function batchKey({ database, table, properties }: IngestionSource): string {
  return JSON.stringify([
    database,
    table,
    properties.format,
    [...properties.tags].sort(),
    properties.creationTime ?? '',
    properties.mapping ?? '',
    properties.mappingReference ?? '',
    properties.ignoreFirstRecord,
  ]);
}
