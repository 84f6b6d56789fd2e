import * as commands from '../kusto/load-commands.js';
import type { Row } from '../kusto/rows.js';
import { uploadBlobName } from '../ledger/ids.js';
import { type Engine, noneIfMissing } from './engine.js';
import {
  callTagPrefix,
  claimKeys,
  loadFolder,
  markerTag,
  onceTagOf,
  sourcesBlob,
  stagingTableOf,
  undoneTag,
} from './names.js';
import type { LoadDeps } from './ports.js';
import { readStaged, storeOf } from './staged.js';
import type { Load, LoadSource } from './types.js';

/** No command of the service lasts longer than an hour, and no step of ours that may still issue one. */
const LATEST_APPEND_MS = 70 * 60_000;

/**
 * Removes what a load leaves: staging tables, blobs, the marker on committed extents, claims. Every part may run
 * again. The marker matters: extents with different `drop-by` tags never merge.
 * @returns false while the service still removes tags
 */
export async function cleanUp(deps: LoadDeps, load: Load, engine: Engine): Promise<boolean> {
  await removeStaging(deps, load, engine);
  await removeKept(deps, load);
  return removeMarker(deps, load, engine);
}

/** Our own tables of every generation; a user's is emptied of what this load brought, and kept. */
export async function removeStaging(deps: LoadDeps, load: Load, engine: Engine): Promise<void> {
  const { tempTableName, writeMode } = load.options;
  if (writeMode === 'Queued') return;
  if (tempTableName === undefined) {
    for (let generation = 0; generation <= load.generation; generation++) {
      await engine.command(commands.dropTable(stagingTableOf(deps.stagingPrefix, load, generation)));
    }
    return;
  }
  const ours = await oursIn(load, engine, tempTableName);
  if (ours.length > 0) await engine.command(commands.dropExtents(tempTableName, ours));
}

/**
 * What a load brought into a user's table stays there, under other tags and so under other ids: nothing selects it
 * any more, and a commit command that is still on its way finds nothing.
 */
export async function disarm(load: Load, engine: Engine, table: string): Promise<void> {
  const tag = undoneTag(load.id);
  const ours = await oursIn(load, engine, table, tag);
  if (ours.length > 0) await engine.command(commands.setExtentTags(table, [tag], ours));
}

/** Ids of the extents that this load has brought into a table, but for those with the tag `but`. */
async function oursIn(load: Load, engine: Engine, table: string, but?: string): Promise<string[]> {
  const extents = await engine.command(commands.showExtents(table)).catch(noneIfMissing<Row[]>([]));
  const ours = extents.filter(({ tags }) => isOurs(String(tags ?? ''), load.id) && tags !== but);
  return ours.map((row) => String(row['extentid']));
}

const isOurs = (tags: string, id: string): boolean =>
  tags.split(/\r?\n/).some((tag) => tag === markerTag(id) || tag.startsWith(callTagPrefix(id)));

/** What the app itself keeps of a load beside its row: blobs and claims. */
export async function removeKept(deps: LoadDeps, load: Load): Promise<void> {
  await removeBlobs(deps, load);
  for (const key of claimKeys(load)) await deps.store.unclaim(key, load.id);
}

/** Uploads and what was cut from them, the list of sources, and the secrets. */
async function removeBlobs(deps: LoadDeps, load: Load): Promise<void> {
  const { database, table } = load.options;
  const sources = await readStaged<readonly LoadSource[]>(storeOf(deps), sourcesBlob(load));
  for (const source of sources ?? []) {
    if (source.kind !== 'upload') continue;
    await deps.blobs.delete(deps.uploadContainer, uploadBlobName(database, table, source.uploadId));
  }
  const names: string[] = [];
  for await (const { name } of deps.blobs.list(deps.stagingContainer, loadFolder(load.id))) names.push(name);
  // The list of sources leads to the uploads, so it goes last.
  const last = sourcesBlob(load);
  for (const name of names.filter((one) => one !== last))
    await deps.blobs.delete(deps.stagingContainer, name);
  if (names.includes(last)) await deps.blobs.delete(deps.stagingContainer, last);
}

async function removeMarker(deps: LoadDeps, load: Load, engine: Engine): Promise<boolean> {
  const { table } = load.options;
  const once = load.commit?.form === 'append' ? [`ingest-by:${onceTagOf(load.id)}`] : [];
  let isClean = true;
  for (const tag of [markerTag(load.id), ...once]) {
    const { extents } = await engine.tagged(table, tag).catch(noneIfMissing({ extents: 0, rows: 0 }));
    if (extents === 0) continue;
    isClean = false;
    if (once.includes(tag) && mayComeAgain(deps, load)) continue;
    await engine.command(commands.removeExtentTag(table, tag));
  }
  return isClean;
}

/** The tag is what refuses an earlier append that was lost, for as long as one can still be on its way. */
function mayComeAgain({ clock }: LoadDeps, { commit, endedAtMs = clock.now() }: Load): boolean {
  return (commit?.attempt ?? 0) > 1 && clock.now() - endedAtMs < LATEST_APPEND_MS;
}
