import { joinText, splitText } from '../ledger/big-fields.js';
import { createSureTable } from '../ledger/sure-write.js';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import type { Entity, TableStore } from '../storage/ports.js';
import { requireLegalLoadMove } from './moves.js';
import type { Load, LoadCall, LoadState } from './types.js';

const LOADS = 'load';
/** Claims of `ingest-by` values, so that two loads under one value commit one after the other. */
const CLAIMS = 'load-claim';
/** Conditional writes tried before giving up on a busy row. */
const MAX_CONFLICTS = 20;
/** Most loads that one listing looks at. */
const MAX_LISTED = 20_000;

export interface LoadPage {
  readonly loads: readonly Load[];
  readonly continuation?: string;
}

/** Loads and their calls in the ledger table: one row each, changed only under its ETag. */
export interface LoadStore {
  /** @throws STORAGE_CONFLICT when there is a load of this id. */
  insert(load: Load): Promise<Load>;
  get(id: string): Promise<Load | undefined>;
  /**
   * Changes a load by what `edit` answers for its newest form; the load as it then is.
   * @throws NOT_FOUND, ILLEGAL_STATE
   */
  change(id: string, edit: (load: Load) => Partial<Load>): Promise<Load>;
  /** Newest first. */
  list(query: { state?: LoadState; limit: number; continuation?: string }): Promise<LoadPage>;
  /** Every load in this state. */
  inState(state: LoadState): AsyncIterable<Load>;
  /** Removes a load with all that belongs to it. */
  remove(id: string): Promise<void>;
  /** The calls of one generation in these states, or all, in order. */
  calls(id: string, generation: number, states?: readonly LoadCall['state'][]): AsyncIterable<LoadCall>;
  /** Adds a call; one that is there stays as it is. */
  addCall(call: LoadCall): Promise<void>;
  /** @throws STORAGE_CONFLICT */
  replaceCall(call: LoadCall): Promise<LoadCall>;
  removeCalls(id: string): Promise<void>;
  /** Takes an `ingest-by` value of a table for this load; the load that holds it when another does. */
  claim(key: string, id: string): Promise<string>;
  /** Gives a value back, or takes it from a load that has ended. */
  unclaim(key: string, id: string): Promise<void>;
}

const callsOf = (id: string): string => `load-call-${id}`;
const callRowKey = (call: Pick<LoadCall, 'generation' | 'key'>): string =>
  `${String(call.generation).padStart(3, '0')}.${call.key}`;
const isConflict = (error: unknown): boolean => error instanceof KfError && error.code === 'STORAGE_CONFLICT';

function toRow(partitionKey: string, rowKey: string, value: Load | LoadCall): Entity {
  const { etag, ...rest } = value;
  const facts =
    'createdAtMs' in rest
      ? {
          State: rest.state,
          Target: `${rest.options.database}.${rest.options.table}`,
          CreatedAtMs: rest.createdAtMs,
        }
      : { State: rest.state };
  return {
    partitionKey,
    rowKey,
    ...(etag === undefined ? {} : { etag }),
    properties: { ...facts, ...splitText(JSON.stringify(rest), `${partitionKey} ${rowKey}`) },
  };
}

function fromRow<T extends Load | LoadCall>(row: Entity): T {
  const value = JSON.parse(joinText(row)) as T;
  return row.etag === undefined ? value : { ...value, etag: row.etag };
}

export function createLoadStore(options: { readonly table: TableStore; readonly clock: Clock }): LoadStore {
  const { table, clock } = options;
  const sure = createSureTable(table, clock);
  const get = async (id: string): Promise<Load | undefined> => {
    const row = await table.get(LOADS, id);
    return row === undefined ? undefined : fromRow<Load>(row);
  };
  const removeCalls = (id: string): Promise<void> => removePartition(table, callsOf(id));
  return {
    get,
    insert: async (load) => fromRow(await sure.insert(toRow(LOADS, load.id, load))),
    change: async (id, edit) => {
      for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
        const load = await get(id);
        if (load === undefined)
          throw new KfError('NOT_FOUND', `load ${id}: unknown, or its record has expired`);
        const next = { ...load, ...edit(load), updatedAtMs: clock.now() };
        requireLegalLoadMove(id, load.state, next.state);
        try {
          return fromRow(await sure.replace(toRow(LOADS, id, next)));
        } catch (error) {
          if (!isConflict(error)) throw error;
        }
      }
      throw new KfError('STORAGE_TRANSIENT', `load ${id}: too many writers`);
    },
    list: (query) => listLoads(table, query),
    inState: (state) => loadsInState(table, state),
    remove: async (id) => {
      await removeCalls(id);
      await table.delete(LOADS, id);
    },
    calls: (id, generation, states) => callsIn(table, { id, generation, states }),
    addCall: async (call) => {
      await sure.insert(toRow(callsOf(call.load), callRowKey(call), call)).catch((error: unknown) => {
        if (!isConflict(error)) throw error;
      });
    },
    replaceCall: async (call) =>
      fromRow(await sure.replace(toRow(callsOf(call.load), callRowKey(call), call))),
    removeCalls,
    claim: async (key, id) => {
      const mine = { partitionKey: CLAIMS, rowKey: key, properties: { Load: id, CreatedAtMs: clock.now() } };
      try {
        await sure.insert(mine);
        return id;
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
      return String((await table.get(CLAIMS, key))?.properties['Load'] ?? '');
    },
    unclaim: async (key, id) => {
      const held = await table.get(CLAIMS, key);
      if (held?.properties['Load'] === id) await table.delete(CLAIMS, key, held.etag);
    },
  };
}

async function* loadsInState(table: TableStore, state: LoadState): AsyncGenerator<Load> {
  for await (const row of table.list({ partitionKey: LOADS, filter: `State eq '${state}'` })) {
    yield fromRow<Load>(row);
  }
}

async function* callsIn(
  table: TableStore,
  query: { id: string; generation: number; states: readonly LoadCall['state'][] | undefined },
): AsyncGenerator<LoadCall> {
  const first = callRowKey({ generation: query.generation, key: '' });
  const range = `RowKey ge '${first}' and RowKey lt '${first.slice(0, -1)}/'`;
  const states = query.states?.map((state) => `State eq '${state}'`).join(' or ');
  const filter = states === undefined ? range : `${range} and (${states})`;
  for await (const row of table.list({ partitionKey: callsOf(query.id), filter }))
    yield fromRow<LoadCall>(row);
}

async function removePartition(table: TableStore, partitionKey: string): Promise<void> {
  const keys: string[] = [];
  for await (const row of table.list({ partitionKey })) keys.push(row.rowKey);
  for (const key of keys) await table.delete(partitionKey, key);
}

/** Where a listing goes on: after the load of this time and id. */
const placeOf = ({ createdAtMs, id }: Load): string => `${String(createdAtMs).padStart(15, '0')}_${id}`;

async function listLoads(
  table: TableStore,
  query: { readonly state?: LoadState; readonly limit: number; readonly continuation?: string },
): Promise<LoadPage> {
  const filter = query.state === undefined ? {} : { filter: `State eq '${query.state}'` };
  const loads: Load[] = [];
  for await (const row of table.list({ partitionKey: LOADS, ...filter })) {
    loads.push(fromRow<Load>(row));
    if (loads.length >= MAX_LISTED) break;
  }
  loads.sort((a, b) => (placeOf(a) < placeOf(b) ? 1 : -1));
  const { continuation } = query;
  const rest = continuation === undefined ? loads : loads.filter((load) => placeOf(load) < continuation);
  const page = rest.slice(0, query.limit);
  const last = page.at(-1);
  return {
    loads: page,
    ...(last !== undefined && rest.length > page.length ? { continuation: placeOf(last) } : {}),
  };
}
