import type { MappingColumn } from '../config/types.js';
import type { OperationRef } from '../kusto/ports.js';

export type ShipmentState = 'staged' | 'queued' | 'settled' | 'failed' | 'unknown';

/** Positions of one partition that a blob holds; first and last inclusive. */
export interface SourceRange {
  readonly partition: string;
  readonly firstSequenceNumber: number;
  readonly lastSequenceNumber: number;
}

/** One blob on its way into a table. Never holds a SAS, a token or a record. */
export interface Shipment {
  /** Also the service's sourceId. */
  readonly id: string;
  readonly state: ShipmentState;
  readonly source: string;
  readonly database: string;
  readonly table: string;
  readonly format: string;
  readonly mapping?: string | readonly MappingColumn[];
  readonly tags: readonly string[];
  readonly container: string;
  readonly blob: string;
  /** Blob with the origin of each record (position, key, properties), beside the data. */
  readonly originsBlob?: string;
  /** The same within the row, gzip in base64, where it is small: one blob less to write and to delete. */
  readonly origins?: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly rawSizeBytes: number;
  /** 0: not counted (parquet, orc, whole Avro containers of HTTP bodies). */
  readonly rows: number;
  readonly ranges: readonly SourceRange[];
  readonly operation?: OperationRef;
  /** The id callers know (`GET /api/operations/{id}`), for HTTP bodies. */
  readonly callerOperationId?: string;
  /** 0 for a blob as first sent; +1 each time a refused blob was cut. */
  readonly depth: number;
  readonly parentId?: string;
  readonly attempts: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly errorCode?: string;
  readonly errorMessage?: string;
  /** In `failed`: what is being done with the blob, so that it can be resumed after a crash. */
  readonly plan?: 'cut' | 'deadLetter';
  /** In `staged`: no call was made since this state was entered, so sending it cannot double anything. */
  readonly unsent?: boolean;
  /** An instance works on the shipment until then; others leave it alone. */
  readonly leaseUntilMs?: number;
  /** Not sent again before this. */
  readonly notBeforeMs?: number;
  /** The blob that was first cut; pieces of one blob share a bound on cuts. */
  readonly rootId?: string;
  readonly etag?: string;
}

export interface Ledger {
  insert(shipment: Shipment): Promise<Shipment>;
  /** Conditional on the ETag. @throws STORAGE_CONFLICT, ILLEGAL_STATE for a move outside the table of moves. */
  update(shipment: Shipment, change: Partial<Shipment>): Promise<Shipment>;
  get(id: string): Promise<Shipment | undefined>;
  remove(shipment: Shipment): Promise<void>;
  /** Open shipments (`staged`, `queued`, `failed`, `unknown`), oldest first. */
  open(options?: {
    callerOperationId?: string;
    /** Also rows left `settled` by a crash just before they were removed. */
    includeSettled?: boolean;
    signal?: AbortSignal;
  }): AsyncIterable<Shipment>;
  /** Counts one cut of a root blob; false when the bound is reached. */
  takeCut(rootId: string, maxCuts: number): Promise<boolean>;
}
