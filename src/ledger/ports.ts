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
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly rawSizeBytes: number;
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
  readonly etag?: string;
}

export interface Ledger {
  insert(shipment: Shipment): Promise<Shipment>;
  /** Conditional on the ETag. @throws STORAGE_CONFLICT, ILLEGAL_STATE for a move outside the table of moves. */
  update(shipment: Shipment, change: Partial<Shipment>): Promise<Shipment>;
  get(id: string): Promise<Shipment | undefined>;
  remove(shipment: Shipment): Promise<void>;
  /** Open shipments (`staged`, `queued`, `failed`, `unknown`), oldest first. */
  open(options?: { callerOperationId?: string; signal?: AbortSignal }): AsyncIterable<Shipment>;
}
