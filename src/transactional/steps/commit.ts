import * as commands from '../../kusto/load-commands.js';
import { KfError } from '../../runtime/errors.js';
import { clientRequestIdOf } from '../engine.js';
import { markerTag, onceTagOf, stagingTableOf } from '../names.js';
import { finalTags } from '../plan.js';
import type { LoadCommit } from '../types.js';
import { planOf, type Step, type StepContext } from './context.js';
import { toCommit } from './mark.js';
import type { StepAnswer } from './types.js';
import type { StagedExtent } from './verify.js';

/** The listing of extents may be behind what was moved; so often it is looked at again. */
const MAX_LOOKS = 3;

/**
 * Issues one commit command. What it is about to do is written first; an attempt whose answer may be lost is never
 * issued again before `settle` has looked.
 */
export const commit: Step = async (context) => {
  const { deps, load, engine } = context;
  const before = load.commit;
  if (before !== undefined && before.cleared < before.attempt) return { is: 'done' };
  const extents = await toCommit(context);
  if (extents.length === 0) return nothingLeft(context);
  const attempt = (before?.attempt ?? 0) + 1;
  const batchSize = Math.min(
    before?.batchSize ?? deps.limits.maxExtentsPerMove,
    deps.limits.maxExtentsPerMove,
  );
  const intent: LoadCommit = {
    form: planOf(load).commitForm,
    attempt,
    cleared: attempt - 1,
    clientRequestId: clientRequestIdOf(load.id, `commit.${attempt}`),
    issuedAtMs: deps.clock.now(),
    moveBatches: before?.moveBatches ?? 0,
    ...(before?.throttled === undefined ? {} : { throttled: before.throttled }),
    batchSize,
  };
  await deps.store.change(load.id, () => ({ commit: intent }));
  // A copy is one command however many extents it reads: it leaves them where they are, so a part would be taken twice.
  const taken = intent.form === 'move' ? extents.slice(0, batchSize) : extents;
  const text = textOf(context, intent.form, taken);
  const [row] = await engine.command(text, intent.clientRequestId).catch(async (error: unknown) => {
    if (error instanceof KfError && error.code === 'KUSTO_THROTTLED') await forgive(context, attempt);
    throw error;
  });
  const operationId = String(row?.['operationid'] ?? '');
  await deps.store.change(load.id, ({ commit: held }) =>
    held?.attempt === attempt && operationId !== '' ? { commit: { ...held, operationId } } : {},
  );
  deps.logger.info('load.commit', { load: load.id, attempt, operationId, extents: extents.length });
  return { is: 'done' };
};

/** A command that was throttled has not begun: the next one need not wait until it counts as lost, and is no further try. */
async function forgive({ deps, load }: StepContext, attempt: number): Promise<void> {
  await deps.store.change(load.id, ({ commit: held }) =>
    held?.attempt === attempt
      ? { commit: { ...held, cleared: attempt, throttled: (held.throttled ?? 0) + 1 } }
      : {},
  );
}

/** All has left the staging table, and `settle` does not find all of it: it looks once more before the undo. */
function nothingLeft({ load, progress }: StepContext): StepAnswer {
  if (progress.waits < MAX_LOOKS) return { is: 'wait' };
  const message = `load ${load.id}: nothing is left to commit, but ${load.options.table} does not hold all of it; is it deleted meanwhile?`;
  return { is: 'fail', error: { code: 'LOAD_COMMIT_FAILED', message } };
}

function textOf(
  { deps, load }: StepContext,
  form: LoadCommit['form'],
  extents: readonly StagedExtent[],
): string {
  const { table, creationTime } = load.options;
  const from = stagingTableOf(deps.stagingPrefix, load);
  const ids = extents.map(({ id }) => id);
  if (form === 'move') return commands.moveExtents(from, table, ids);
  return commands.appendExtents({
    from,
    to: table,
    columns: planOf(load).columns,
    ids,
    tags: [...finalTags(load.options), markerTag(load.id)],
    onceTag: onceTagOf(load.id),
    ...(creationTime === undefined ? {} : { creationTime }),
  });
}
