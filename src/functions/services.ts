import type { Config, DataFormat } from '../config/types.js';
import type { DeadLetterFilter, DeadLetterPage } from '../deadletter/ports.js';
import type { Envelope } from '../ingest/types.js';
import type { Shipment } from '../ledger/ports.js';
import type { Logger } from '../runtime/log.js';

/** One start-up check; `fix` is the role or command that mends it. */
export interface CheckView {
  readonly name: string;
  readonly ok: boolean;
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  readonly warning?: boolean;
}

export interface CheckReportView {
  readonly ok: boolean;
  readonly checks: readonly CheckView[];
}

export interface HttpIngestRequest {
  readonly database: string;
  readonly table: string;
  readonly format: DataFormat;
  readonly mapping?: string;
  readonly ignoreFirstRecord: boolean;
  readonly gzip: boolean;
  readonly tags: readonly string[];
  readonly idempotencyKey?: string;
  /** Take the body from this upload; `body` is then empty. */
  readonly uploadId?: string;
  readonly contentLength?: number;
  readonly body: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

/** What a caller learns of a body it sent; also what `GET /api/operations/{id}` answers. */
export interface OperationView {
  readonly operationId: string;
  readonly state: string;
  readonly database: string;
  readonly table: string;
  readonly [field: string]: unknown;
}

export interface UploadView {
  readonly uploadId: string;
  /** A secret by purpose: it lets its holder create one blob, for a short time. */
  readonly url: string;
  readonly method: 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAt: string;
}

export interface ReplayResult {
  readonly replayed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Everything the edges call. Composed in `main.ts`; each member throws KfError. */
export interface AppServices {
  readonly config: Config;
  readonly logger: Logger;
  /** The cached report of the start-up checks; runs them when there is none or a failed one is old. */
  readiness(): Promise<CheckReportView>;
  /** Runs the checks now. */
  doctor(): Promise<CheckReportView>;
  ingestEvents(source: string, envelopes: readonly Envelope[]): Promise<void>;
  ingestBody(
    request: HttpIngestRequest,
  ): Promise<{ readonly view: OperationView; readonly repeated: boolean }>;
  operation(id: string): Promise<OperationView>;
  createUpload(database: string, table: string): Promise<UploadView>;
  deadLetters(filter: DeadLetterFilter): Promise<DeadLetterPage>;
  replayDeadLetters(filter: DeadLetterFilter): Promise<ReplayResult>;
  shipments(limit: number): Promise<readonly Shipment[]>;
  retryShipment(id: string): Promise<void>;
  deadLetterShipment(id: string): Promise<void>;
  /** One bounded round of settling; called by the timer. */
  settle(signal: AbortSignal): Promise<void>;
  /** Counters per pipeline, for `GET /api/pipelines`. */
  counters(): Readonly<Record<string, Readonly<Record<string, number>>>>;
}
