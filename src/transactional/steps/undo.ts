import * as commands from '../../kusto/load-commands.js';
import { KfError } from '../../runtime/errors.js';
import { removeBlobs, removeStaging } from '../clean-up.js';
import { isMissing } from '../engine.js';
import { claimKeys, markerTag, stagingTableOf } from '../names.js';
import type { Load, LoadError, LoadState } from '../types.js';
import { type Step, type StepContext, toLoadError } from './context.js';

/** Tries of an undo before a person is asked, with their waits about five minutes; and when the cause seems to last. */
const MAX_TRIES = 12;
const MAX_PERMANENT_TRIES = 3;

/**
 * Takes back what the load did, and records how it ended. Only after `settle` has seen that no commit is under way.
 * What a load with `writeMode: Queued` has ingested stays, and is said.
 */
export const undo: Step = async (context) => {
  const { load, progress } = context;
  const { as, error } = progress.undo ?? load.undo ?? { as: 'rolledBack' as const };
  try {
    if (load.options.writeMode === 'Queued' && (await hasIngested(context))) {
      await clean(context);
      return await endDirty(context, partial(load, error));
    }
    await takeBack(context);
    await clean(context);
  } catch (thrown) {
    const canWait = !(thrown instanceof KfError) || thrown.retryable || thrown.code === 'STORAGE_CONFLICT';
    if (progress.attempt < (canWait ? MAX_TRIES : MAX_PERMANENT_TRIES)) throw thrown;
    const cause = toLoadError(thrown);
    const message = `${error?.message ?? `load ${load.id}`}; and the undo failed: ${cause.message}`;
    return endDirty(context, { ...cause, code: 'LOAD_UNDO_FAILED', message });
  }
  return end(context, { state: as, ...(error === undefined ? {} : { error }) });
};

/** Extents that an earlier move of several has brought into the target. */
async function takeBack({ load, engine }: StepContext): Promise<void> {
  if (load.commit === undefined) return;
  const marker = markerTag(load.id);
  if ((await engine.tagged(load.options.table, marker)).extents === 0) return;
  await engine.command(commands.dropTagged(load.options.table, marker));
}

async function clean({ deps, load, engine }: StepContext): Promise<void> {
  const { tempTableName } = load.options;
  await (tempTableName === undefined
    ? removeStaging(deps, load, engine)
    : disarm({ deps, load, engine }, tempTableName));
  await removeBlobs(deps, load);
  for (const key of claimKeys(load)) await deps.store.unclaim(key, load.id);
}

/**
 * A user's table keeps its rows for inspection; its extents get other tags, and so other ids, so that a commit
 * command that is still on its way finds nothing.
 */
async function disarm(
  { load, engine }: Pick<StepContext, 'deps' | 'load' | 'engine'>,
  table: string,
): Promise<void> {
  const marked = await engine
    .command(commands.showTagged(table, markerTag(load.id)))
    .catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
  const ids = marked.map((row) => String(row['extentid']));
  if (ids.length > 0) await engine.command(commands.setExtentTags(table, [`drop-by:${load.id}/undone`], ids));
}

/** Something is in the target, or may still get there. */
async function hasIngested({ deps, load, engine }: StepContext): Promise<boolean> {
  for await (const _call of deps.store.calls(load.id, load.generation, ['sending', 'sent'])) return true;
  return (await engine.tagged(load.options.table, markerTag(load.id))).extents > 0;
}

function partial(load: Load, error: LoadError | undefined): LoadError {
  const why = error?.message ?? 'it was stopped';
  return {
    ...error,
    code: 'LOAD_PARTIAL',
    message: `load ${load.id}: ${why}; blobs that were ingested before stay in ${load.options.table}`,
  };
}

async function endDirty(context: StepContext, error: LoadError) {
  const { deps, load } = context;
  const { table, writeMode, tempTableName } = load.options;
  const isStaged = writeMode === 'Transactional' && tempTableName === undefined;
  const repair = [
    commands.dropTagged(table, markerTag(load.id)),
    ...(isStaged ? [commands.dropTable(stagingTableOf(deps.stagingPrefix, load))] : []),
  ].join('\n');
  return end(context, { state: 'failedDirty', error, repair });
}

async function end(
  { deps, load }: StepContext,
  how: { readonly state: LoadState; readonly error?: LoadError; readonly repair?: string },
) {
  await deps.store.change(load.id, ({ state }) =>
    state === 'running' ? { ...how, endedAtMs: deps.clock.now(), cleaned: how.state !== 'failedDirty' } : {},
  );
  deps.logger.info('load.ended', { load: load.id, state: how.state, code: how.error?.code });
  return { is: 'end' as const, state: how.state };
}
