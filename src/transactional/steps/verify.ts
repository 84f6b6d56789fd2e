import * as commands from '../../kusto/load-commands.js';
import { callTag, markerTag, stagingTableOf } from '../names.js';
import { knownTotal, requireAtomic } from '../plan.js';
import type { LoadCall, LoadError } from '../types.js';
import type { Step, StepContext } from './context.js';

/** The listing of extents may be behind the status of the blobs; so often it is looked at again. */
const MAX_LOOKS = 3;

/** An extent of the staging table that the load commits. */
export interface StagedExtent {
  readonly id: string;
  readonly rows: number;
  readonly tags: readonly string[];
}

/**
 * Counts what was staged against what is known of the sources. Only extents of confirmed calls count: what a call
 * with a lost answer has brought, or the service twice, is left behind or found here.
 */
export const verify: Step = async (context) => {
  const { deps, load, progress } = context;
  const expected = await expectedOf(context);
  const extents = (await stagedExtents(context)).filter(({ tags }) => isSelected(tags, expected, load.id));
  requireAtomic(load, extents.length, deps.limits.maxExtentsPerMove);
  const error = mismatch(context, expected, extents);
  if (error !== undefined) {
    if (progress.waits < MAX_LOOKS) return { is: 'wait', afterMs: 1_000 };
    deps.logger.warn('load.mismatch', { load: load.id, message: error.message });
    return { is: 'restage', error };
  }
  const rows = extents.reduce((sum, extent) => sum + extent.rows, 0);
  const { generation } = load;
  await deps.store.change(load.id, () => ({ verified: { extents: extents.length, rows, generation } }));
  return { is: 'done' };
};

/** Tags are a text of lines. */
function tagsOf(text: unknown): string[] {
  return String(text ?? '')
    .split(/\r?\n/)
    .filter((tag) => tag !== '');
}

export async function stagedExtents({ deps, load, engine }: StepContext): Promise<StagedExtent[]> {
  const rows = await engine.command(commands.showExtents(stagingTableOf(deps.stagingPrefix, load)));
  return rows.map((row) => ({
    id: String(row['extentid']),
    rows: Number(row['rowcount']),
    tags: tagsOf(row['tags']),
  }));
}

/** By the tag of each confirmed call: its rows where all its blobs' are known, and what it holds. */
export type Expected = ReadonlyMap<string, { readonly call: LoadCall; readonly rows: number | undefined }>;

export async function expectedOf({ deps, load }: StepContext): Promise<Expected> {
  const expected = new Map<string, { call: LoadCall; rows: number | undefined }>();
  for await (const call of deps.store.calls(load.id, load.generation)) {
    expected.set(callTag(call), { call, rows: knownTotal(call.sources, 'rows') });
  }
  return expected;
}

/** Extents that are already marked were selected before. */
export function isSelected(tags: readonly string[], expected: Expected, id: string): boolean {
  return tags.some((tag) => expected.has(tag) || tag === markerTag(id));
}

function mismatch(
  { load }: StepContext,
  expected: Expected,
  extents: readonly StagedExtent[],
): LoadError | undefined {
  const rowsOf = (having: (tag: string) => boolean): number =>
    extents.filter(({ tags }) => tags.some(having)).reduce((sum, { rows }) => sum + rows, 0);
  const isMarked = extents.some(({ tags }) => tags.includes(markerTag(load.id)));
  const total = extents.reduce((sum, { rows }) => sum + rows, 0);
  for (const [tag, { call, rows }] of isMarked ? [] : expected) {
    const staged = rowsOf((one) => one === tag);
    if (rows !== undefined && staged !== rows) {
      const blobs = `${call.sources[0]?.address}${call.sources.length > 1 ? ` and ${call.sources.length - 1} more` : ''}`;
      return wrong(`${blobs}: ${rows} rows in the sources, ${staged} in the staging table`);
    }
  }
  const { expectedRows } = load.options;
  const known = load.sources?.rows;
  if (expectedRows !== undefined && total !== expectedRows) {
    return wrong(`expectedRows is ${expectedRows}, and ${total} rows are in the staging table`);
  }
  if (isMarked && known !== undefined && total !== known)
    return wrong(`${known} rows in the sources, ${total} in the staging table`);
  // Counted before, by a run whose orchestration was lost: what has come since is not trusted either.
  const before = load.verified?.generation === load.generation ? load.verified.rows : total;
  return total === before
    ? undefined
    : wrong(`${before} rows were counted in the staging table, and now there are ${total}`);
}

const wrong = (message: string): LoadError => ({ code: 'LOAD_ROWS_MISMATCH', message });
