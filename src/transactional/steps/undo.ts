import * as commands from '../../kusto/load-commands.js';
import type { Row } from '../../kusto/rows.js';
import { KfError } from '../../runtime/errors.js';
import { disarm, removeBlobs, removeStaging } from '../clean-up.js';
import { type Engine, noneIfMissing } from '../engine.js';
import { claimKeys, markerTag, stagingTableOf } from '../names.js';
import type { Load, LoadError, LoadState } from '../types.js';
import { type Step, type StepContext, toLoadError } from './context.js';
import { cancelOperation, findOperation, isRunning } from './settle.js';

/** Tries of an undo before a person is asked, with their waits about five minutes; and when the cause seems to last. */
const MAX_TRIES = 12;
const MAX_PERMANENT_TRIES = 3;
/** Looks for the end of an append, of at most 30 s each: no operation of the service lasts longer than an hour. */
const MAX_WAITS = 150;

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
    if (!(await clean(context))) return { is: 'wait' };
  } catch (thrown) {
    const canWait = !(thrown instanceof KfError) || thrown.retryable || thrown.code === 'STORAGE_CONFLICT';
    if (progress.attempt < (canWait ? MAX_TRIES : MAX_PERMANENT_TRIES)) throw thrown;
    const cause = toLoadError(thrown);
    const message = `${error?.message ?? `load ${load.id}`}; and the undo failed: ${cause.message}`;
    return endDirty(context, { ...cause, code: 'LOAD_UNDO_FAILED', message });
  }
  return end(context, { state: as, ...(error === undefined ? {} : { error }) });
};

/**
 * What feeds the commit goes first: a command that is still on its way brings nothing after the target was looked at.
 * @returns false while a commit goes on
 */
async function clean(context: StepContext): Promise<boolean> {
  const { deps, load, engine } = context;
  const { tempTableName } = load.options;
  await (tempTableName === undefined
    ? removeStaging(deps, load, engine)
    : disarm(load, engine, tempTableName));
  if (await stillCopies(context)) return false;
  await takeBack(load, engine);
  await removeBlobs(deps, load);
  for (const key of claimKeys(load)) await deps.store.unclaim(key, load.id);
  return true;
}

/** An append that has read its rows ends though they are gone: it is cancelled, and its end awaited. */
async function stillCopies(context: StepContext): Promise<boolean> {
  const { commit } = context.load;
  if (commit?.form !== 'append' || context.progress.waits >= MAX_WAITS) return false;
  const operation = await findOperation(context, commit);
  if (!isRunning(operation)) return false;
  await cancelOperation(context, operation?.['operationid']);
  return true;
}

/** Extents that a move of several, or one that came late, has brought into the target. */
async function takeBack(load: Load, engine: Engine): Promise<void> {
  if (load.commit === undefined) return;
  const { table } = load.options;
  const marker = markerTag(load.id);
  const tagged = await engine.command(commands.showTagged(table, marker)).catch(noneIfMissing<Row[]>([]));
  // By their ids: dropping what a query finds needs the rights of a database admin.
  const ids = tagged.map((row) => String(row['extentid']));
  if (ids.length > 0) await engine.command(commands.dropExtents(table, ids));
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
