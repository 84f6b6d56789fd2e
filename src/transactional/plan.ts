import { mappingKindOf } from '../config/kusto-types.js';
import type { MappingColumn } from '../config/types.js';
import { parseTimeSpan } from '../config/units.js';
import type { Row } from '../kusto/rows.js';
import { KfError } from '../runtime/errors.js';
import { markerTag } from './names.js';
import type { Load, LoadOptions, LoadPlan, PlannedBlob } from './types.js';

/** Longest batching time of a staging table, and the service's defaults for what no policy says. */
const MAX_BATCHING_MS = 30_000;
const DEFAULT_ITEMS = 500;
const DEFAULT_RAW_MB = 1_024;

/** Decisions of a load that need no effect; all pure. */

/** `hh:mm:ss` of whole seconds, rounded up. */
function timeSpan(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const part = (value: number): string => String(value).padStart(2, '0');
  return `${part(Math.floor(seconds / 3600))}:${part(Math.floor(seconds / 60) % 60)}:${part(seconds % 60)}`;
}

/** The target's batching policy with a shorter time: rows are not visible before the commit anyway. */
export function cappedBatching(policy: Row | undefined): LoadPlan['batching'] {
  const waitMs = parseTimeSpan(String(policy?.['MaximumBatchingTimeSpan'] ?? '')) ?? MAX_BATCHING_MS;
  return {
    MaximumBatchingTimeSpan: timeSpan(Math.min(waitMs, MAX_BATCHING_MS)),
    MaximumNumberOfItems: Number(policy?.['MaximumNumberOfItems'] ?? DEFAULT_ITEMS),
    MaximumRawDataSizeMB: Number(policy?.['MaximumRawDataSizeMB'] ?? DEFAULT_RAW_MB),
  };
}

/** `adjustSchema` against a table that exists. @throws LOAD_SCHEMA_MISMATCH */
export function requireSchemaFits(options: LoadOptions, columns: LoadPlan['columns']): void {
  const { schema, adjustSchema, database, table } = options;
  if (schema === undefined || adjustSchema === 'NoAdjustment') return;
  const source = Object.entries(schema);
  if (adjustSchema === 'GenerateDynamicMapping') {
    const types = new Map(columns);
    const absent = source.map(([name]) => name).filter((name) => !types.has(name));
    if (absent.length > 0)
      throw mismatch(`${database}.${table} has no column ${absent.slice(0, 10).join(', ')}`);
    return;
  }
  const target = columns;
  const at = source.findIndex(([name, type], index) => {
    const [there, thereType] = target[index] ?? [];
    return name !== there || type !== thereType;
  });
  const tell = (column: readonly [string, string] | undefined): string =>
    column === undefined ? 'no column' : `${column[0]}:${column[1]}`;
  if (at >= 0) {
    throw mismatch(
      `column ${at} is ${tell(source[at])} in the source and ${tell(target[at])} in ${database}.${table}`,
    );
  }
  if (source.length !== target.length) {
    throw mismatch(`the source has ${source.length} columns and ${database}.${table} has ${target.length}`);
  }
}

function mismatch(text: string): KfError {
  return new KfError('LOAD_SCHEMA_MISMATCH', `schema: ${text}`);
}

const dataTypeOf = (dataType: string | undefined): { dataType?: string } =>
  dataType === undefined ? {} : { dataType };

/** A mapping of the source's columns to the target's of the same name. */
export function dynamicMapping(options: LoadOptions, columns: LoadPlan['columns']): readonly MappingColumn[] {
  const byPosition = mappingKindOf(options.format) === 'csv';
  const types = new Map(columns);
  return Object.keys(options.schema ?? {}).map((name, ordinal) => ({
    column: name,
    ...dataTypeOf(types.get(name)),
    ...(byPosition ? { ordinal } : { path: `$['${name.replaceAll(/['\\]/g, '\\$&')}']` }),
  }));
}

export interface RetentionFacts {
  readonly nowMs: number;
  readonly softDeleteMs: number | undefined;
  readonly tagRules: readonly { readonly prefix: string; readonly periodMs: number }[];
}

/** Back-dated rows or tags must outlive the load. @throws LOAD_CREATION_TIME_REFUSED */
export function requireCreationTime(
  options: LoadOptions,
  { nowMs, softDeleteMs, tagRules }: RetentionFacts,
): void {
  const ageMs = nowMs - Date.parse(options.creationTime ?? '') + options.timeoutMs;
  const name = `${options.database}.${options.table}`;
  if (softDeleteMs !== undefined && ageMs >= softDeleteMs) {
    throw new KfError(
      'LOAD_CREATION_TIME_REFUSED',
      `creationTime ${options.creationTime}: the retention policy of ${name} would remove the rows before the load must be over`,
    );
  }
  const tags = [
    markerTag(''),
    ...options.tags.ingestBy.map((value) => `ingest-by:${value}`),
    ...options.tags.additional,
  ];
  const rule = tagRules.find(
    ({ prefix, periodMs }) => ageMs >= periodMs && tags.some((tag) => tag.startsWith(prefix)),
  );
  if (rule !== undefined) {
    throw new KfError(
      'LOAD_CREATION_TIME_REFUSED',
      `creationTime ${options.creationTime}: the extent tags retention policy of ${name} would remove tags beginning with ` +
        `${JSON.stringify(rule.prefix)} before the load must be over`,
    );
  }
}

/** May this many extents be committed, and how? @throws LOAD_NOT_ATOMIC */
export function requireAtomic(load: Load, extents: number, maxExtentsPerMove: number): void {
  if (extents <= maxExtentsPerMove) return;
  const { options, plan } = load;
  const dependents = plan?.dependents ?? [];
  if (!options.allowPartialVisibility) {
    throw new KfError(
      'LOAD_NOT_ATOMIC',
      `up to ${extents} extents; load.maxExtentsPerMove is ${maxExtentsPerMove}, and allowPartialVisibility is not set`,
    );
  }
  if (dependents.length > 0) {
    throw new KfError(
      'LOAD_NOT_ATOMIC',
      `up to ${extents} extents in several moves, which could not be undone in what derives from the table: ${dependents.slice(0, 5).join(', ')}`,
    );
  }
}

/** The tags that committed extents keep; `markerTag` beside them goes at the end. */
export function finalTags({ tags }: LoadOptions): readonly string[] {
  return [...tags.additional, ...tags.ingestBy.map((value) => `ingest-by:${value}`)];
}

/** How long to wait before the next look: a sixteenth of what has passed, from 1 s to 30 s. */
export function pollMs(passedMs: number): number {
  return Math.min(30_000, Math.max(1_000, Math.round(passedMs / 16)));
}

/** Sum, or undefined when one is not known. */
export function knownTotal(blobs: readonly PlannedBlob[], key: 'rows' | 'rawSizeBytes'): number | undefined {
  return blobs.reduce<number | undefined>((sum, blob) => {
    const value = blob[key];
    return sum === undefined || value === undefined ? undefined : sum + value;
  }, 0);
}
