import { TICKS_PER_MS } from '../values/datetime.js';
import { parseDatetime } from '../values/datetime-parse.js';
import { parseTimespan } from '../values/timespan.js';
import type { BatchingPolicy, Policies } from './types.js';

/** What the service applies where neither the table nor its database says otherwise. */
const DEFAULT_BATCHING = {
  MaximumBatchingTimeSpan: '00:05:00',
  MaximumNumberOfItems: 500,
  MaximumRawDataSizeMB: 1024,
};
/** `ShardEngineMaxRowCount` of the sharding policy. */
const DEFAULT_EXTENT_ROWS = 1_048_576;
const BYTES_PER_MB = 1024 * 1024;

type Fields = Readonly<Record<string, unknown>>;

/** The members of a policy's JSON object; anything else has none. */
export function policyFields(policies: Policies | undefined, name: string): Fields | undefined {
  const value = policies?.get(name);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

export function effectiveBatching(
  table: Policies | undefined,
  database: Policies | undefined,
): BatchingPolicy {
  const chosen = policyFields(table, 'ingestionbatching') ?? policyFields(database, 'ingestionbatching');
  const fields = { ...DEFAULT_BATCHING, ...chosen };
  const time = parseTimespan(String(fields.MaximumBatchingTimeSpan));
  return {
    maxTimeMs: Number((time ?? 0n) / TICKS_PER_MS),
    maxItems: Number(fields.MaximumNumberOfItems),
    maxRawBytes: Number(fields.MaximumRawDataSizeMB) * BYTES_PER_MB,
  };
}

/** Rows of one extent that an ingestion makes. */
export function effectiveExtentRows(table: Policies | undefined, database: Policies | undefined): number {
  const fields = policyFields(table, 'sharding') ?? policyFields(database, 'sharding');
  const rows = Number(fields?.['ShardEngineMaxRowCount'] ?? DEFAULT_EXTENT_ROWS);
  return Number.isInteger(rows) && rows > 0 ? rows : DEFAULT_EXTENT_ROWS;
}

export function effectiveStreaming(table: Policies | undefined, database: Policies | undefined): boolean {
  const fields = policyFields(table, 'streamingingestion') ?? policyFields(database, 'streamingingestion');
  return fields?.['IsEnabled'] === true;
}

/** Ticks after which an extent is gone; `undefined` when nothing bounds its life. */
export function softDeletePeriod(table: Policies, database: Policies | undefined): bigint | undefined {
  const fields = policyFields(table, 'retention') ?? policyFields(database, 'retention');
  const text = fields?.['SoftDeletePeriod'];
  return typeof text === 'string' ? (parseTimespan(text) ?? undefined) : undefined;
}

/** When the table is to go, and whether also if it still has rows. */
export function autoDelete(
  table: Policies,
): { readonly expiry: bigint; readonly evenIfNotEmpty: boolean } | undefined {
  const fields = policyFields(table, 'auto_delete');
  const expiry = typeof fields?.['ExpiryDate'] === 'string' ? parseDatetime(fields['ExpiryDate']) : null;
  return expiry === null ? undefined : { expiry, evenIfNotEmpty: fields?.['DeleteIfNotEmpty'] === true };
}

/** Whether extents may be joined at all. A rebuild joins them as a merge does. */
export function mayMerge(table: Policies, database: Policies | undefined): boolean {
  const fields = policyFields(table, 'merge') ?? policyFields(database, 'merge');
  return fields?.['AllowMerge'] !== false || fields?.['AllowRebuild'] !== false;
}
