import * as commands from '../../kusto/load-commands.js';
import type { Row } from '../../kusto/rows.js';
import { KfError } from '../../runtime/errors.js';
import { disarm, removeKept, removeStaging } from '../clean-up.js';
import { type Engine, noneIfMissing } from '../engine.js';
import { markerTag, stagingTableOf, undoneTag } from '../names.js';
import type { Load, LoadError, LoadState } from '../types.js';
import { type Step, type StepContext, toLoadError } from './context.js';
import { cancelOperation, findOperation, isRunning, LOST_MS, someAppendRuns } from './settle.js';

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
      const cleaned = await tidy(context);
      return await endDirty(context, partial(load, error), cleaned);
    }
    if (!(await takeBack(context))) return { is: 'wait' };
  } catch (thrown) {
    if (mayPass(thrown, context)) throw thrown;
    const cause = toLoadError(thrown);
    const message = `${error?.message ?? `load ${load.id}`}; and the undo failed: ${cause.message}`;
    return endDirty(context, { ...cause, code: 'LOAD_UNDO_FAILED', message });
  }
  const cleaned = await tidy(context);
  return end(context, { state: as, cleaned, ...(error === undefined ? {} : { error }) });
};

function mayPass(thrown: unknown, { progress }: StepContext): boolean {
  const canWait = !(thrown instanceof KfError) || thrown.retryable || thrown.code === 'STORAGE_CONFLICT';
  return progress.attempt < (canWait ? MAX_TRIES : MAX_PERMANENT_TRIES);
}

/**
 * What feeds the commit goes first: a command that is still on its way brings nothing after the target was looked at.
 * @returns false while a commit goes on
 */
async function takeBack(context: StepContext): Promise<boolean> {
  const { deps, load, engine } = context;
  const { tempTableName } = load.options;
  if (tempTableName === undefined) await removeStaging(deps, load, engine);
  else if (load.commit !== undefined) await disarm(load, engine, tempTableName);
  if (await stillCopies(context)) return false;
  // By their ids: dropping what a query finds needs the rights of a database admin.
  const held = await heldBy(load, engine);
  if (held.length > 0) await engine.command(commands.dropExtents(load.options.table, held));
  return true;
}

/** Ids of extents that a move of several, or one that came late, has brought into the target. */
async function heldBy(load: Load, engine: Engine): Promise<string[]> {
  if (load.commit === undefined) return [];
  const tagged = engine.command(commands.showTagged(load.options.table, markerTag(load.id)));
  return (await tagged.catch(noneIfMissing<Row[]>([]))).map((row) => String(row['extentid']));
}

/** The load is undone whatever becomes of its blobs and claims; the reaper goes on. @returns false when some are left */
async function tidy(context: StepContext): Promise<boolean> {
  const { deps, load } = context;
  try {
    await removeKept(deps, load);
    return true;
  } catch (thrown) {
    if (mayPass(thrown, context)) throw thrown;
    const { code, message } = toLoadError(thrown);
    deps.logger.warn('load.cleanFailed', { load: load.id, code, message });
    return false;
  }
}

/** An append that has read its rows ends though they are gone: it is cancelled, and its end awaited. */
async function stillCopies(context: StepContext): Promise<boolean> {
  const { commit } = context.load;
  if (commit?.form !== 'append' || context.progress.waits >= MAX_WAITS) return false;
  const operation = await findOperation(context, commit);
  // One that cannot be found may be about to begin, or be any that runs.
  if (operation === undefined) {
    const isYoung = context.deps.clock.now() - commit.issuedAtMs < LOST_MS;
    return isYoung || (await someAppendRuns(context, commit));
  }
  if (!isRunning(operation)) return false;
  await cancelOperation(context, operation?.['operationid']);
  return true;
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

async function endDirty(context: StepContext, error: LoadError, cleaned = false) {
  const repair = (await repairOf(context)).join('\n');
  const how = { state: 'failedDirty', error, cleaned } as const;
  return end(context, repair === '' ? how : { ...how, repair });
}

/** The commands that mend what could not be undone: each works, and none is there without need. */
async function repairOf({ deps, load, engine }: StepContext): Promise<string[]> {
  const { table, writeMode, tempTableName } = load.options;
  const marker = markerTag(load.id);
  const isQueued = writeMode === 'Queued';
  const isHeld =
    isQueued ||
    (await heldBy(load, engine).then(
      (ids) => ids.length > 0,
      () => true,
    ));
  const take = isHeld ? [commands.dropTagged(table, marker)] : [];
  if (isQueued) return take;
  if (tempTableName !== undefined)
    return [commands.addExtentTags(tempTableName, [undoneTag(load.id)], marker), ...take];
  const generations = Array.from({ length: load.generation + 1 }, (_, generation) => generation);
  return [
    ...generations.map((one) => commands.dropTable(stagingTableOf(deps.stagingPrefix, load, one))),
    ...take,
  ];
}

interface End {
  readonly state: LoadState;
  readonly cleaned: boolean;
  readonly error?: LoadError;
  readonly repair?: string;
}

async function end({ deps, load }: StepContext, how: End) {
  await deps.store.change(load.id, ({ state }) =>
    state === 'running' ? { ...how, endedAtMs: deps.clock.now() } : {},
  );
  deps.logger.info('load.ended', { load: load.id, state: how.state, code: how.error?.code });
  return { is: 'end' as const, state: how.state };
}
