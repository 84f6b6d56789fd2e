import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/log.js';
import type { BlobStore, TableStore } from '../storage/ports.js';
import type { Idempotency } from './idempotency.js';
import { idOfBlob } from './ids.js';
import { type Operations, purgeOld } from './operations.js';
import type { Ledger } from './ports.js';

/** Blobs looked at, and rows removed, in one round. */
const MAX_BLOBS = 20_000;
const MAX_DELETES = 2_000;
const MAX_ROWS = 1_000;
/** Rows of operations, keys and cut counters are kept this long. */
const KEEP_ROWS_MS = 30 * 24 * 3_600_000;

export interface ReaperDeps {
  readonly clock: Clock;
  readonly blobs: BlobStore;
  readonly ledger: Ledger;
  readonly table: TableStore;
  readonly operations: Operations;
  readonly idempotency: Idempotency;
  readonly logger: Logger;
  readonly container: string;
  /** A blob without a row is removed when older: far above the time between its upload and its row. */
  readonly orphanAgeMs: number;
}

export interface ReaperSummary {
  readonly blobsDeleted: number;
  readonly rowsDeleted: number;
}

/**
 * Removes staged blobs that no shipment knows (an instance died between upload and row, so nobody was told that
 * their records are safe), and rows that are past their time. Bounded; the next round goes on.
 */
export async function reap(deps: ReaperDeps, signal: AbortSignal): Promise<ReaperSummary> {
  const blobsDeleted = await reapBlobs(deps, signal);
  const beforeMs = deps.clock.now() - KEEP_ROWS_MS;
  const rows = await Promise.all([
    deps.operations.purge(KEEP_ROWS_MS, MAX_ROWS),
    deps.idempotency.purge(MAX_ROWS),
    purgeOld(deps.table, 'cuts', { beforeMs, max: MAX_ROWS }),
  ]);
  const rowsDeleted = rows.reduce((sum, count) => sum + count, 0);
  if (blobsDeleted + rowsDeleted > 0) deps.logger.info('ledger.reaped', { blobsDeleted, rowsDeleted });
  return { blobsDeleted, rowsDeleted };
}

async function reapBlobs(deps: ReaperDeps, signal: AbortSignal): Promise<number> {
  let seen = 0;
  let deleted = 0;
  for (const prefix of ['data/', 'origins/']) {
    for await (const blob of deps.blobs.list(deps.container, prefix, signal)) {
      if (++seen > MAX_BLOBS || deleted >= MAX_DELETES || signal.aborted) return deleted;
      const id = idOfBlob(blob.name);
      const isOld = deps.clock.now() - blob.lastModifiedMs >= deps.orphanAgeMs;
      if (id === undefined || !isOld || (await deps.ledger.get(id)) !== undefined) continue;
      await deps.blobs.delete(deps.container, blob.name);
      deleted++;
    }
  }
  return deleted;
}
