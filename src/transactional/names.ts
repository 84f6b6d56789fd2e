import { createHash } from 'node:crypto';
import { uuidOf } from '../ledger/ids.js';
import type { Load, LoadCall } from './types.js';

/** Longest part of a target's name that a staging table repeats, for people. */
const MAX_TABLE_CHARS = 40;
const digestOf = (text: string, chars: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, chars);

/** Every staging table of every app begins so. */
const STAGING_PREFIX = 'kf_load_';

/**
 * Staging tables of one app: apps that share a database must not take each other's for orphans. `account` says
 * where the app's ledger is.
 */
export function stagingPrefixOf(account: string): string {
  return `${STAGING_PREFIX}${digestOf(account, 8)}_`;
}

/** The same load and generation, the same name. */
export function stagingTableOf(
  prefix: string,
  load: Pick<Load, 'id' | 'options' | 'generation'>,
  generation: number = load.generation,
): string {
  const { tempTableName, table } = load.options;
  if (tempTableName !== undefined) return tempTableName;
  const readable = table.replaceAll(/[^A-Za-z0-9]+/g, '_').slice(0, MAX_TABLE_CHARS);
  return `${prefix}${readable}_${loadMark(load.id)}_${generation}`;
}

/** The part of a staging table's name that says whose it is. */
export function loadMark(id: string): string {
  return digestOf(id, 16);
}

/** The load and generation marks of a staging table of ours; undefined for any other table. */
export function markOfStagingTable(prefix: string, table: string): string | undefined {
  return table.startsWith(prefix) ? /_([0-9a-f]{16})_\d+$/.exec(table)?.[1] : undefined;
}

/** On every extent that the load commits, until the end; what a lost answer is settled by. */
export const markerTag = (id: string): string => `drop-by:${id}`;

/** On what one attempt of one call brings into the staging table. */
export function callTag(call: Pick<LoadCall, 'load' | 'generation' | 'key' | 'attempt'>): string {
  return `drop-by:${call.load}/${call.generation}.${call.key}.${call.attempt}`;
}

/** What every call tag of a load begins with. */
export const callTagPrefix = (id: string): string => `drop-by:${id}/`;

/** On what a load that was undone leaves in a user's staging table. */
export const undoneTag = (id: string): string => `${callTagPrefix(id)}undone`;

/** Name of the mapping that the staging table gets. */
export const STAGING_MAPPING = 'kf_load';

/** The service's sourceId of a blob in one attempt: a UUID (version 8, SHA-256). */
export function sourceIdOf(
  call: Pick<LoadCall, 'load' | 'generation' | 'key' | 'attempt'>,
  index: number,
): string {
  return uuidOf(`${callTag(call)} ${index}`);
}

type Stored = Pick<Load, 'id' | 'digest'>;
/** Blobs of a load in the staging container. The digest keeps apart what two callers sent under one requestId. */
export const loadFolder = (id: string): string => `loads/${id}/`;
const contentFolder = ({ id, digest }: Stored): string => `${loadFolder(id)}${digest.slice(0, 16)}/`;
export const sourcesBlob = (load: Stored): string => `${contentFolder(load)}sources.json`;
export const planBlob = (load: Stored): string => `${contentFolder(load)}plan.json`;
/** The one place where a SAS of a caller rests; deleted when the load ends. */
export const secretsBlob = (load: Stored): string => `${contentFolder(load)}secrets.json`;
export const cutBlob = (id: string, source: number, index: number, ending: string): string =>
  `${loadFolder(id)}${String(source).padStart(6, '0')}-${String(index).padStart(6, '0')}.${ending}`;

/** The service's own guard against a second append; removed with the marker. */
export const onceTagOf = (id: string): string => `kusto-functions-load-${id}`;

/** Keys of the values that only one load at a time may commit under. */
export function claimKeys({ options }: Pick<Load, 'options'>): string[] {
  const { database, table, tags } = options;
  const values = [...new Set([...tags.ingestIfNotExists, ...tags.ingestBy])].sort();
  return values.map((value) =>
    createHash('sha256')
      .update(JSON.stringify([database, table, value]))
      .digest('hex'),
  );
}
