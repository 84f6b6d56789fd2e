import * as commands from '../../kusto/load-commands.js';
import { claimKeys, markerTag, stagingTableOf } from '../names.js';
import { finalTags } from '../plan.js';
import { planOf, type Step, type StepContext } from './context.js';
import { heldTag } from './repeat-check.js';
import { expectedOf, isSelected, type StagedExtent, stagedExtents } from './verify.js';

/** Extents of one tag command. */
const EXTENTS_PER_COMMAND = 500;

/**
 * The last look before the commit: nobody has brought the same `ingest-by` value meanwhile, and the extents that
 * were counted get their final tags, with the one by which the commit is told afterwards.
 */
export const mark: Step = async (context) => {
  const { deps, load, engine } = context;
  if (!(await claimAll(context))) return { is: 'wait', afterMs: 2_000 };
  const tag = await heldTag(engine, load);
  if (tag !== undefined) {
    await deps.store.change(load.id, () => ({ skippedBy: tag }));
    return { is: 'skip' };
  }
  if (planOf(load).commitForm === 'move') {
    await markExtents(context);
  }
  const extents = await toCommit(context);
  const rows = extents.reduce((sum, extent) => sum + extent.rows, 0);
  if (rows !== load.verified?.rows) {
    const message = `${load.verified?.rows} rows were counted in the staging table, and now there are ${rows}`;
    return { is: 'restage', error: { code: 'LOAD_ROWS_MISMATCH', message } };
  }
  return { is: 'done', next: extents.length === 0 ? 'finish' : 'commit' };
};

/** What the commit takes: marked extents, or, where extents are not moved, those of confirmed calls. */
export async function toCommit(context: StepContext): Promise<StagedExtent[]> {
  const { load } = context;
  const extents = await stagedExtents(context);
  if (planOf(load).commitForm === 'move') {
    return extents.filter(({ tags }) => tags.includes(markerTag(load.id)));
  }
  const expected = await expectedOf(context);
  return extents.filter(({ tags }) => isSelected(tags, expected, load.id));
}

async function markExtents(context: StepContext): Promise<void> {
  const { deps, load, engine } = context;
  const expected = await expectedOf(context);
  const table = stagingTableOf(deps.stagingPrefix, load);
  const marker = markerTag(load.id);
  const unmarked = (await stagedExtents(context)).filter(
    ({ tags }) => !tags.includes(marker) && isSelected(tags, expected, load.id),
  );
  for (let at = 0; at < unmarked.length; at += EXTENTS_PER_COMMAND) {
    const ids = unmarked.slice(at, at + EXTENTS_PER_COMMAND).map(({ id }) => id);
    await engine.command(commands.setExtentTags(table, [...finalTags(load.options), marker], ids));
  }
}

/** In one order, so that two loads never wait for each other. False while a running load holds one. */
async function claimAll({ deps, load }: StepContext): Promise<boolean> {
  if (load.options.tags.ingestIfNotExists.length === 0) return true;
  for (const key of claimKeys(load)) {
    const holder = await deps.store.claim(key, load.id);
    if (holder === load.id) continue;
    const other = holder === '' ? undefined : await deps.store.get(holder);
    if (other?.state === 'running') return false;
    await deps.store.unclaim(key, holder);
    return false;
  }
  return true;
}
