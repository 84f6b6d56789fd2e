import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import type { Entity, TableStore } from '../storage/ports.js';
import { joinText, splitText } from './big-fields.js';
import { requireLegalMove } from './moves.js';
import type { Ledger, Shipment, ShipmentState } from './ports.js';
import { createSureTable } from './sure-write.js';

/** Rows are spread over sixteen partitions by id; the state is no part of the key, so it can change in place. */
const PARTITION = 'shipment-';
const PARTITION_RANGE = `PartitionKey ge '${PARTITION}' and PartitionKey lt 'shipment.'`;
const CUTS_PARTITION = 'cuts';
/** Most shipments that one listing holds in memory: the oldest are kept. */
const MAX_LISTED = 20_000;
const MAX_CUT_CONFLICTS = 10;

export interface TableLedgerOptions {
  readonly table: TableStore;
  readonly clock: Clock;
}

/** The ledger in a storage table: one row per shipment, changed only under its ETag. */
export function createTableLedger(options: TableLedgerOptions): Ledger {
  const { table } = options;
  const sure = createSureTable(table, options.clock);
  return {
    insert: async (shipment) => toShipment(await sure.insert(toRow(shipment))),
    update: async (shipment, change) => {
      const next = { ...shipment, ...change };
      requireLegalMove(shipment.id, shipment.state, next.state);
      return toShipment(await sure.replace(toRow(next)));
    },
    get: async (id) => {
      const row = await table.get(partitionOf(id), id);
      return row === undefined ? undefined : toShipment(row);
    },
    remove: (shipment) => table.delete(partitionOf(shipment.id), shipment.id),
    open: (query = {}) => listOpen(table, query),
    takeCut: (rootId, maxCuts) => takeCut(options, rootId, maxCuts),
  };
}

function partitionOf(id: string): string {
  return `${PARTITION}${id.slice(0, 1)}`;
}

function toRow(shipment: Shipment): Entity {
  const { etag, ...rest } = shipment;
  return {
    partitionKey: partitionOf(shipment.id),
    rowKey: shipment.id,
    ...(etag === undefined ? {} : { etag }),
    properties: {
      State: shipment.state,
      Source: shipment.source.slice(0, 256),
      Target: `${shipment.database}.${shipment.table}`.slice(0, 1024),
      CreatedAtMs: shipment.createdAtMs,
      CallerOperationId: shipment.callerOperationId,
      ...splitText(JSON.stringify(rest), `shipment ${shipment.id}`),
    },
  };
}

function toShipment(row: Entity): Shipment {
  const shipment = JSON.parse(joinText(row)) as Shipment;
  return row.etag === undefined ? shipment : { ...shipment, etag: row.etag };
}

async function* listOpen(
  table: TableStore,
  query: NonNullable<Parameters<Ledger['open']>[0]>,
): AsyncGenerator<Shipment> {
  const found: Shipment[] = [];
  const caller = query.callerOperationId?.replaceAll("'", "''");
  const filter =
    caller === undefined ? PARTITION_RANGE : `${PARTITION_RANGE} and CallerOperationId eq '${caller}'`;
  const settled: ShipmentState = 'settled';
  for await (const row of table.list({
    filter,
    ...(query.signal === undefined ? {} : { signal: query.signal }),
  })) {
    if (row.properties['State'] === settled && query.includeSettled !== true) continue;
    found.push(toShipment(row));
    if (found.length >= MAX_LISTED * 2) keepOldest(found);
  }
  keepOldest(found);
  yield* found;
}

function keepOldest(shipments: Shipment[]): void {
  shipments.sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
  shipments.length = Math.min(shipments.length, MAX_LISTED);
}

async function takeCut(options: TableLedgerOptions, rootId: string, maxCuts: number): Promise<boolean> {
  const { table, clock } = options;
  for (let conflicts = 0; conflicts < MAX_CUT_CONFLICTS; conflicts++) {
    const row = await table.get(CUTS_PARTITION, rootId);
    const cuts = Number(row?.properties['Cuts'] ?? 0);
    if (cuts >= maxCuts) return false;
    const next = {
      partitionKey: CUTS_PARTITION,
      rowKey: rootId,
      properties: { Cuts: cuts + 1, CreatedAtMs: clock.now() },
    };
    try {
      await (row === undefined
        ? table.insert(next)
        : table.replace({ ...next, ...(row.etag === undefined ? {} : { etag: row.etag }) }));
      return true;
    } catch (error) {
      if (
        !(error instanceof KfError) ||
        (error.code !== 'STORAGE_CONFLICT' && error.code !== 'STORAGE_NOT_FOUND')
      )
        throw error;
    }
  }
  throw new KfError('STORAGE_CONFLICT', `cuts of ${rootId}: too many writers`);
}
