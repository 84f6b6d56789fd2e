import * as commands from '../kusto/load-commands.js';
import { asKfError } from '../runtime/errors.js';
import { cleanUp, removeKept } from './clean-up.js';
import { engineOf } from './engine.js';
import { loadFolder, loadMark, markOfStagingTable } from './names.js';
import type { LoadDeps, LoadStarter } from './ports.js';
import type { Load } from './types.js';

/** A staging table or blob without a running load is an orphan only then: its load may be about to be written. */
const ORPHAN_AGE_MS = 3_600_000;
/** Loads started again, cleaned or removed in one round. */
const MAX_PER_ROUND = 500;
/** An orchestration that has not begun after this is started again. */
const START_GRACE_MS = 60_000;

export interface Orphan {
  readonly kind: 'table' | 'blob';
  readonly database?: string;
  readonly name: string;
  /** The command that removes it, where it is one of the cluster. */
  readonly command?: string;
}

export interface LoadReaper {
  reap(starter: LoadStarter, signal: AbortSignal): Promise<void>;
  /** What the next round would remove, and what is too young for it. */
  orphans(): Promise<readonly Orphan[]>;
}

interface ReaperOptions {
  readonly databases: readonly string[];
}

/**
 * Goes after what crashes left: loads whose orchestration is gone go on, ended ones are cleaned to the end, staging
 * tables and blobs of nobody are removed. Every part is bounded and may run again, on several instances at once.
 */
export function createLoadReaper(deps: LoadDeps, options: ReaperOptions): LoadReaper {
  return {
    orphans: async () => {
      const owned = await ownedMarks(deps);
      return [...(await orphanTables(deps, options, owned)), ...(await orphanBlobs(deps, owned, 0))];
    },
    reap: async (starter, signal) => {
      await resume(deps, starter);
      await cleanEnded(deps, signal);
      await tidyUncommitted(deps, signal);
      const owned = await ownedMarks(deps);
      const tables = await orphanTables(deps, options, owned);
      for (const table of await agedTables(deps, tables)) await dropOrphan(deps, table, signal);
      await forgetSights(deps, tables);
      for (const { name } of await orphanBlobs(deps, owned, ORPHAN_AGE_MS)) {
        await deps.blobs.delete(deps.stagingContainer, name);
        deps.logger.info('load.orphanRemoved', { kind: 'blob', name });
      }
      await removeOld(deps);
    },
  };
}

/** Marks of loads that run. */
async function ownedMarks(deps: LoadDeps): Promise<ReadonlySet<string>> {
  const marks = new Set<string>();
  for await (const load of deps.store.inState('running')) marks.add(loadMark(load.id));
  return marks;
}

/** A load is resumed where its row says it was; its steps look before they act. */
async function resume(deps: LoadDeps, starter: LoadStarter): Promise<void> {
  let resumed = 0;
  for await (const load of deps.store.inState('running')) {
    const isYoung = deps.clock.now() - load.updatedAtMs < START_GRACE_MS;
    if (isYoung) continue;
    const state = await starter.state(load.id);
    if (state === 'running') continue;
    deps.logger.warn('load.resumed', { load: load.id, step: load.step, after: state });
    // Whoever terminated the orchestration wants the load to stop; it is undone on the way.
    if (state === 'terminated') await deps.store.change(load.id, () => ({ cancelRequested: true }));
    await starter.start(load);
    if (++resumed >= MAX_PER_ROUND) return;
  }
}

async function cleanEnded(deps: LoadDeps, signal: AbortSignal): Promise<void> {
  let cleaned = 0;
  for await (const load of deps.store.inState('committed')) {
    if (load.cleaned) continue;
    try {
      if (await cleanUp(deps, load, engineOf(deps, load, signal))) {
        await deps.store.change(load.id, () => ({ cleaned: true }));
      }
    } catch (thrown) {
      tellFailure(deps, load, thrown);
    }
    if (++cleaned >= MAX_PER_ROUND || signal.aborted) return;
  }
}

/** Blobs, secrets and claims of a load that was not committed; what is in tables was undone, or is for a person to mend. */
async function tidyUncommitted(deps: LoadDeps, signal: AbortSignal): Promise<void> {
  let tidied = 0;
  for (const state of ['rolledBack', 'cancelled', 'skipped', 'failedDirty'] as const) {
    for await (const load of deps.store.inState(state)) {
      if (load.cleaned) continue;
      if (++tidied > MAX_PER_ROUND || signal.aborted) return;
      await tidy(deps, load).catch((thrown: unknown) => tellFailure(deps, load, thrown));
    }
  }
}

async function tidy(deps: LoadDeps, load: Load): Promise<void> {
  await removeKept(deps, load);
  await deps.store.change(load.id, () => ({ cleaned: true }));
}

function tellFailure(deps: LoadDeps, load: Load, thrown: unknown): void {
  const { code, message } = asKfError(thrown, 'INTERNAL', 'reaper');
  deps.logger.warn('load.cleanFailed', { load: load.id, code, message });
}

async function orphanTables(
  deps: LoadDeps,
  { databases }: ReaperOptions,
  owned: ReadonlySet<string>,
): Promise<Orphan[]> {
  const found: Orphan[] = [];
  for (const database of databases) {
    const rows = await engineFor(deps, database)
      .command(commands.showStagingTables(deps.stagingPrefix))
      .catch((thrown: unknown) => {
        const { code, message } = asKfError(thrown, 'INTERNAL', 'reaper');
        deps.logger.warn('load.orphansUnknown', { database, code, message });
        return [];
      });
    for (const row of rows) {
      const name = String(row['tablename']);
      const mark = markOfStagingTable(deps.stagingPrefix, name);
      if (mark !== undefined && !owned.has(mark)) {
        found.push({ kind: 'table', database, name, command: commands.dropTable(name) });
      }
    }
  }
  return found;
}

function engineFor(deps: LoadDeps, database: string, signal = AbortSignal.timeout(120_000)) {
  return engineOf(deps, { id: 'reaper', options: { database, table: '' } as Load['options'] }, signal);
}

/** Where it is kept since when a table is seen as an orphan. */
const SIGHTS = 'load-orphans/';
const sightOf = ({ database = '', name }: Orphan): string =>
  `${SIGHTS}${encodeURIComponent(database)}/${name}`;

/** Seen as orphans before, at least an hour ago: the first sight is kept beside the loads' blobs. */
async function agedTables(deps: LoadDeps, tables: readonly Orphan[]): Promise<Orphan[]> {
  const aged: Orphan[] = [];
  for (const table of tables) {
    const sight = sightOf(table);
    const seen = await deps.blobs.facts(deps.stagingContainer, sight);
    if (seen === undefined) {
      await deps.blobs.put(deps.stagingContainer, sight, Buffer.from(table.name));
    } else if (deps.clock.now() - seen.lastModifiedMs >= ORPHAN_AGE_MS) {
      aged.push(table);
    }
  }
  return aged;
}

/** What was seen as an orphan and is none any more: its load has dropped it meanwhile, or has begun after the look. */
async function forgetSights(deps: LoadDeps, tables: readonly Orphan[]): Promise<void> {
  const present = new Set(tables.map(sightOf));
  const gone: string[] = [];
  for await (const { name } of deps.blobs.list(deps.stagingContainer, SIGHTS)) {
    if (!present.has(name)) gone.push(name);
    if (gone.length >= MAX_PER_ROUND) break;
  }
  for (const name of gone) await deps.blobs.delete(deps.stagingContainer, name);
}

async function dropOrphan(deps: LoadDeps, table: Orphan, signal: AbortSignal): Promise<void> {
  const database = table.database ?? '';
  await engineFor(deps, database, signal).command(commands.dropTable(table.name));
  await deps.blobs.delete(deps.stagingContainer, sightOf(table));
  deps.logger.info('load.orphanRemoved', { kind: 'table', database, name: table.name });
}

async function orphanBlobs(deps: LoadDeps, owned: ReadonlySet<string>, minAgeMs: number): Promise<Orphan[]> {
  const found: Orphan[] = [];
  for await (const blob of deps.blobs.list(deps.stagingContainer, loadFolder('').replace(/\/$/, ''))) {
    const id = blob.name.split('/')[1] ?? '';
    if (owned.has(loadMark(id)) || deps.clock.now() - blob.lastModifiedMs < minAgeMs) continue;
    found.push({ kind: 'blob', name: blob.name });
    if (found.length >= MAX_PER_ROUND) break;
  }
  return found;
}

/** Records of loads that ended long ago. */
async function removeOld(deps: LoadDeps): Promise<void> {
  const old: string[] = [];
  for (const state of ['committed', 'skipped', 'rolledBack', 'cancelled', 'failedDirty'] as const) {
    for await (const load of deps.store.inState(state)) {
      if (deps.clock.now() - (load.endedAtMs ?? 0) > deps.limits.keepMs) old.push(load.id);
      if (old.length >= MAX_PER_ROUND) break;
    }
  }
  for (const id of old) await deps.store.remove(id);
}
