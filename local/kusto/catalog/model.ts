import type { Extent } from '../store/types.js';
import type { IngestionMapping, Policies, StoredFunction, Table } from './types.js';
import type { StoredView } from './views.js';

/** An extent of the catalogue. `file` names its columns' file where the engine keeps data on disk. */
export interface StoredExtent extends Extent {
  readonly file?: string;
  /** Columns of the file that were dropped from the table: a later column of that name does not show them. */
  readonly hidden?: readonly string[];
  /** Ids of the pieces of work its rows come from, where they may be delivered again. */
  readonly sources?: readonly string[];
}

/** Rows on their way into a table: not ingested yet, so without the time of that. */
export type PreparedExtent = Omit<StoredExtent, 'ingestedOn' | 'createdOn'> & { readonly createdOn?: bigint };

export function ingestedAt(prepared: PreparedExtent, at: bigint): StoredExtent {
  return { ...prepared, createdOn: prepared.createdOn ?? at, ingestedOn: at };
}

/** A principal's assignment as `.add database … ingestors (…)` and its kin record it. */
export interface RoleAssignment {
  /** `Admin`, `User`, `Viewer`, `Ingestor`, `Monitor`, `UnrestrictedViewer`. */
  readonly role: string;
  readonly principal: string;
  readonly notes: string;
  /** Absent: the whole database. */
  readonly table?: string;
}

export interface Database {
  readonly name: string;
  readonly id: string;
  readonly createdOn: bigint;
  readonly policies: Policies;
  readonly mappings: readonly IngestionMapping[];
  readonly functions: ReadonlyMap<string, StoredFunction>;
  readonly tables: ReadonlyMap<string, Table>;
  readonly roles: readonly RoleAssignment[];
  /** Absent: none was ever created. */
  readonly views?: readonly StoredView[];
}

/** The whole catalogue: an immutable value, replaced under one lock. */
export interface CatalogState {
  readonly databases: ReadonlyMap<string, Database>;
}

export const EMPTY_CATALOG: CatalogState = { databases: new Map() };

export function allExtents(state: CatalogState): StoredExtent[] {
  return [...state.databases.values()].flatMap(({ tables }) =>
    [...tables.values()].flatMap((table) => table.extents as readonly StoredExtent[]),
  );
}

type DatabaseDetails = Omit<Database, 'tables' | 'functions'>;
type TableDetails = Omit<Table, 'extents'>;

/** The smallest steps; a list of them is applied, and journalled, as one. */
export type Change =
  | { readonly kind: 'putDatabase'; readonly value: DatabaseDetails }
  | { readonly kind: 'dropDatabase'; readonly database: string }
  | { readonly kind: 'putTable'; readonly value: TableDetails }
  | { readonly kind: 'dropTable'; readonly database: string; readonly table: string }
  | {
      readonly kind: 'renameTables';
      readonly database: string;
      readonly names: readonly (readonly [from: string, to: string])[];
    }
  | { readonly kind: 'putFunction'; readonly database: string; readonly value: StoredFunction }
  | { readonly kind: 'dropFunction'; readonly database: string; readonly name: string }
  | {
      readonly kind: 'extents';
      readonly database: string;
      readonly table: string;
      readonly add: readonly StoredExtent[];
      /** Ids. */
      readonly drop: readonly string[];
    };

/** The catalogue after `changes`. Pure; the caller has checked that what they name exists. */
export function applyChanges(state: CatalogState, changes: readonly Change[]): CatalogState {
  return changes.reduce(applyChange, state);
}

function applyChange(state: CatalogState, change: Change): CatalogState {
  const databases = new Map(state.databases);
  if (change.kind === 'dropDatabase') {
    databases.delete(change.database);
    return { databases };
  }
  if (change.kind === 'putDatabase') {
    const before = databases.get(change.value.name);
    const { tables = new Map(), functions = new Map() } = before ?? {};
    databases.set(change.value.name, { ...change.value, tables, functions });
    return { databases };
  }
  const name = change.kind === 'putTable' ? change.value.database : change.database;
  const database = databases.get(name);
  if (database === undefined) {
    throw new Error(`the catalogue has no database ${name} to change`);
  }
  databases.set(name, changeDatabase(database, change));
  return { databases };
}

type InDatabase = Exclude<Change, { kind: 'putDatabase' | 'dropDatabase' }>;

function changeDatabase(database: Database, change: InDatabase): Database {
  switch (change.kind) {
    case 'putFunction': {
      const functions = new Map(database.functions);
      return { ...database, functions: functions.set(change.value.name, change.value) };
    }
    case 'dropFunction': {
      const functions = new Map(database.functions);
      functions.delete(change.name);
      return { ...database, functions };
    }
    default:
      return { ...database, tables: changeTables(database.tables, change) };
  }
}

type OfTables = Exclude<InDatabase, { kind: 'putFunction' | 'dropFunction' }>;

function changeTables(before: ReadonlyMap<string, Table>, change: OfTables): ReadonlyMap<string, Table> {
  const tables = new Map(before);
  switch (change.kind) {
    case 'putTable': {
      const extents = extentsUnder(change.value, tables.get(change.value.name));
      return tables.set(change.value.name, { ...change.value, extents });
    }
    case 'dropTable':
      tables.delete(change.table);
      return tables;
    case 'renameTables': {
      for (const [from] of change.names) {
        tables.delete(from);
      }
      for (const [from, to] of change.names) {
        tables.set(to, { ...(before.get(from) as Table), name: to });
      }
      return tables;
    }
    case 'extents': {
      const table = tables.get(change.table) as Table;
      const drop = new Set(change.drop);
      const kept = drop.size === 0 ? table.extents : table.extents.filter(({ id }) => !drop.has(id));
      return tables.set(table.name, { ...table, extents: [...kept, ...change.add] });
    }
  }
}

/** The table's extents under its new schema: data of dropped columns is gone for good. */
function extentsUnder(after: TableDetails, before: Table | undefined): readonly StoredExtent[] {
  const dropped = (before?.schema ?? []).filter(
    ({ name }) => !after.schema.some((column) => column.name === name),
  );
  const extents: readonly StoredExtent[] = before?.extents ?? [];
  if (dropped.length === 0) {
    return extents;
  }
  const names = dropped.map(({ name }) => name);
  return extents.map((extent) => ({
    ...extent,
    hidden: [...(extent.hidden ?? []), ...names],
    columns: withoutColumns(extent, names),
  }));
}

export function withoutColumns({ columns }: StoredExtent, names: readonly string[]): StoredExtent['columns'] {
  return names.length === 0 ? columns : new Map([...columns].filter(([name]) => !names.includes(name)));
}

/** One transaction that turns an empty catalogue into `state`. */
export function changesFor(state: CatalogState): Change[] {
  return [...state.databases.values()].flatMap(({ tables, functions, ...details }) => [
    { kind: 'putDatabase', value: details } as const,
    ...[...functions.values()].map(
      (value) => ({ kind: 'putFunction', database: details.name, value }) as const,
    ),
    ...[...tables.values()].flatMap(({ extents, ...value }) => [
      { kind: 'putTable', value } as const,
      { kind: 'extents', database: details.name, table: value.name, add: extents, drop: [] } as const,
    ]),
  ]);
}
