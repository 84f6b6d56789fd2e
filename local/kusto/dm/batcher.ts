import type { BatchingPolicy } from '../catalog/types.js';
import type { EngineClock } from '../faults/types.js';
import { MAX_OPEN_BATCHES } from './limits.js';
import { batchKey, type IngestionSource, publicPath } from './source.js';

/** Why a batch was closed, in the service's words. */
export type CloseReason =
  | 'Time'
  | 'Count'
  | 'Size'
  | 'FlushImmediately'
  | 'SingleBlob_IngestIfNotExists'
  | 'SingleBlob_IngestByTag'
  | 'SingleBlob_SizeUnknown'
  | 'SystemFlush'
  | 'Retry';

export interface Batch {
  readonly database: string;
  readonly table: string;
  readonly sources: readonly IngestionSource[];
  readonly reason: CloseReason;
}

export interface BatcherPorts {
  readonly clock: EngineClock;
  policy(database: string, table: string): BatchingPolicy;
  closed(batch: Batch): void;
  /** The same blob came twice into one batch: the second is not ingested. */
  duplicate(source: IngestionSource): void;
}

interface OpenBatch {
  readonly sources: IngestionSource[];
  readonly blobs: Set<string>;
  rawBytes: number;
  cancelTimer: () => void;
}

/** The reason a source must be ingested alone, if there is one. */
function singleReason(source: IngestionSource): CloseReason | undefined {
  const { properties } = source;
  if (properties.ingestIfNotExists.length > 0) return 'SingleBlob_IngestIfNotExists';
  if (properties.tags.some((tag) => tag.startsWith('ingest-by:'))) return 'SingleBlob_IngestByTag';
  return source.rawSizeBytes === undefined ? 'SingleBlob_SizeUnknown' : undefined;
}

/** Gathers sources into batches as the batching policy of their table says. */
export class Batcher {
  private readonly ports: BatcherPorts;
  private readonly open = new Map<string, OpenBatch>();

  constructor(ports: BatcherPorts) {
    this.ports = ports;
  }

  get waiting(): number {
    let count = 0;
    for (const batch of this.open.values()) count += batch.sources.length;
    return count;
  }

  add(source: IngestionSource): void {
    const alone = source.attempts > 0 ? 'Retry' : singleReason(source);
    if (alone !== undefined) {
      this.emit([source], alone);
      return;
    }
    const key = batchKey(source);
    const batch = this.open.get(key) ?? this.start(key, source);
    const path = publicPath(source.blob);
    if (batch.blobs.has(path)) {
      this.ports.duplicate(source);
      return;
    }
    batch.blobs.add(path);
    batch.sources.push(source);
    batch.rawBytes += source.rawSizeBytes ?? 0;
    const reason = this.full(batch, source);
    if (reason !== undefined) this.close(key, reason);
  }

  /** Closes every open batch. */
  flush(): void {
    for (const key of [...this.open.keys()]) this.close(key, 'SystemFlush');
  }

  /** Forgets what is open: it waits elsewhere. */
  stop(): void {
    for (const batch of this.open.values()) batch.cancelTimer();
    this.open.clear();
  }

  private start(key: string, { database, table }: IngestionSource): OpenBatch {
    if (this.open.size >= MAX_OPEN_BATCHES) this.close(this.open.keys().next().value!, 'SystemFlush');
    const { maxTimeMs } = this.ports.policy(database, table);
    const cancelTimer = this.ports.clock.after(maxTimeMs, () => this.close(key, 'Time'));
    const batch: OpenBatch = { sources: [], blobs: new Set(), rawBytes: 0, cancelTimer };
    this.open.set(key, batch);
    return batch;
  }

  private full(
    batch: OpenBatch,
    { database, table, flushImmediately }: IngestionSource,
  ): CloseReason | undefined {
    if (flushImmediately) return 'FlushImmediately';
    const policy = this.ports.policy(database, table);
    if (batch.sources.length >= policy.maxItems) return 'Count';
    return batch.rawBytes >= policy.maxRawBytes ? 'Size' : undefined;
  }

  private close(key: string, reason: CloseReason): void {
    const batch = this.open.get(key);
    if (batch === undefined) return;
    this.open.delete(key);
    batch.cancelTimer();
    if (batch.sources.length > 0) this.emit(batch.sources, reason);
  }

  private emit(sources: readonly IngestionSource[], reason: CloseReason): void {
    const { database, table } = sources[0]!;
    this.ports.closed({ database, table, sources, reason });
  }
}
