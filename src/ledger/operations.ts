import type { SourceState } from '../kusto/ports.js';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import type { TableStore } from '../storage/ports.js';
import { joinText, splitText } from './big-fields.js';
import { createSureTable } from './sure-write.js';

const PARTITION = 'operation';
/** Conditional writes tried before giving up on a busy row. */
const MAX_CONFLICTS = 20;
/** Blobs of one body kept apart in its row. */
const MAX_SOURCES = 2_000;

/** What became of one blob of an HTTP body; pieces of a refused blob take the place of the whole. */
export interface OperationSource {
  readonly state: SourceState;
  /** 0: not counted. */
  readonly rows: number;
  readonly deadLettered: number;
  readonly errorCode?: string;
}

/**
 * A body as its caller knows it. `accepting`: not all its blobs are in the ledger yet. `abandoned`: that lasted too
 * long; what is there is given up, since the caller was never told yes, and can no longer be accepted.
 */
export interface Operation {
  readonly id: string;
  readonly phase: 'accepting' | 'accepted' | 'abandoned';
  readonly database: string;
  readonly table: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly sources: Readonly<Record<string, OperationSource>>;
}

export interface OperationSummary {
  /** `pending` and `queued` while any source is; else `succeeded`, `failed`, `partiallySucceeded`, `skipped`. */
  readonly state: SourceState;
  readonly records: number;
  readonly succeeded: number;
  readonly deadLettered: number;
}

/** Operations of callers; kept after their shipments are gone. */
export interface Operations {
  /** Begins an operation. One that was accepted before is returned as it is; any other begins anew. */
  create(operation: Pick<Operation, 'id' | 'database' | 'table' | 'sources'>): Promise<Operation>;
  get(id: string): Promise<Operation | undefined>;
  /** @throws STORAGE_CONFLICT when it was abandoned meanwhile. */
  markAccepted(id: string): Promise<void>;
  /** Gives up an operation that is still `accepting`; true when it is abandoned now. */
  abandon(id: string): Promise<boolean>;
  /** Sets what became of sources; the same call again changes nothing. An unknown operation is left alone. */
  record(id: string, sources: Readonly<Record<string, OperationSource | undefined>>): Promise<void>;
  remove(id: string): Promise<void>;
  /** Removes rows older than `ageMs`, at most `max`; how many. */
  purge(ageMs: number, max: number): Promise<number>;
}

export function createOperations(options: { readonly table: TableStore; readonly clock: Clock }): Operations {
  const { table, clock } = options;
  const sure = createSureTable(table, clock);
  const rowOf = (operation: Operation, etag?: string) => ({
    partitionKey: PARTITION,
    rowKey: operation.id,
    ...(etag === undefined ? {} : { etag }),
    properties: {
      CreatedAtMs: operation.createdAtMs,
      ...splitText(JSON.stringify(operation), `operation ${operation.id}`),
    },
  });
  const change = async (
    id: string,
    edit: (operation: Operation) => Operation,
  ): Promise<Operation | undefined> => {
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
      const row = await table.get(PARTITION, id);
      if (row === undefined) return undefined;
      const current = JSON.parse(joinText(row)) as Operation;
      const next = edit(current);
      if (JSON.stringify(next) === JSON.stringify(current)) return current;
      try {
        await sure.replace(rowOf({ ...next, updatedAtMs: clock.now() }, row.etag));
        return next;
      } catch (error) {
        if (!(error instanceof KfError) || error.code !== 'STORAGE_CONFLICT') throw error;
      }
    }
    throw new KfError('STORAGE_TRANSIENT', `operation ${id}: too many writers`);
  };
  return {
    create: async (given) => {
      if (Object.keys(given.sources).length > MAX_SOURCES) {
        throw new KfError('BODY_TOO_LARGE', `operation ${given.id}: more than ${MAX_SOURCES} blobs`);
      }
      const now = clock.now();
      const operation: Operation = { ...given, phase: 'accepting', createdAtMs: now, updatedAtMs: now };
      try {
        await sure.insert(rowOf(operation));
        return operation;
      } catch (error) {
        if (!(error instanceof KfError) || error.code !== 'STORAGE_CONFLICT') throw error;
      }
      const current = await change(given.id, (held) => (held.phase === 'accepted' ? held : operation));
      return current ?? operation;
    },
    get: async (id) => {
      const row = await table.get(PARTITION, id);
      return row === undefined ? undefined : (JSON.parse(joinText(row)) as Operation);
    },
    markAccepted: async (id) => {
      const current = await change(id, (held) =>
        held.phase === 'abandoned' ? held : { ...held, phase: 'accepted' },
      );
      if (current?.phase !== 'accepted')
        throw new KfError('STORAGE_CONFLICT', `operation ${id}: was given up meanwhile`);
    },
    abandon: async (id) => {
      const current = await change(id, (held) =>
        held.phase === 'accepting' ? { ...held, phase: 'abandoned' } : held,
      );
      return current?.phase === 'abandoned';
    },
    record: async (id, sources) => {
      await change(id, (held) => ({ ...held, sources: merge(held.sources, sources) }));
    },
    remove: (id) => table.delete(PARTITION, id),
    purge: (ageMs, max) => purgeOld(table, PARTITION, { beforeMs: clock.now() - ageMs, max }),
  };
}

function merge(
  current: Operation['sources'],
  changes: Readonly<Record<string, OperationSource | undefined>>,
): Operation['sources'] {
  const next = { ...current };
  for (const [id, source] of Object.entries(changes)) {
    if (source === undefined) delete next[id];
    else if (next[id] !== undefined || Object.keys(next).length < MAX_SOURCES) next[id] = source;
  }
  return next;
}

/** Deletes rows of a partition whose `CreatedAtMs` is before a time. */
export async function purgeOld(
  table: TableStore,
  partitionKey: string,
  limits: { readonly beforeMs: number; readonly max: number },
): Promise<number> {
  const old: string[] = [];
  for await (const row of table.list({ partitionKey, filter: `CreatedAtMs lt ${limits.beforeMs}.0` })) {
    old.push(row.rowKey);
    if (old.length >= limits.max) break;
  }
  for (const rowKey of old) await table.delete(partitionKey, rowKey);
  return old.length;
}

/** The state and counters of an operation, from its sources. */
export function summarize(operation: Operation): OperationSummary {
  const sources = Object.values(operation.sources);
  const has = (state: SourceState): boolean => sources.some((source) => source.state === state);
  const sum = (pick: (source: OperationSource) => number): number =>
    sources.reduce((total, source) => total + pick(source), 0);
  return {
    state: stateOf(has),
    records: sum((source) => source.rows),
    succeeded: sum((source) =>
      source.state === 'succeeded' || source.state === 'skipped' ? source.rows : 0,
    ),
    deadLettered: sum((source) => source.deadLettered),
  };
}

function stateOf(has: (state: SourceState) => boolean): SourceState {
  if (has('pending')) return 'pending';
  if (has('queued')) return 'queued';
  const good = has('succeeded') || has('skipped');
  if (has('partiallySucceeded') || (has('failed') && good)) return 'partiallySucceeded';
  if (has('failed')) return 'failed';
  return has('succeeded') ? 'succeeded' : 'skipped';
}
