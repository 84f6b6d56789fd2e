import type { BatchingPolicy, Catalog } from '../catalog/types.js';
import type { EngineClock } from '../faults/types.js';
import { badData } from '../ingest/errors.js';
import { Batcher } from './batcher.js';
import type { BlobDoor } from './download.js';
import type { Keeper } from './keeper.js';
import { Lanes } from './lanes.js';
import { MAX_DATA_BYTES, PARALLEL_BATCHES } from './limits.js';
import { failureOf } from './outcome.js';
import { requireTable, resolveMapping } from './read-source.js';
import type { Reporter } from './reporter.js';
import { type IngestionSource, publicPath } from './source.js';
import { BatchWorker, type WorkerParts } from './worker.js';

export interface QueuedParts extends Omit<WorkerParts, 'again' | 'settled' | 'reporter'> {
  readonly catalog: Catalog;
  readonly blobs: BlobDoor;
  readonly clock: EngineClock;
  readonly reporter: Reporter;
  /** Where accepted sources wait across a restart. */
  readonly pending: Keeper<IngestionSource>;
}

function tooLarge({ blob, rawSizeBytes }: IngestionSource): Error {
  return badData(
    'BadRequest_FileTooLarge',
    `${publicPath(blob)} has ${rawSizeBytes} bytes; ${MAX_DATA_BYTES} is the most that is ingested`,
  );
}

/** Queued ingestion from the accepted source to its extent. */
export class QueuedIngestion {
  private readonly parts: QueuedParts;
  private readonly batcher: Batcher;
  private readonly worker: BatchWorker;
  private readonly lanes = new Lanes(PARALLEL_BATCHES);
  /** Accepted and not settled: a message delivered again while its work goes on must not start it anew. */
  private readonly unsettled = new Set<string>();
  private stopped = false;

  constructor(parts: QueuedParts) {
    this.parts = parts;
    const settled = (source: IngestionSource) => this.settle(source);
    const worker = new BatchWorker({ ...parts, settled, again: (source) => this.again(source) });
    this.worker = worker;
    this.batcher = new Batcher({
      clock: parts.clock,
      policy: (database, table): BatchingPolicy => parts.catalog.batchingPolicy(database, table),
      closed: (batch) => {
        this.lanes
          .run(`${batch.database}\n${batch.table}`, () => worker.work(batch))
          .catch((error: unknown) => parts.log(`a batch was not worked through: ${String(error)}`));
      },
      duplicate: (source) => {
        const error = badData(
          'BlobAlreadyReceived_BlobAlreadyFoundInBatch',
          'The same blob was already received for this batch; it is ingested once',
        );
        this.fail(source, error).catch((reason: unknown) => parts.log(String(reason)));
      },
    });
  }

  /** Takes up what an earlier run had accepted and not settled; what it had stored is not ingested again. */
  async resume(): Promise<void> {
    for (const source of await this.parts.pending.load()) {
      this.unsettled.add(source.workId);
      if (this.parts.catalog.wasIngested(source.workId)) this.finish(source);
      else this.batcher.add(source);
    }
  }

  private finish(source: IngestionSource): void {
    this.lanes
      .run(source.workId, () => this.worker.finish(source))
      .catch((error: unknown) => this.parts.log(`a stored source was not settled: ${String(error)}`));
  }

  /** From here on the source is this endpoint's: it survives a restart where data is kept. */
  async accept(source: IngestionSource): Promise<void> {
    const { workId } = source;
    // Delivered again although it is settled: its message outlived a kill, or could not be deleted.
    if (this.unsettled.has(workId) || this.parts.catalog.wasIngested(workId)) return;
    this.unsettled.add(source.workId);
    try {
      await this.take(source);
    } catch (error) {
      this.unsettled.delete(source.workId);
      throw error;
    }
  }

  private async take(source: IngestionSource): Promise<void> {
    try {
      const table = requireTable(this.parts.catalog, source.database, source.table);
      resolveMapping(this.parts.catalog, table, source.properties);
    } catch (error) {
      await this.fail(source, error);
      return;
    }
    const sized = await this.withSize(source);
    if ((sized.rawSizeBytes ?? 0) > MAX_DATA_BYTES && sized.ignoreSizeLimit !== true) {
      await this.fail(sized, tooLarge(sized));
      return;
    }
    await this.parts.pending.put(sized.workId, sized);
    await this.parts.reporter.queued(sized);
    if (!this.stopped) this.batcher.add(sized);
  }

  /** Work under way is finished; what waits stays with the pending sources. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.batcher.stop();
    await this.lanes.idle();
  }

  private again(source: IngestionSource): void {
    if (!this.stopped) this.batcher.add(source);
  }

  /** An unknown size is estimated from the blob's. */
  private async withSize(source: IngestionSource): Promise<IngestionSource> {
    if (source.rawSizeBytes !== undefined) return source;
    const rawSizeBytes = await this.parts.blobs.size(source.blob);
    return rawSizeBytes === undefined ? source : { ...source, rawSizeBytes };
  }

  private async fail(source: IngestionSource, error: unknown): Promise<void> {
    await this.parts.reporter.failed(source, failureOf(error));
    await this.settle(source);
  }

  private async settle({ workId }: IngestionSource): Promise<void> {
    await this.parts.pending.remove(workId);
    this.unsettled.delete(workId);
  }
}
