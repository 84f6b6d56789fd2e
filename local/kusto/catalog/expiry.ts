import { formatDatetime } from '../values/datetime.js';
import { badRequest } from './errors.js';
import type { CatalogState, Change, Database } from './model.js';
import { autoDelete, softDeletePeriod } from './policies.js';
import type { Table } from './types.js';

/** The table as it is at `now`: without extents past their retention, `undefined` past its auto-delete date. */
export function liveTable(table: Table, database: Database, now: bigint): Table | undefined {
  const period = softDeletePeriod(table.policies, database.policies);
  const isLive = ({ createdOn }: { readonly createdOn: bigint }) =>
    period === undefined || createdOn + period > now;
  const live =
    period === undefined || table.extents.every(isLive)
      ? table
      : { ...table, extents: table.extents.filter(isLive) };
  const end = table.policies.has('auto_delete') ? autoDelete(table.policies) : undefined;
  const isOver = end !== undefined && end.expiry <= now && (end.evenIfNotEmpty || live.extents.length === 0);
  return isOver ? undefined : live;
}

/** @throws KustoError when rows of that creation time (absent: now) would be gone as soon as they came. */
export function demandLasting(table: Table, database: Database, now: bigint, createdOn = now): void {
  const period = softDeletePeriod(table.policies, database.policies);
  if (period === 0n) {
    throw badRequest(
      `Table '${table.name}' keeps nothing: its soft-delete period is zero, and it feeds no update policy`,
      'BadRequest_ZeroRetentionPolicyWithNoUpdatePolicy',
    );
  }
  if (period !== undefined && createdOn + period <= now) {
    throw badRequest(
      `The creation time ${formatDatetime(createdOn)} is not within the soft-delete period of table '${table.name}'`,
      'BadRequest_CreationTimeEarlierThanSoftDeletePeriod',
    );
  }
}

/** What must be dropped for the catalogue to be as retention and auto-delete want it at `now`. */
export function expiredChanges(state: CatalogState, now: bigint): Change[] {
  return [...state.databases.values()].flatMap((database) =>
    [...database.tables.values()].flatMap((table) => expiredOf(table, database, now)),
  );
}

function expiredOf(table: Table, database: Database, now: bigint): Change[] {
  const live = liveTable(table, database, now);
  const place = { database: database.name, table: table.name };
  if (live === undefined) {
    return [{ kind: 'dropTable', ...place }];
  }
  if (live === table) {
    return [];
  }
  const kept = new Set(live.extents.map(({ id }) => id));
  const drop = table.extents.map(({ id }) => id).filter((id) => !kept.has(id));
  return [{ kind: 'extents', ...place, add: [], drop }];
}
