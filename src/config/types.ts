import type { StorageAccount } from './storage-settings.js';

/** The frozen configuration: pipeline.yaml with %SETTING% replaced, sizes in bytes, durations in ms. */
export interface Config {
  readonly kusto: KustoConfig;
  readonly storage: StorageConfig;
  readonly tables: readonly TableDefinition[];
  readonly sources: readonly SourceConfig[];
  readonly http: HttpConfig;
  readonly load: LoadConfig;
  readonly deadLetter: DeadLetterConfig;
  readonly settle: SettleConfig;
  /** Run the start-up checks. Default true. */
  readonly validate: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Bytes of batches in flight per instance, all routes together. Default 256 MiB. */
  readonly maxInFlightBytes: number;
}

export interface KustoConfig {
  readonly engineUrl: string;
  readonly ingestUrl: string;
  readonly auth: AuthConfig;
  readonly proxyUrl?: string;
  readonly resourceCacheMs: number;
  /** Hosts (or `*.domain`) outside the known Kusto domains that may be sent a token. `loadConfig` always sets it. */
  readonly trustedHosts?: readonly string[];
}

export type AuthConfig =
  | { readonly kind: 'managedIdentity'; readonly clientId?: string }
  | {
      readonly kind: 'application';
      readonly tenantId: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly authorityHost?: string;
    }
  | {
      readonly kind: 'certificate';
      readonly tenantId: string;
      readonly clientId: string;
      readonly path: string;
      readonly authorityHost?: string;
    }
  | {
      readonly kind: 'workloadIdentity';
      readonly tenantId?: string;
      readonly clientId?: string;
      readonly tokenFilePath?: string;
      readonly authorityHost?: string;
    }
  | { readonly kind: 'azureCli' }
  | { readonly kind: 'accessToken'; readonly token: string }
  | { readonly kind: 'none' };

/** All-or-nothing loads. */
export interface LoadConfig {
  readonly storage: readonly LoadStorageConfig[];
  readonly allowSas: boolean;
  readonly maxSources: number;
  readonly maxExtentsPerMove: number;
  readonly reapEveryMs: number;
  readonly keepMs: number;
}

/** A container, or a whole account, that loads may read from. */
export interface LoadStorageConfig {
  /** Without a slash at its end; with the account's segment for the local stack. */
  readonly accountUrl: string;
  readonly container?: string;
  /** `account`: the app reads it and makes links; `public`: as it is; `sas`: only with the SAS of each address. */
  readonly access: 'account' | 'public' | 'sas';
  /** How the app reaches it, for `account`. */
  readonly account?: StorageAccount;
}

/** Where staged blobs, the ledger and dead letters live. */
export interface StorageConfig {
  /** A connection string, or the URLs of an account reached with the identity of `auth`. */
  readonly connectionString?: string;
  readonly blobUrl?: string;
  readonly tableUrl?: string;
  readonly queueUrl?: string;
  /** Client id of the user-assigned identity that reads the URLs; without it, the identity of `kusto.auth`. */
  readonly clientId?: string;
  readonly stagingContainer: string;
  readonly ledgerTable: string;
}

export interface TableDefinition {
  readonly database: string;
  readonly name: string;
  /** Column name → Kusto type, in order. */
  readonly columns: Readonly<Record<string, string>>;
  readonly mappings: readonly MappingDefinition[];
  readonly policies: Readonly<Record<string, unknown>>;
  readonly folder?: string;
  readonly docstring?: string;
}

export interface MappingDefinition {
  readonly name: string;
  /** csv, json, avro, parquet, orc, w3clogfile */
  readonly kind: string;
  readonly columns: readonly MappingColumn[];
}

export interface MappingColumn {
  readonly column: string;
  readonly dataType?: string;
  readonly path?: string;
  readonly ordinal?: number;
  readonly constValue?: string;
  readonly field?: string;
  readonly transform?: string;
}

export const dataFormats = [
  'json',
  'csv',
  'tsv',
  'tsve',
  'psv',
  'scsv',
  'sohsv',
  'txt',
  'raw',
  'avro',
  'parquet',
  'orc',
  'w3clogfile',
] as const;
export type DataFormat = (typeof dataFormats)[number];

export interface SourceConfig {
  readonly name: string;
  readonly eventHub: EventHubConfig;
  readonly route: RouteConfig;
  readonly onError: 'deadLetter' | 'drop' | 'fail';
  readonly retry: RetryConfig;
}

export interface EventHubConfig {
  /** Name of the app setting (prefix) that holds the connection. */
  readonly connection: string;
  readonly name: string;
  readonly consumerGroup: string;
  readonly startFrom: string;
}

/** Source facts that may become columns. */
export const metadataFacts = [
  'offset',
  'sequenceNumber',
  'partition',
  'key',
  'enqueuedTime',
  'properties',
  'source',
] as const;
export type MetadataFact = (typeof metadataFacts)[number];

export interface RouteConfig {
  readonly database: string;
  readonly table: string;
  readonly format: DataFormat;
  /** A reference, or the inline columns. */
  readonly mapping?: string | readonly MappingColumn[];
  readonly delivery: 'queued' | 'streaming';
  readonly staging: 'own' | 'service';
  readonly tableCreateOptions: 'FailIfNotExist' | 'CreateIfNotExist';
  /** `Database.Table` patterns with `*` that event properties may name. Empty: no dynamic routing. */
  readonly dynamicAllow: readonly string[];
  /** Column (JSON key) → fact. */
  readonly columns: Readonly<Record<string, MetadataFact>>;
  /** What happens when a JSON record already has such a key. Default deadLetter. */
  readonly existingColumn: 'deadLetter' | 'overwrite' | 'keep';
  /** Values over the service's limits: a dead letter (default), or counted and sent as they are. */
  readonly oversizedValue: 'deadLetter' | 'count';
  /** Absolute path of the user's module. */
  readonly transform?: string;
  readonly transformTimeoutMs: number;
  readonly batch: BatchConfig;
  readonly flushImmediately: boolean;
  readonly ignoreFirstRecord: boolean;
  readonly tags: { readonly additional: readonly string[]; readonly dropBy: readonly string[] };
  /** Largest single record after inflation. Default and maximum 64 MiB. */
  readonly maxRecordBytes: number;
  /** Largest body after inflation, and largest growth. Defaults 256 MiB and 1000. */
  readonly maxInflatedBytes: number;
  readonly maxInflateRatio: number;
}

export interface BatchConfig {
  /** Uncompressed bytes. Default 64 MiB; streaming default and maximum 4 MB. */
  readonly maxBytes: number;
  readonly maxRecords: number;
  /** Minimum wait for company. Default 0. */
  readonly lingerMs: number;
  /** Maximum age of an open batch. Default 30000. */
  readonly maxAgeMs: number;
}

export interface RetryConfig {
  readonly maxAttempts: number;
  readonly baseMs: number;
  readonly maxMs: number;
  readonly maxElapsedMs: number;
}

export interface HttpConfig {
  /** `Database.Table` patterns that callers may write to. */
  readonly tables: readonly string[];
  readonly maxBodyBytes: number;
  /** Uncompressed bytes per blob. */
  readonly blobBytes: number;
  /** How long an Idempotency-Key holds. Default 30 days. */
  readonly idempotencyMs: number;
  readonly uploadContainer: string;
  readonly uploadTtlMs: number;
}

export interface DeadLetterConfig {
  readonly container: string;
  /** Second home per kind: an event hub. */
  readonly decode?: DeadLetterHub;
  readonly delivery?: DeadLetterHub;
}

export interface DeadLetterHub {
  /** Name of the app setting that holds the connection string. */
  readonly connection: string;
  readonly eventHub: string;
}

export interface SettleConfig {
  readonly everyMs: number;
  readonly settleTimeoutMs: number;
  /** A `staged` shipment that may be in somebody's hands is left alone for this long. */
  readonly graceMs: number;
  /** Depth of the search for refused records: 20^depth pieces. Default 6. */
  readonly maxDepth: number;
}
