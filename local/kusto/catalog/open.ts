import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalError } from '../../shared/errors.js';
import type { EngineClock } from '../faults/types.js';
import { readExtentFile, writeExtentFile } from '../store/extent-file.js';
import { decodeChanges, encodeChanges } from './codec.js';
import { Journal } from './journal.js';
import {
  allExtents,
  applyChanges,
  type CatalogState,
  changesFor,
  EMPTY_CATALOG,
  type StoredExtent,
  withoutColumns,
} from './model.js';
import { type CatalogStore, createCatalog } from './store.js';

const JOURNAL = 'catalog.journal';
const EXTENTS = 'extents';

/** A catalogue and the end of its journal. */
interface OpenCatalog {
  readonly catalog: CatalogStore;
  /** Latest time of any extent, ticks. */
  readonly latest: bigint;
  close(): Promise<void>;
}

/**
 * The catalogue kept in `directory`, or an empty one in memory without a directory.
 * @throws LocalError `CONFIGURATION` when the directory's files cannot be used.
 */
export async function openCatalog(clock: EngineClock, directory?: string): Promise<OpenCatalog> {
  if (directory === undefined) {
    return { catalog: createCatalog({ clock }), latest: 0n, close: async () => undefined };
  }
  const extents = join(directory, EXTENTS);
  await mkdir(extents, { recursive: true });
  const initial = await loadExtents(await replay(join(directory, JOURNAL)), extents);
  await compact(join(directory, JOURNAL), initial);
  await removeStrays(extents, initial);
  const journal = await Journal.open(join(directory, JOURNAL));
  const durability = {
    record: (changes: Parameters<typeof encodeChanges>[0]) => journal.append(encodeChanges(changes)),
    saveExtent: async (extent: StoredExtent) => {
      const file = `${extent.id}.extent`;
      await writeExtentFile(join(extents, file), extent);
      return file;
    },
    removeFiles: async (files: readonly string[]) => {
      await Promise.all(files.map((file) => rm(join(extents, file), { force: true })));
    },
  };
  let latest = 0n;
  for (const { ingestedOn } of allExtents(initial)) {
    latest = ingestedOn < latest ? latest : ingestedOn;
  }
  return { catalog: createCatalog({ clock, initial, durability }), latest, close: () => journal.close() };
}

/** A last line without its end was being written when the process died: nobody was told of it. */
async function replay(path: string): Promise<CatalogState> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return '';
    }
    throw error;
  });
  const lines = text.split('\n').slice(0, -1);
  try {
    return lines.reduce((state, line) => applyChanges(state, decodeChanges(line)), EMPTY_CATALOG);
  } catch (error) {
    throw new LocalError('CONFIGURATION', `${path} cannot be read back: ${error}`, {
      fix: 'start with another --data folder, or remove this one',
      cause: error,
    });
  }
}

async function loadExtents(state: CatalogState, folder: string): Promise<CatalogState> {
  const loaded = new Map<string, StoredExtent['columns']>();
  for (const { file } of allExtents(state)) {
    if (file !== undefined && !loaded.has(file)) {
      loaded.set(file, (await readExtentFile(join(folder, file))).columns);
    }
  }
  const databases = [...state.databases.values()].map((database) => {
    const tables = [...database.tables.values()].map((table) => ({
      ...table,
      extents: (table.extents as readonly StoredExtent[]).map((extent) => ({
        ...extent,
        columns: withoutColumns(
          { ...extent, columns: loaded.get(extent.file ?? '') ?? extent.columns },
          extent.hidden ?? [],
        ),
      })),
    }));
    return { ...database, tables: new Map(tables.map((table) => [table.name, table])) };
  });
  return { databases: new Map(databases.map((database) => [database.name, database])) };
}

/** Replaces the journal by one transaction that makes the same catalogue. */
async function compact(path: string, state: CatalogState): Promise<void> {
  const beside = `${path}.new`;
  const file = await open(beside, 'w');
  try {
    const changes = changesFor(state);
    await file.writeFile(changes.length === 0 ? '' : `${encodeChanges(changes)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
}

/** Files of extents that were dropped, or whose append never became part of the catalogue. */
async function removeStrays(folder: string, state: CatalogState): Promise<void> {
  const used = new Set(allExtents(state).map(({ file }) => file));
  for (const name of await readdir(folder)) {
    if (!used.has(name)) {
      await rm(join(folder, name));
    }
  }
}
