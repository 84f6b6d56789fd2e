import { entityNotFound } from '../catalog/errors.js';
import type { CatalogState, Database } from '../catalog/model.js';
import type { Table } from '../catalog/types.js';
import type { Role } from '../server/types.js';
import type { Access, CommandRequest } from './types.js';

export function databaseOf(state: CatalogState, name: string): Database {
  const database = state.databases.get(name);
  if (database === undefined) {
    throw entityNotFound('Database', name);
  }
  return database;
}

export function tableOf(state: CatalogState, database: string, name: string): Table {
  return tableIn(databaseOf(state, database), name);
}

export function tableIn(database: Database, name: string): Table {
  const table = database.tables.get(name);
  if (table === undefined) {
    throw entityNotFound('Table', name);
  }
  return table;
}

/** Without its extents: what a `putTable` change carries. */
export function detailsOf({ extents: _, ...details }: Table): Omit<Table, 'extents'> {
  return details;
}

/** Without its tables and functions: what a `putDatabase` change carries. */
export function databaseDetails({ tables: _, functions: __, ...details }: Database) {
  return details;
}

/** The right to know what there is in a database, without reading its rows. */
export function onMetadata(request: CommandRequest, database = request.database): Access[] {
  return [{ role: 'metadata', database }];
}

export function onDatabase(role: Role, request: CommandRequest, database = request.database): Access[] {
  return [{ role, database }];
}

export function onTables(role: Role, request: CommandRequest, tables: readonly string[]): Access[] {
  return tables.map((table) => ({ role, database: request.database, table }));
}
