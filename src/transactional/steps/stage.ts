import { mappingKindOf } from '../../config/kusto-types.js';
import { refreshBatchingPolicy } from '../../kusto/commands.js';
import * as commands from '../../kusto/load-commands.js';
import { KfError } from '../../runtime/errors.js';
import { disarm } from '../clean-up.js';
import { callTagPrefix, planBlob, STAGING_MAPPING, stagingTableOf } from '../names.js';
import { readStaged, storeOf } from '../staged.js';
import type { LoadPlan, PlannedBlob } from '../types.js';
import { planOf, type Step, type StepContext } from './context.js';
import { addCalls } from './prepare.js';

/** A staging table outlives its load by a day at most, whatever becomes of the app. */
const SPARE_MS = 86_400_000;
const DAY_MS = 86_400_000;

/**
 * Makes the staging table ready: merging off before the first extent exists, short batching, and two policies of
 * the service's own that remove it should nobody else do so. Every command may run twice.
 */
export const stage: Step = async (context) => {
  const { deps, load: before, progress } = context;
  const generation = progress.restages;
  // A late run of an earlier generation has nothing to do any more.
  if (before.generation > generation) return { is: 'done' };
  const { tempTableName } = before.options;
  // In a user's table the extents of both lie together, and those of before may be marked for the commit.
  if (before.generation < generation && tempTableName !== undefined)
    await disarm(before, context.engine, tempTableName);
  const load =
    before.generation === generation ? before : await deps.store.change(before.id, () => ({ generation }));
  const now: StepContext = { ...context, load };
  const plan = planOf(load);
  const table = stagingTableOf(deps.stagingPrefix, load);
  await (load.options.tempTableName === undefined ? makeOwn(now, plan, table) : checkGiven(now, plan, table));
  await setPolicies(now, plan, table);
  if (generation > 0) await planAgain(now);
  const commitForm = await probeCommit(now, table);
  if (commitForm !== plan.commitForm)
    await deps.store.change(load.id, () => ({ plan: { ...plan, commitForm } }));
  return { is: 'done' };
};

async function makeOwn({ load, engine }: StepContext, plan: LoadPlan, table: string): Promise<void> {
  await engine.command(commands.createHiddenTable(table, plan.columns, `staging of load ${load.id}`));
  const columns = await engine.columns(table);
  if (JSON.stringify(columns) !== JSON.stringify(plan.columns)) {
    throw new KfError(
      'LOAD_SCHEMA_MISMATCH',
      `${table}: the staging table has other columns than ${load.options.table}, which was changed meanwhile`,
    );
  }
}

/** A user's staging table: it must fit, and hold nothing but what this load has brought. */
async function checkGiven({ load, engine }: StepContext, plan: LoadPlan, table: string): Promise<void> {
  const columns = await engine.columns(table);
  const name = `tempTableName ${load.options.database}.${table}`;
  if (columns === undefined) throw new KfError('LOAD_TEMP_TABLE_INVALID', `${name}: there is no such table`);
  if (JSON.stringify(columns) !== JSON.stringify(plan.columns)) {
    throw new KfError(
      'LOAD_TEMP_TABLE_INVALID',
      `${name}: its columns are not those of ${load.options.table}`,
    );
  }
  const extents = await engine.command(commands.showExtents(table));
  const foreign = extents.filter(({ tags }) => !String(tags ?? '').includes(callTagPrefix(load.id)));
  if (foreign.length > 0) {
    throw new KfError(
      'LOAD_TEMP_TABLE_INVALID',
      `${name}: holds ${foreign.length} extents of something else; look at them, then: .clear table ['${table}'] data`,
    );
  }
}

async function setPolicies(
  { deps, load, engine }: StepContext,
  plan: LoadPlan,
  table: string,
): Promise<void> {
  const { database, format, tempTableName, timeoutMs, creationTime } = load.options;
  const set = (policy: commands.LoadPolicy, value: object) =>
    engine.command(commands.alterPolicy(table, policy, value));
  await set('merge', { AllowMerge: false, AllowRebuild: false });
  await set('ingestionbatching', plan.batching);
  await engine
    .ingestCommand(refreshBatchingPolicy({ database, name: table }))
    .catch((error: unknown) =>
      deps.logger.debug('load.refreshFailed', { load: load.id, message: String(error) }),
    );
  if (plan.mapping !== undefined) {
    const mapping = { name: STAGING_MAPPING, json: plan.mapping };
    await engine.command(commands.createMapping(table, mappingKindOf(format), mapping));
  }
  if (tempTableName !== undefined) return;
  const aheadMs = timeoutMs + SPARE_MS;
  const ageMs = creationTime === undefined ? 0 : Math.max(0, deps.clock.now() - Date.parse(creationTime));
  const days = Math.ceil((ageMs + aheadMs) / DAY_MS) + 1;
  await set('retention', { SoftDeletePeriod: `${days}.00:00:00`, Recoverability: 'Disabled' });
  await set('auto_delete', {
    ExpiryDate: new Date(load.createdAtMs + aheadMs).toISOString(),
    DeleteIfNotEmpty: true,
  });
  if (plan.rowLevelSecurity) await engine.command(commands.restrictView(table));
}

/** Calls of a further generation, from the list that the first made. */
async function planAgain(context: StepContext): Promise<void> {
  const { deps, load } = context;
  const blobs = await readStaged<readonly PlannedBlob[]>(storeOf(deps), planBlob(load));
  if (blobs === undefined) throw new KfError('INTERNAL', `load ${load.id}: its plan is gone`);
  await addCalls(context, blobs);
}

/**
 * Moves nothing from the still empty staging table: shows that the caller may, before anything is ingested, and
 * whether the cluster moves extents at all (Fabric does not).
 */
async function probeCommit({ load, engine }: StepContext, table: string): Promise<LoadPlan['commitForm']> {
  if (load.commit !== undefined || (await engine.command(commands.showExtents(table))).length > 0) {
    return planOf(load).commitForm;
  }
  try {
    await engine.command(commands.probeMove(table, load.options.table));
    return 'move';
  } catch (error) {
    if (error instanceof KfError && error.code === 'KUSTO_PERMANENT' && saysUnsupported(error))
      return 'append';
    throw error;
  }
}

function saysUnsupported(error: KfError): boolean {
  return /not (?:be )?(?:supported|available|enabled|recognized)|unsupported|unknown command|syntax/i.test(
    `${error.serviceCode ?? ''} ${error.message}`,
  );
}
