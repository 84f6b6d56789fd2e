import { createHash } from 'node:crypto';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import type { Entity, TableStore } from '../storage/ports.js';
import { purgeOld } from './operations.js';
import { createSureTable } from './sure-write.js';

const PARTITION = 'idempotency';
/** A request in progress for longer than this has died; its key may be taken over. */
const DEFAULT_ABANDONED_MS = 15 * 60_000;

export type IdempotencyClaim =
  /** This request goes on; it ends with `complete` or `release`. */
  | { readonly kind: 'new'; readonly operationId: string }
  /** An earlier request did it. */
  | { readonly kind: 'done'; readonly operationId: string };

/** Remembers requests by their `Idempotency-Key`, so that a repeat is harmless. */
export interface Idempotency {
  /**
   * Takes a key for a request whose target and form are `digest`. A key whose request died, or was released, is
   * taken over with its operation id, so that a repeat writes over what the first attempt left.
   * @throws IDEMPOTENCY_MISMATCH, IDEMPOTENCY_IN_PROGRESS
   */
  claim(request: {
    readonly key: string;
    readonly digest: string;
    readonly operationId: string;
  }): Promise<IdempotencyClaim>;
  /** The request was accepted. */
  complete(key: string): Promise<void>;
  /** The request failed with nothing accepted: the key is free again. */
  release(key: string): Promise<void>;
  purge(max: number): Promise<number>;
}

export interface IdempotencyOptions {
  readonly table: TableStore;
  readonly clock: Clock;
  /** How long a key holds. */
  readonly keepMs: number;
  readonly abandonedMs?: number;
}

export function createIdempotency(options: IdempotencyOptions): Idempotency {
  const { table, clock } = options;
  const sure = createSureTable(table, clock);
  const finish = async (key: string, state: 'done' | 'released'): Promise<void> => {
    const row = await table.get(PARTITION, rowKeyOf(key));
    if (row === undefined) return;
    await sure.replace({ ...row, properties: { ...row.properties, State: state } });
  };
  return {
    claim: async (request) => {
      const fresh = rowOf(request, clock.now());
      try {
        await sure.insert(fresh);
        return { kind: 'new', operationId: request.operationId };
      } catch (error) {
        if (!(error instanceof KfError) || error.code !== 'STORAGE_CONFLICT') throw error;
      }
      const held = await table.get(PARTITION, fresh.rowKey);
      if (held === undefined)
        throw new KfError('IDEMPOTENCY_IN_PROGRESS', 'Idempotency-Key: just removed', {
          retryAfterMs: 1_000,
        });
      return judge(
        held,
        request,
        async () => {
          const operationId = String(held.properties['OperationId']);
          const next = rowOf({ ...request, operationId }, clock.now());
          await sure.replace({ ...next, ...(held.etag === undefined ? {} : { etag: held.etag }) });
          return { kind: 'new', operationId };
        },
        options,
      );
    },
    complete: (key) => finish(key, 'done'),
    release: (key) => finish(key, 'released'),
    purge: (max) => purgeOld(table, PARTITION, { beforeMs: clock.now() - options.keepMs, max }),
  };
}

async function judge(
  held: Entity,
  request: { readonly digest: string },
  takeOver: () => Promise<IdempotencyClaim>,
  options: IdempotencyOptions,
): Promise<IdempotencyClaim> {
  const { Digest, State, OperationId, CreatedAtMs } = held.properties;
  const ageMs = options.clock.now() - Number(CreatedAtMs);
  if (ageMs > options.keepMs) return takeOver();
  if (Digest !== request.digest) {
    throw new KfError('IDEMPOTENCY_MISMATCH', 'Idempotency-Key: was used for another target or body');
  }
  if (State === 'done') return { kind: 'done', operationId: String(OperationId) };
  const abandonedMs = options.abandonedMs ?? DEFAULT_ABANDONED_MS;
  if (State === 'released' || ageMs > abandonedMs) {
    return takeOver().catch((error: unknown) => {
      if (!(error instanceof KfError) || error.code !== 'STORAGE_CONFLICT') throw error;
      throw inProgress(abandonedMs);
    });
  }
  throw inProgress(abandonedMs - ageMs);
}

function inProgress(waitMs: number): KfError {
  return new KfError('IDEMPOTENCY_IN_PROGRESS', 'Idempotency-Key: a request with it is still running', {
    retryAfterMs: Math.min(Math.max(1_000, waitMs), 30_000),
  });
}

/** Keys are hashed: they may hold what a row key may not, and may be long. */
function rowKeyOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

function rowOf(
  request: { readonly key: string; readonly digest: string; readonly operationId: string },
  nowMs: number,
): Entity {
  return {
    partitionKey: PARTITION,
    rowKey: rowKeyOf(request.key),
    properties: {
      State: 'inProgress',
      Digest: request.digest,
      OperationId: request.operationId,
      CreatedAtMs: nowMs,
    },
  };
}
