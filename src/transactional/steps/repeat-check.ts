import type { Engine } from '../engine.js';
import type { Load } from '../types.js';
import type { Step } from './context.js';

/** Ends the load as `skipped` when the target already holds one of its `ingestIfNotExists` values. */
export const repeatCheck: Step = async ({ deps, load, engine }) => {
  const tag = await heldTag(engine, load);
  if (tag === undefined)
    return { is: 'done', next: load.options.writeMode === 'Queued' ? 'ingest' : 'stage' };
  await deps.store.change(load.id, () => ({ skippedBy: tag }));
  return { is: 'skip' };
};

/** The first wanted tag that extents of the target have. */
export async function heldTag(engine: Engine, { options }: Load): Promise<string | undefined> {
  for (const value of options.tags.ingestIfNotExists) {
    const tag = `ingest-by:${value}`;
    if ((await engine.tagged(options.table, tag)).extents > 0) return tag;
  }
  return undefined;
}
