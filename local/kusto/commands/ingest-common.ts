import { badRequest, entityNotFound } from '../catalog/errors.js';
import { demandLasting } from '../catalog/expiry.js';
import { type CatalogState, type Change, ingestedAt, type StoredExtent } from '../catalog/model.js';
import type { Table } from '../catalog/types.js';
import { demandNoUpdatePolicy } from '../catalog/views.js';
import type { RowSet } from '../store/types.js';
import { parseDatetime } from '../values/datetime-parse.js';
import { demandNotCancelled } from './extent-selection.js';
import type { Properties } from './reader.js';
import type { CommandContext } from './types.js';

const INGEST_BY = 'ingest-by:';

/** Why a command with `ingestIfNotExists` has nothing to do. */
export const ALREADY_INGESTED =
  'Skipped_IngestByTagAlreadyExists: the table holds data with a tag of ingestIfNotExists';

/** What ingestion properties say about the extents to make. */
interface ExtentOptions {
  readonly tags: readonly string[];
  readonly createdOn: bigint | undefined;
  /** Values without their `ingest-by:` prefix; one of them on the table means: nothing to do. */
  readonly ifNotExists: readonly string[];
}

/** A JSON list of texts, or one text alone. */
function readList(properties: Properties, key: string): readonly string[] {
  const text = properties.get(key)?.trim();
  if (text === undefined || text === '') {
    return [];
  }
  if (!text.startsWith('[')) {
    return [text];
  }
  try {
    return (JSON.parse(text) as unknown[]).map(String);
  } catch {
    throw badRequest(`The property '${key}' is not a JSON list of texts`);
  }
}

/** @throws KustoError for a creation time or list that cannot be read. */
export function extentOptions(properties: Properties): ExtentOptions {
  const text = properties.get('creationtime');
  const createdOn = text === undefined ? undefined : parseDatetime(text);
  if (createdOn === null) {
    throw badRequest(`The property 'creationTime' is not a date and time: '${text}'`);
  }
  return {
    createdOn,
    tags: readList(properties, 'tags'),
    ifNotExists: readList(properties, 'ingestifnotexists'),
  };
}

export function alreadyIngested(table: Table | undefined, ifNotExists: readonly string[]): boolean {
  const wanted = new Set(ifNotExists.map((value) => `${INGEST_BY}${value}`));
  return table?.extents.some(({ tags }) => tags.some((tag) => wanted.has(tag))) === true;
}

/** What of the table is to change together with the new extents. */
export interface TableChange {
  /** Changes that come first, such as a new or wider schema. */
  readonly before: readonly Change[];
  /** Ids of extents that go. */
  readonly drop: readonly string[];
}

interface Commit {
  readonly database: string;
  readonly table: string;
  readonly options: ExtentOptions;
  readonly parts: readonly { readonly rows: RowSet; readonly originalSize: number }[];
  /** Checks the table as it is under the lock. `undefined`: the table must exist and stays as it is. */
  plan(table: Table | undefined, state: CatalogState): TableChange;
}

/**
 * Adds extents to a table, all at once or not at all.
 * @returns the new extents; none when there were no rows, or data tagged so had been ingested before.
 */
export async function commitExtents(
  { catalog, request, skip }: CommandContext,
  commit: Commit,
): Promise<readonly StoredExtent[]> {
  const { database, table, options } = commit;
  const { tags, createdOn } = options;
  const prepared = await Promise.all(
    commit.parts.map(({ rows, originalSize }) =>
      catalog.prepareExtent(rows, { tags, originalSize, ...(createdOn !== undefined && { createdOn }) }),
    ),
  );
  return catalog.transact((state, at) => {
    demandNotCancelled(request);
    const owner = state.databases.get(database);
    if (owner === undefined) {
      throw entityNotFound('Database', database);
    }
    demandNoUpdatePolicy(owner, table);
    const existing = owner.tables.get(table);
    if (alreadyIngested(existing, options.ifNotExists)) {
      skip(ALREADY_INGESTED);
      return { changes: [], result: [] };
    }
    if (existing !== undefined) {
      demandLasting(existing, owner, at, createdOn);
    }
    const { before, drop } = commit.plan(existing, state);
    const extents = prepared.filter(({ rowCount }) => rowCount > 0).map((extent) => ingestedAt(extent, at));
    return {
      changes: [...before, { kind: 'extents', database, table, add: extents, drop }],
      result: extents,
    };
  });
}
