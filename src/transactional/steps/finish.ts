import * as commands from '../../kusto/load-commands.js';
import { cleanUp } from '../clean-up.js';
import { markerTag } from '../names.js';
import { finalTags } from '../plan.js';
import type { Load } from '../types.js';
import type { Step, StepContext } from './context.js';
import type { StepAnswer } from './types.js';
import { firstRefusal } from './wait.js';

type Committed = NonNullable<Load['committed']>;

/** Looks for the end of the removal of tags before it is left to the reaper. */
const MAX_LOOKS = 6;

/** Records the commit, then cleans; what cannot be cleaned now changes nothing of it. */
export const finish: Step = async (context) => {
  const { deps, load, engine, progress } = context;
  if (load.state === 'running' && load.options.writeMode === 'Queued') {
    const answer = await endQueued(context);
    if (answer !== undefined) return answer;
  } else if (load.state === 'running') {
    const { extents = 0, rows = 0 } = load.verified ?? {};
    await record(context, { extents, rows });
  }
  const isClean = await cleanUp(deps, load, engine);
  if (isClean) {
    await deps.store.change(load.id, () => ({ cleaned: true }));
  } else if (progress.waits < MAX_LOOKS) {
    return { is: 'wait' };
  }
  return { is: 'end', state: 'committed' };
};

async function record({ deps, load }: StepContext, committed: Committed): Promise<void> {
  await deps.store.change(load.id, ({ state }) =>
    state === 'running' ? { state: 'committed', endedAtMs: deps.clock.now(), committed } : {},
  );
  deps.logger.info('load.committed', { load: load.id, ...committed });
}

/** Rows are where they belong; they get their tags now, since `ingest-by` never goes with blobs. */
async function endQueued(context: StepContext): Promise<StepAnswer | undefined> {
  const { load, engine } = context;
  const { table } = load.options;
  const marker = markerTag(load.id);
  const error = await firstRefusal(context);
  if (error !== undefined) return { is: 'fail', error };
  const tags = finalTags(load.options);
  if (tags.length > 0) await engine.command(commands.addExtentTags(table, tags, marker));
  await record(context, await engine.tagged(table, marker));
  return undefined;
}
