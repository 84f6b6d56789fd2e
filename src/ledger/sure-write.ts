import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import { retry } from '../runtime/retry.js';
import type { Entity, TableStore } from '../storage/ports.js';

const POLICY = { maxAttempts: 4, baseMs: 200, maxMs: 4_000, maxElapsedMs: 30_000 } as const;

/**
 * A conditional write that survives a lost answer: every write is stamped, so that reading the row tells whether
 * ours arrived.
 */
export interface SureTable {
  /** @throws STORAGE_CONFLICT when a row of another write is there. */
  insert(entity: Entity): Promise<Entity>;
  /** @throws STORAGE_CONFLICT, STORAGE_NOT_FOUND. */
  replace(entity: Entity): Promise<Entity>;
}

export function createSureTable(table: TableStore, clock: Clock): SureTable {
  const sure = (entity: Entity, write: (stamped: Entity) => Promise<Entity>): Promise<Entity> => {
    const stamp = clock.newId();
    const stamped = { ...entity, properties: { ...entity.properties, Write: stamp } };
    let unsure = false;
    const attempt = async (): Promise<Entity> => {
      try {
        return await write(stamped);
      } catch (error) {
        if (!(error instanceof KfError)) throw error;
        if (error.code === 'STORAGE_CONFLICT' && unsure) {
          const found = await table.get(entity.partitionKey, entity.rowKey);
          if (found?.properties['Write'] === stamp)
            return { ...stamped, ...(found.etag === undefined ? {} : { etag: found.etag }) };
        }
        unsure ||= error.retryable;
        throw error;
      }
    };
    return retry(attempt, { clock, policy: POLICY });
  };
  return {
    insert: (entity) => sure(entity, (stamped) => table.insert(stamped)),
    replace: (entity) => sure(entity, (stamped) => table.replace(stamped)),
  };
}
