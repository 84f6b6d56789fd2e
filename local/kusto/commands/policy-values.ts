import { badRequest } from '../catalog/errors.js';
import type { Policies } from '../catalog/types.js';
import { TICKS_PER_SECOND } from '../values/datetime.js';
import { parseDatetime } from '../values/datetime-parse.js';
import { formatTimespan, parseTimespan } from '../values/timespan.js';

type Fields = Readonly<Record<string, unknown>>;
type Check = (name: string, value: unknown) => unknown;

interface PolicyKind {
  /** As `PolicyName` of the answer spells it. */
  readonly title: string;
  /** Members the service fills in when a new value omits them. */
  readonly defaults?: Fields;
  /** Turns the given members into what is stored. */
  readonly members?: Readonly<Record<string, Check>>;
  /** Set at a table only. */
  readonly tableOnly?: boolean;
  /** Value is `true` or `false`, wrapped as this member. */
  readonly flag?: string;
  /** Value is a list; `.alter-merge` adds to it. */
  readonly isList?: boolean;
  /** Checks one element of the list. */
  readonly item?: (value: unknown) => unknown;
}

const SECONDS_10 = 10n * TICKS_PER_SECOND;
const MINUTES_30 = 1800n * TICKS_PER_SECOND;

function reject(name: string, value: unknown, wanted: string): never {
  throw badRequest(`The policy's ${name} is ${JSON.stringify(value)}: ${wanted}`, 'BadRequest_InvalidPolicy');
}

function timespan(min?: bigint, max?: bigint): Check {
  return (name, value) => {
    const ticks = typeof value === 'string' ? parseTimespan(value) : null;
    if (ticks === null || (min !== undefined && ticks < min) || (max !== undefined && ticks > max)) {
      const range =
        min === undefined || max === undefined
          ? ''
          : ` from ${formatTimespan(min)} to ${formatTimespan(max)}`;
      reject(name, value, `it needs a timespan${range}`);
    }
    return formatTimespan(ticks as bigint);
  };
}

function whole(min: number, max: number): Check {
  return (name, value) => {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (!Number.isInteger(number) || (number as number) < min || (number as number) > max) {
      reject(name, value, `it needs a whole number from ${min} to ${max}`);
    }
    return number;
  };
}

/** Also as quoted text, which some clients send. */
const boolean: Check = (name, value) => {
  const text = String(value).toLowerCase();
  return text === 'true' || text === 'false'
    ? text === 'true'
    : reject(name, value, 'it needs true or false');
};

function oneOf(...words: readonly string[]): Check {
  return (name, value) =>
    words.find((word) => word.toLowerCase() === String(value).toLowerCase()) ??
    reject(name, value, `it needs one of ${words.join(', ')}`);
}

const datetime: Check = (name, value) =>
  typeof value === 'string' && parseDatetime(value) !== null
    ? value
    : reject(name, value, 'it needs a date and time');

const numberOrNull: Check = (name, value) =>
  value === null || typeof value === 'number' ? value : reject(name, value, 'it needs a number or null');

const anything: Check = (_name, value) => value;

/** A rule of an update policy. It is kept and shown; ingestion into the source of an enabled one is refused. */
function updateRule(value: unknown): unknown {
  const { Source, Query } = (value ?? {}) as { Source?: unknown; Query?: unknown };
  if (typeof Source !== 'string' || typeof Query !== 'string') {
    reject('rule', value, 'it needs Source and Query as texts');
  }
  const defaults = { IsEnabled: true, IsTransactional: false, PropagateIngestionProperties: false };
  return { ...defaults, ...(value as object) };
}

/** A rule of an extent tags retention policy: a prefix that ends in its only colon. */
function tagRule(value: unknown): unknown {
  const { TagPrefix, RetentionPeriod } = (value ?? {}) as { TagPrefix?: unknown; RetentionPeriod?: unknown };
  if (typeof TagPrefix !== 'string' || !/^[^:]+:$/.test(TagPrefix)) {
    reject('TagPrefix', TagPrefix, 'it needs a text that ends in its only colon, such as drop-by:');
  }
  return { TagPrefix, RetentionPeriod: timespan()('RetentionPeriod', RetentionPeriod) };
}

/** Policies that are kept and shown; those marked in `docs` also act. */
export const POLICY_KINDS: Readonly<Record<string, PolicyKind>> = {
  ingestionbatching: {
    title: 'IngestionBatchingPolicy',
    defaults: { MaximumBatchingTimeSpan: '00:05:00', MaximumNumberOfItems: 500, MaximumRawDataSizeMB: 1024 },
    members: {
      MaximumBatchingTimeSpan: timespan(SECONDS_10, MINUTES_30),
      MaximumNumberOfItems: whole(1, 25_000),
      MaximumRawDataSizeMB: whole(100, 4096),
    },
  },
  streamingingestion: {
    title: 'StreamingIngestionPolicy',
    defaults: { IsEnabled: false, HintAllocatedRate: null },
    members: { IsEnabled: boolean, HintAllocatedRate: numberOrNull },
  },
  merge: {
    title: 'ExtentsMergePolicy',
    defaults: {
      RowCountUpperBoundForMerge: 16_000_000,
      OriginalSizeMBUpperBoundForMerge: 30_000,
      MaxExtentsToMerge: 100,
      MaxRangeInHours: 24,
      AllowRebuild: true,
      AllowMerge: true,
      Lookback: { Kind: 'Default', CustomPeriod: null },
    },
    members: { AllowRebuild: boolean, AllowMerge: boolean, LoopPeriod: timespan() },
  },
  retention: {
    title: 'RetentionPolicy',
    defaults: { SoftDeletePeriod: '365000.00:00:00', Recoverability: 'Enabled' },
    members: { SoftDeletePeriod: timespan(), Recoverability: oneOf('Enabled', 'Disabled') },
  },
  auto_delete: {
    title: 'AutoDeletePolicy',
    defaults: { DeleteIfNotEmpty: false },
    members: { ExpiryDate: datetime, DeleteIfNotEmpty: boolean },
    tableOnly: true,
  },
  caching: { title: 'CachingPolicy', members: { DataHotSpan: anything, IndexHotSpan: anything } },
  sharding: { title: 'ShardingPolicy' },
  partitioning: { title: 'PartitioningPolicy', tableOnly: true },
  roworder: { title: 'RowOrderPolicy', isList: true, tableOnly: true },
  extent_tags_retention: { title: 'ExtentTagsRetentionPolicy', isList: true, item: tagRule },
  ingestiontime: { title: 'IngestionTimePolicy', flag: 'IsEnabled', tableOnly: true },
  update: { title: 'UpdatePolicy', isList: true, tableOnly: true, item: updateRule },
  row_level_security: {
    title: 'RowLevelSecurityPolicy',
    defaults: { IsEnabled: false, Query: '' },
    members: { IsEnabled: boolean },
    tableOnly: true,
  },
  restricted_view_access: { title: 'RestrictedViewAccessPolicy', flag: 'IsEnabled', tableOnly: true },
};

/** The policy as JSON text: the table's own, else its database's, else `null`. */
export function policyText(name: string, own: Policies, inherited?: Policies): string {
  const value = own.get(name) ?? inherited?.get(name);
  return value === undefined ? 'null' : JSON.stringify(value);
}

/**
 * What `.alter` and `.alter-merge` store.
 * @param before The value `.alter-merge` starts from.
 * @throws KustoError naming the member that is out of range or unknown.
 */
export function policyValue(name: string, given: unknown, before: unknown): unknown {
  const kind = POLICY_KINDS[name] as PolicyKind;
  if (kind.isList === true) {
    const list = Array.isArray(given) ? given : reject('value', given, 'it needs a JSON array');
    return [...(Array.isArray(before) ? before : []), ...list.map(kind.item ?? ((item) => item))];
  }
  if (given === null) {
    return undefined;
  }
  if (typeof given !== 'object' || Array.isArray(given)) {
    return reject('value', given, 'it needs a JSON object');
  }
  const checked = Object.entries(given).map(([key, value]) => checkMember(kind, key, value));
  const base = typeof before === 'object' && before !== null ? before : {};
  return { ...kind.defaults, ...base, ...Object.fromEntries(checked) };
}

function checkMember(kind: PolicyKind, key: string, value: unknown): readonly [string, unknown] {
  const known = [...Object.keys(kind.members ?? {}), ...Object.keys(kind.defaults ?? {})];
  const spelled = known.find((candidate) => candidate.toLowerCase() === key.toLowerCase()) ?? key;
  const check = kind.members?.[spelled];
  return [spelled, check === undefined ? value : check(spelled, value)];
}
