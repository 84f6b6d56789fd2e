import type { CutBody } from '../formats/body-cutter.js';
import type { KustoClient, QueuedIngestion } from '../kusto/ports.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/log.js';
import type { BlobStore } from '../storage/ports.js';
import type { SasUrl } from '../storage/sas-url.js';
import type { LoadStore } from './store.js';
import type { Load } from './types.js';

/** A blob that a load reads, outside what the app stages itself. `sas` is the query of an address, if it had one. */
export interface SourceRef {
  readonly address: string;
  readonly sas?: string;
}

/** The storage that loads may read from; every call checks the address against the configuration anew. */
export interface SourceStorage {
  /** @throws LOAD_SOURCE_FORBIDDEN, STORAGE_*; undefined when there is no such blob. */
  facts(source: SourceRef): Promise<{ readonly sizeBytes: number } | undefined>;
  /** Blobs under a prefix, in the order of their names. */
  list(
    prefix: SourceRef,
    signal?: AbortSignal,
  ): AsyncIterable<{ readonly address: string; readonly sizeBytes: number }>;
  /** Bytes from `from` (inclusive) to `to` (exclusive). */
  range(source: SourceRef, from: number, to: number): Promise<Buffer>;
  /** What the service reads the blob by; lives `ttlMs` where we make it. */
  link(source: SourceRef, ttlMs: number): Promise<SasUrl>;
}

/** What a load is started and told through; Durable Functions behind it. */
export interface LoadStarter {
  /** Begins the orchestration of a load; one that is running goes on as it is. */
  start(load: Load): Promise<void>;
  /** Wakes a load that waits, so that it sees its cancellation. */
  wake(id: string): Promise<void>;
  /** `running`: it will go on by itself. `terminated`: somebody ended it by hand, past its undo. */
  state(id: string): Promise<'running' | 'ended' | 'terminated'>;
}

export interface LoadLimits {
  readonly maxSources: number;
  readonly maxExtentsPerMove: number;
  /** Life of the links given to the service. */
  readonly linkTtlMs: number;
  readonly keepMs: number;
}

/** Everything a step of a load works with. */
export interface LoadDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: LoadStore;
  readonly kusto: KustoClient;
  readonly queued: QueuedIngestion;
  /** The app's own account. */
  readonly blobs: BlobStore;
  readonly sources: SourceStorage;
  readonly cutBody: CutBody;
  readonly stagingContainer: string;
  readonly uploadContainer: string;
  /** Beginning of the names of this app's staging tables. */
  readonly stagingPrefix: string;
  readonly limits: LoadLimits;
}
