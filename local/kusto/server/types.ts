import type { Catalog } from '../catalog/types.js';
import type { EngineClock, Faults } from '../faults/types.js';
import type { RowSet } from '../store/types.js';

/** Rights on a database or a table. `unrestrictedviewer` is implied by none: it reads tables of restricted view access. */
export type Role = 'viewer' | 'user' | 'ingestor' | 'monitor' | 'admin' | 'unrestrictedviewer';

/** What a role may carry: `metadata` is to run `.show` commands, which users, viewers and monitors may. */
export type Right = Role | 'metadata';

/** One storage service's address forms, without trailing slash: `http://127.0.0.1:port/devstoreaccount1`. */
export interface StorageUrls {
  readonly blob: string;
  readonly queue: string;
  readonly table: string;
}

export interface StorageAccount {
  readonly accountName: string;
  /** Base64. */
  readonly accountKey: string;
  /** Where clients are sent: through the proxy that applies blob, queue and table faults. Advertise these. */
  readonly public: StorageUrls;
  /** The same account past the proxy, for the data-management endpoint's own calls. */
  readonly direct: StorageUrls;
  /** PEM of the certificate to trust when the addresses are https. */
  readonly certificate?: string;
}

/** What the composition root gives to the factory of the data-management endpoint. */
export interface ServiceParts {
  readonly catalog: Catalog;
  readonly faults: Faults;
  readonly clock: EngineClock;
  /** Absent with `--no-storage` and no `--storage`: queued ingestion is then refused. */
  readonly storage: StorageAccount | undefined;
  /** Directory kept across restarts (`--data`), absent when everything lives in memory. */
  readonly dataDirectory: string | undefined;
  /** One line to stderr about something an operator should know. Never with a secret. */
  log(line: string): void;
}

export interface StreamingIngestRequest {
  readonly database: string;
  readonly table: string;
  /** As sent (`csv`, `MultiJSON`, …); absent when the client named none. */
  readonly format: string | undefined;
  readonly mappingName: string | undefined;
  /** Already decoded from its Content-Encoding and bounded in size. */
  readonly body: Uint8Array;
  readonly contentType: string;
  /** `uri`: the body is JSON `{sourceUri}`. */
  readonly sourceKind: 'stream' | 'uri';
  readonly clientRequestId: string;
  readonly activityId: string;
}

/** A request below `/v1/rest/ingestion/` (the newer REST form of queued ingestion). */
export interface IngestionRestRequest {
  readonly method: 'GET' | 'POST';
  /** Decoded segments after `/v1/rest/ingestion`, such as `['queued', 'DB', 'T', 'operation']`. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  /** Parsed JSON body of a POST. */
  readonly body: unknown;
  readonly clientRequestId: string;
  readonly activityId: string;
}

/** Sent as JSON, status 200. Errors are thrown as KustoError. */
export type IngestionRestAnswer = unknown;

/** A management command the data-management endpoint answers. */
export interface ServiceCommand {
  /**
   * Words in lower case and `{placeholder}`s for names: `refresh database {database} table {table} cache
   * ingestionbatchingpolicy`. A `with (…)` clause may follow.
   */
  readonly pattern: string;
  /** `.show operations`' and `.show commands`' name of it, such as `IngestionResourcesGet`. */
  readonly kind: string;
  /** Absent: any authenticated caller. */
  readonly role?: Role;
  run(request: ServiceCommandRequest): Promise<RowSet>;
}

interface ServiceCommandRequest {
  /** Values of the pattern's placeholders. */
  readonly names: Readonly<Record<string, string>>;
  /** Keys in lower case. */
  readonly properties: ReadonlyMap<string, string>;
  /** Of the request's body (often `NetDefaultDB`). */
  readonly database: string;
  readonly clientRequestId: string;
}

/** Ingestion, as the server sees it. One object made by a factory `(parts: ServiceParts) => IngestionService`. */
export interface IngestionService {
  /** Commands answered on the DM role, tried before the engine's own. */
  readonly commands: readonly ServiceCommand[];
  /** @returns the one v1 table (ConsumedRecordsCount, UpdatePolicyStatus, …). */
  streamingIngest(request: StreamingIngestRequest): Promise<RowSet>;
  ingestionRest(request: IngestionRestRequest): Promise<IngestionRestAnswer>;
  /** Bytes of a source given to `.ingest into table T ('uri')`; bounded. */
  readSource(uri: string): Promise<Uint8Array>;
  /** Begins to work (creates containers and queues, polls). */
  start(): Promise<void>;
  /** Ends polling; work under way is finished or left to be redelivered. */
  stop(): Promise<void>;
}

export type IngestionServiceFactory = (parts: ServiceParts) => IngestionService;
