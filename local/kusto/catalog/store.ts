import { randomUUID } from 'node:crypto';
import type { EngineClock } from '../faults/types.js';
import type { Column, Extent, RowSet } from '../store/types.js';
import { entityNotFound } from './errors.js';
import { demandLasting, expiredChanges, liveTable } from './expiry.js';
import { checkFits, drops, filesLost, mergedWithSources } from './extent-changes.js';
import { dropByTags } from './merging.js';
import {
  allExtents,
  applyChanges,
  type CatalogState,
  type Change,
  type Database,
  EMPTY_CATALOG,
  ingestedAt,
  type PreparedExtent,
  type StoredExtent,
} from './model.js';
import { effectiveBatching, effectiveExtentRows, effectiveStreaming, mayMerge } from './policies.js';
import { IngestedSources } from './sources.js';
import type {
  AppendOptions,
  Catalog,
  IngestionFailure,
  MappingKind,
  StoredFunction,
  Table,
} from './types.js';
import { demandNoUpdatePolicy } from './views.js';

/** `.show ingestion failures` forgets the oldest beyond this count. */
const MAX_FAILURES = 10_000;

/** What makes changes outlive the process. */
interface Durability {
  /** Resolves when the changes are on disk. Calls are made in the order the changes took effect. */
  record(changes: readonly Change[]): Promise<void>;
  /** Writes an extent's columns. @returns the name of their file. */
  saveExtent(extent: StoredExtent): Promise<string>;
  /** Columns' files that no extent needs any more. */
  removeFiles(files: readonly string[]): Promise<void>;
}

interface Plan<T> {
  readonly changes: readonly Change[];
  readonly result: T;
}

/** The catalogue with what management commands need beyond {@link Catalog}. */
export interface CatalogStore extends Catalog {
  state(): CatalogState;
  /** As of now: expired extents are left out. @throws KustoError when there is no such database. */
  database(name: string): Database;
  /**
   * The lock: `plan` sees every change made before and its own changes take effect as one. They are visible, and
   * durable, when the promise resolves. A plan that throws changes nothing.
   *
   * @param plan `at` is the time (ticks) of what it ingests: no cursor given out before it is visible reaches it
   */
  transact<T>(plan: (state: CatalogState, at: bigint) => Plan<T>): Promise<T>;
  /** Rows as an extent that belongs to no table yet; its columns are on disk where data is kept. */
  prepareExtent(rows: RowSet, options: AppendOptions): Promise<PreparedExtent>;
  failures(): readonly IngestionFailure[];
}

interface CatalogOptions {
  readonly clock: EngineClock;
  readonly initial?: CatalogState;
  readonly durability?: Durability;
}

export function createCatalog(options: CatalogOptions): CatalogStore {
  return new LockedCatalog(options);
}

class LockedCatalog implements CatalogStore {
  readonly #clock: EngineClock;
  readonly #durability: Durability | undefined;
  /** What readers see: every change here is durable. */
  #visible: CatalogState;
  /** What the next plan sees: also changes that are still being written. */
  #head: CatalogState;
  readonly #failures: IngestionFailure[] = [];
  /** Times of the transactions that are being written, oldest first. */
  readonly #writing = new Set<bigint>();
  readonly #sources: IngestedSources;

  constructor({ clock, initial = EMPTY_CATALOG, durability }: CatalogOptions) {
    this.#clock = clock;
    this.#durability = durability;
    this.#visible = initial;
    this.#head = initial;
    this.#sources = new IngestedSources(allExtents(initial));
  }

  now(): bigint {
    return this.#clock.now();
  }

  cursor(): bigint {
    const [oldest] = this.#writing;
    return oldest === undefined ? this.#clock.now() : oldest - 1n;
  }

  wasIngested(source: string): boolean {
    return this.#sources.has(source);
  }

  state(): CatalogState {
    return this.#visible;
  }

  databases(): readonly string[] {
    return [...this.#visible.databases.keys()];
  }

  database(name: string): Database {
    const database = this.#visible.databases.get(name);
    if (database === undefined) {
      throw entityNotFound('Database', name);
    }
    const now = this.#clock.now();
    const tables = [...database.tables.values()].flatMap((table) => liveTable(table, database, now) ?? []);
    return { ...database, tables: new Map(tables.map((table) => [table.name, table])) };
  }

  table(database: string, name: string): Table | undefined {
    const owner = this.#visible.databases.get(database);
    const table = owner?.tables.get(name);
    return owner && table && liveTable(table, owner, this.#clock.now());
  }

  tables(database: string): readonly Table[] {
    return this.#visible.databases.has(database) ? [...this.database(database).tables.values()] : [];
  }

  function(database: string, name: string): StoredFunction | undefined {
    return this.#visible.databases.get(database)?.functions.get(name);
  }

  functions(database: string): readonly StoredFunction[] {
    return [...(this.#visible.databases.get(database)?.functions.values() ?? [])];
  }

  mapping(database: string, table: string, kind: MappingKind, name: string) {
    const owner = this.#visible.databases.get(database);
    const candidates = [...(owner?.tables.get(table)?.mappings ?? []), ...(owner?.mappings ?? [])];
    return candidates.find((mapping) => mapping.kind === kind && mapping.name === name);
  }

  batchingPolicy(database: string, table: string) {
    const owner = this.#visible.databases.get(database);
    return effectiveBatching(owner?.tables.get(table)?.policies, owner?.policies);
  }

  extentRows(database: string, table: string): number {
    const owner = this.#visible.databases.get(database);
    return effectiveExtentRows(owner?.tables.get(table)?.policies, owner?.policies);
  }

  streamingEnabled(database: string, table: string): boolean {
    const owner = this.#visible.databases.get(database);
    return effectiveStreaming(owner?.tables.get(table)?.policies, owner?.policies);
  }

  recordIngestionFailure(failure: IngestionFailure): void {
    this.#failures.push(failure);
    this.#failures.splice(0, this.#failures.length - MAX_FAILURES);
  }

  failures(): readonly IngestionFailure[] {
    return this.#failures;
  }

  async transact<T>(plan: (state: CatalogState, at: bigint) => Plan<T>): Promise<T> {
    const at = this.#clock.now();
    const expired = expiredChanges(this.#head, at);
    const { changes, result } = plan(applyChanges(this.#head, expired), at);
    const all = [...expired, ...changes];
    if (all.length === 0) {
      return result;
    }
    const after = applyChanges(this.#head, all);
    this.#head = after;
    const before = await this.#show(after, all, at);
    if (all.some(drops)) {
      await this.#durability?.removeFiles(filesLost(before, this.#head));
    }
    return result;
  }

  /** Makes a state visible once it is durable. @returns the state that was visible before. */
  async #show(after: CatalogState, changes: readonly Change[], at: bigint): Promise<CatalogState> {
    this.#writing.add(at);
    try {
      await this.#durability?.record(changes);
      const before = this.#visible;
      this.#visible = after;
      this.#sources.add(changes.flatMap((change) => (change.kind === 'extents' ? change.add : [])));
      return before;
    } finally {
      this.#writing.delete(at);
    }
  }

  async append(
    database: string,
    table: string,
    parts: readonly RowSet[],
    options: AppendOptions,
  ): Promise<readonly StoredExtent[]> {
    const check = (owner: Table) => {
      for (const rows of parts) {
        checkFits(owner, rows);
      }
    };
    check(this.#ownTable(this.#visible, database, table));
    demandNoUpdatePolicy(this.database(database), table);
    const prepared = await this.#prepareAll(parts, options);
    return this.transact((state, at) => {
      const owner = this.#ownTable(state, database, table);
      check(owner);
      demandLasting(owner, state.databases.get(database) as Database, at, options.createdOn);
      const add = prepared.map((extent) => ingestedAt(extent, at));
      return { changes: [{ kind: 'extents', database, table, add, drop: [] }], result: add };
    });
  }

  /** Each part gets its share of the original size. */
  async #prepareAll(parts: readonly RowSet[], options: AppendOptions): Promise<readonly PreparedExtent[]> {
    const total = parts.reduce((sum, { rowCount }) => sum + rowCount, 0);
    const prepared: PreparedExtent[] = [];
    for (const rows of parts.filter(({ rowCount }) => rowCount > 0)) {
      const originalSize = Math.round((options.originalSize * rows.rowCount) / total);
      prepared.push(await this.prepareExtent(rows, { ...options, originalSize }));
    }
    return prepared;
  }

  async prepareExtent(rows: RowSet, options: AppendOptions): Promise<PreparedExtent> {
    const { createdOn, originalSize, sources = [], tags = [] } = options;
    const extent: PreparedExtent = {
      ...{ id: randomUUID(), tags, rowCount: rows.rowCount, originalSize },
      columns: new Map(rows.schema.map(({ name }, at) => [name, rows.columns[at] as Column])),
      ...(createdOn !== undefined && { createdOn }),
      ...(sources.length > 0 && { sources }),
    };
    if (this.#durability === undefined || rows.rowCount === 0) {
      return extent;
    }
    // Only the columns are read back from the file; the time of ingestion is the journal's.
    return { ...extent, file: await this.#durability.saveExtent(ingestedAt(extent, this.#clock.now())) };
  }

  async mergeExtents(database: string, table: string, ids: readonly string[]): Promise<Extent | undefined> {
    const owner = this.#ownTable(this.#visible, database, table);
    const named = owner.extents.filter(({ id }) => ids.includes(id));
    const parts = named.filter(({ tags }) => dropByTags(tags) === dropByTags(named[0]?.tags ?? []));
    if (parts.length < 2 || !mayMerge(owner.policies, this.database(database).policies)) {
      return undefined;
    }
    const joined = await mergedWithSources(parts, owner.schema);
    const file = await this.#durability?.saveExtent(joined);
    const merged = file === undefined ? joined : { ...joined, file };
    const result = await this.transact((state) => {
      const now = state.databases.get(database)?.tables.get(table);
      const isAllowed = now && mayMerge(now.policies, state.databases.get(database)?.policies);
      const kept =
        isAllowed && now.schema === owner.schema && parts.every((part) => now.extents.includes(part));
      const drop = parts.map(({ id }) => id);
      return kept
        ? { changes: [{ kind: 'extents', database, table, add: [merged], drop }], result: merged }
        : { changes: [], result: undefined };
    });
    if (result === undefined && file !== undefined) {
      await this.#durability?.removeFiles([file]);
    }
    return result;
  }

  #ownTable(state: CatalogState, database: string, table: string): Table {
    const owner = state.databases.get(database);
    if (owner === undefined) {
      throw entityNotFound('Database', database);
    }
    const found = owner.tables.get(table);
    if (found === undefined) {
      throw entityNotFound('Table', table);
    }
    return found;
  }
}
