import type { EngineClock } from '../faults/types.js';
import { parseTimespan } from '../values/timespan.js';
import { mergeGroups } from './merging.js';
import type { Change, StoredExtent } from './model.js';
import type { CatalogStore } from './store.js';
import type { Table } from './types.js';

/** Of the engine's clock, from the end of one pass to the next. */
const PERIOD_MS = 60_000;
/** Merges of one table in one pass; the rest waits for the next. */
const MAX_MERGES_PER_PASS = 20;

interface MaintenanceParts {
  readonly catalog: CatalogStore;
  readonly clock: EngineClock;
  readonly log: (line: string) => void;
}

/**
 * Does by the engine's clock what policies ask for: joins extents (`merge`) and forgets old tags
 * (`extent_tags_retention`). @returns ends it, when the pass under way is over.
 */
export function startMaintenance(parts: MaintenanceParts): () => Promise<void> {
  let isStopped = false;
  let pass: Promise<void> = Promise.resolve();
  let cancel: () => void = () => undefined;
  const arm = () => {
    cancel = parts.clock.after(PERIOD_MS, () => {
      pass = runPass(parts, () => isStopped)
        .catch((error: unknown) => parts.log(`background merges failed: ${error}`))
        .then(() => (isStopped ? undefined : arm()));
    });
  };
  arm();
  return async () => {
    isStopped = true;
    cancel();
    await pass;
  };
}

async function runPass({ catalog, clock }: MaintenanceParts, isStopped: () => boolean): Promise<void> {
  for (const database of catalog.databases()) {
    for (const table of catalog.tables(database)) {
      await forgetTags(catalog, table);
      const { policies } = catalog.database(database);
      const groups = mergeGroups(catalog.table(database, table.name) ?? table, policies, clock.now());
      for (const ids of groups.slice(0, MAX_MERGES_PER_PASS)) {
        if (isStopped()) {
          return;
        }
        await catalog.mergeExtents?.(database, table.name, ids);
      }
    }
  }
}

interface TagRule {
  readonly TagPrefix?: unknown;
  readonly RetentionPeriod?: unknown;
}

/** Tags that the rules of the table, or else of its database, keep no longer leave their extents. */
async function forgetTags(catalog: CatalogStore, { database, name, policies }: Table): Promise<void> {
  const policy = 'extent_tags_retention';
  const rules = policies.get(policy) ?? catalog.database(database).policies.get(policy);
  if (!Array.isArray(rules) || rules.length === 0) {
    return;
  }
  const now = catalog.now();
  await catalog.transact((state) => {
    const extents: readonly StoredExtent[] = state.databases.get(database)?.tables.get(name)?.extents ?? [];
    const changed = extents.flatMap((extent) => {
      const tags = extent.tags.filter((tag) => !isForgotten(tag, now - extent.createdOn, rules));
      return tags.length === extent.tags.length ? [] : [{ ...extent, tags }];
    });
    const drop = changed.map(({ id }) => id);
    const change: Change = { kind: 'extents', database, table: name, add: changed, drop };
    return { changes: changed.length === 0 ? [] : [change], result: undefined };
  });
}

function isForgotten(tag: string, age: bigint, rules: readonly TagRule[]): boolean {
  return rules.some(({ TagPrefix, RetentionPeriod }) => {
    const period = typeof RetentionPeriod === 'string' ? parseTimespan(RetentionPeriod) : null;
    return typeof TagPrefix === 'string' && tag.startsWith(TagPrefix) && period !== null && age >= period;
  });
}
