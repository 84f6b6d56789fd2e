import type { Extent } from '../store/types.js';
import { TICKS_PER_DAY, TICKS_PER_HOUR } from '../values/datetime.js';
import { parseTimespan } from '../values/timespan.js';
import { mayMerge, policyFields } from './policies.js';
import type { Policies, Table } from './types.js';

const DROP_BY = 'drop-by:';
const BYTES_PER_MB = 1024 * 1024;
/** Bytes of source data of one merged extent, whatever the policy allows: a merge holds up everything else. */
const MAX_MERGED_BYTES = 64 * BYTES_PER_MB;
/** Only extents whose row counts lie in one range of this ratio are joined, so that rows are not copied over and over. */
const SIZE_RATIO = 8;
/** Extents with fewer rows than this count as equally small. */
const SMALL_ROWS = 4_096;
/** What `Lookback` means by `Default`. */
const DEFAULT_LOOKBACK = 14n * TICKS_PER_DAY;

/** The tags that keep extents apart: extents whose sets of them differ are never joined. */
export function dropByTags(tags: readonly string[]): string {
  return JSON.stringify(tags.filter((tag) => tag.toLowerCase().startsWith(DROP_BY)).sort());
}

interface MergeLimits {
  readonly rows: number;
  readonly bytes: number;
  readonly extents: number;
  readonly range: bigint;
  /** Ticks; older extents are left alone. */
  readonly oldest: bigint;
}

function mergeLimits(table: Policies, database: Policies | undefined, now: bigint): MergeLimits {
  const fields = policyFields(table, 'merge') ?? policyFields(database, 'merge') ?? {};
  const number = (key: string, fallback: number) => {
    const value = Number(fields[key] ?? fallback);
    return Number.isFinite(value) && value > 0 ? value : fallback;
  };
  const lookback = lookbackOf(fields['Lookback']);
  return {
    rows: number('RowCountUpperBoundForMerge', 16_000_000),
    bytes: Math.min(number('OriginalSizeMBUpperBoundForMerge', 30_000) * BYTES_PER_MB, MAX_MERGED_BYTES),
    extents: number('MaxExtentsToMerge', 100),
    range: BigInt(Math.round(number('MaxRangeInHours', 24))) * TICKS_PER_HOUR,
    oldest: lookback === undefined ? 0n : now - lookback,
  };
}

/** Ticks; everything is hot here, so that `HotCache` bounds no more than `All` does. */
function lookbackOf(value: unknown): bigint | undefined {
  const { Kind = 'Default', CustomPeriod } = (value ?? {}) as { Kind?: unknown; CustomPeriod?: unknown };
  switch (String(Kind).toLowerCase()) {
    case 'all':
    case 'hotcache':
      return undefined;
    case 'custom':
      return parseTimespan(String(CustomPeriod)) ?? DEFAULT_LOOKBACK;
    default:
      return DEFAULT_LOOKBACK;
  }
}

function sizeClass({ rowCount }: Extent): number {
  return rowCount < SMALL_ROWS ? 0 : 1 + Math.floor(Math.log(rowCount / SMALL_ROWS) / Math.log(SIZE_RATIO));
}

/** Extents of a table that its merge policy lets be joined now: ids, one list for each new extent. Pure. */
export function mergeGroups(table: Table, database: Policies | undefined, now: bigint): string[][] {
  if (table.extents.length < 2 || !mayMerge(table.policies, database)) {
    return [];
  }
  const limits = mergeLimits(table.policies, database, now);
  const alike = new Map<string, Extent[]>();
  for (const extent of table.extents.filter(({ createdOn }) => createdOn >= limits.oldest)) {
    const key = `${sizeClass(extent)} ${dropByTags(extent.tags)}`;
    const group = alike.get(key) ?? [];
    group.push(extent);
    alike.set(key, group);
  }
  return [...alike.values()].flatMap((group) => packed(group, limits));
}

/** Cuts extents of one kind, in the order of their creation, into lists within the limits; single ones are left out. */
function packed(extents: readonly Extent[], limits: MergeLimits): string[][] {
  const lists: string[][] = [];
  let list: string[] = [];
  let [rows, bytes, from] = [0, 0, 0n];
  for (const extent of [...extents].sort((a, b) => (a.createdOn < b.createdOn ? -1 : 1))) {
    const { createdOn, oldestCreatedOn = createdOn } = extent;
    const oldest = list.length > 0 && from < oldestCreatedOn ? from : oldestCreatedOn;
    const fits =
      list.length > 0 &&
      list.length < limits.extents &&
      rows + extent.rowCount <= limits.rows &&
      bytes + extent.originalSize <= limits.bytes &&
      createdOn - oldest <= limits.range;
    if (!fits) {
      list = [];
      lists.push(list);
      [rows, bytes] = [0, 0];
    }
    from = fits ? oldest : oldestCreatedOn;
    list.push(extent.id);
    rows += extent.rowCount;
    bytes += extent.originalSize;
  }
  return lists.filter(({ length }) => length > 1);
}
