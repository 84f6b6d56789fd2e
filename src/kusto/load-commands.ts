import { quoteIdentifier, quoteString } from './quoting.js';
import type { Columns } from './rows.js';

/**
 * Command and query texts of loads. Names and values enter through the quoting functions only; column lists and
 * result shapes are those of the management documentation of Azure Data Explorer.
 */
const table = quoteIdentifier;

const columnList = (columns: Columns): string =>
  columns.map(([name, type]) => `${quoteIdentifier(name)}:${type}`).join(', ');

const tagList = (tags: readonly string[]): string => tags.map(quoteString).join(', ');

/** Succeeds without a change when the table exists. */
export const createTable = (name: string, columns: Columns): string =>
  `.create table ${table(name)} (${columnList(columns)})`;

/** A table that listings leave out; needs Database User only. */
export const createHiddenTable = (name: string, columns: Columns, docstring: string): string =>
  `.create table ${table(name)} (${columnList(columns)}) with (hidden=true, folder="kusto-functions", docstring=${quoteString(docstring)})`;

export const dropTable = (name: string): string => `.drop table ${table(name)} ifexists`;

export type LoadPolicy =
  | 'merge'
  | 'ingestionbatching'
  | 'retention'
  | 'auto_delete'
  | 'restricted_view_access'
  | 'row_level_security'
  | 'extent_tags_retention';

export const alterPolicy = (name: string, policy: LoadPolicy, value: object): string =>
  `.alter table ${table(name)} policy ${policy} ${quoteString(JSON.stringify(value))}`;

export const restrictView = (name: string): string =>
  `.alter table ${table(name)} policy restricted_view_access true`;

export const showPolicy = (name: string, policy: LoadPolicy): string =>
  `.show table ${table(name)} policy ${policy}`;

export const showDatabasePolicyOf = (database: string, policy: LoadPolicy): string =>
  `.show database ${quoteIdentifier(database)} policy ${policy}`;

/** Rows EntityName, Policy of every table: JSON lists of rules with IsEnabled and Source. */
export const showUpdatePolicies = '.show table * policy update';
export const showMaterializedViews = '.show materialized-views';
export const showContinuousExports = '.show continuous-exports';

export const createMapping = (name: string, kind: string, mapping: { name: string; json: string }): string =>
  `.create-or-alter table ${table(name)} ingestion ${kind} mapping ${quoteString(mapping.name)} ${quoteString(mapping.json)}`;

/** Hidden tables too, with their names only. */
export const showStagingTables = (prefix: string): string =>
  `.show tables with (IncludeHiddenTables=true) | where TableName startswith_cs ${quoteString(prefix)} | project TableName`;

/** One row per extent: its id, rows and tags (a text of lines). */
export const showExtents = (name: string): string =>
  `.show table ${table(name)} extents | project ExtentId, RowCount, Tags`;

/** One row: how many extents with this whole tag there are, and their rows. */
export const countTagged = (name: string, tag: string): string =>
  `.show table ${table(name)} extents where tags has ${quoteString(tag)} | summarize Extents = count(), Rows = sum(RowCount)`;

/** Ids of the extents with this whole tag. */
export const showTagged = (name: string, tag: string): string =>
  `.show table ${table(name)} extents where tags has ${quoteString(tag)} | project ExtentId, RowCount, Tags`;

const idList = (ids: readonly string[]): string => ids.join(', ');

/** Replaces the tags of these extents. `ids` are the service's own. */
export const setExtentTags = (name: string, tags: readonly string[], ids: readonly string[]): string =>
  `.alter table ${table(name)} extent tags (${tagList(tags)}) <| .show table ${table(name)} extents (${idList(ids)})`;

/** Adds tags to what has one already. */
export const addExtentTags = (name: string, tags: readonly string[], having: string): string =>
  `.alter-merge table ${table(name)} extent tags (${tagList(tags)}) <| .show table ${table(name)} extents where tags has ${quoteString(having)}`;

export const removeExtentTag = (name: string, tag: string): string =>
  `.drop async table ${table(name)} extent tags (${quoteString(tag)})`;

export const dropTagged = (name: string, tag: string): string =>
  `.drop extents <| .show table ${table(name)} extents where tags has ${quoteString(tag)}`;

export const dropExtents = (name: string, ids: readonly string[]): string =>
  `.drop extents (${idList(ids)}) from ${table(name)}`;

/** All of them or none; metadata only. Answers an operation id. */
export const moveExtents = (from: string, to: string, ids: readonly string[]): string =>
  `.move async extents from table ${table(from)} to table ${table(to)} with (setNewIngestionTime=true) (${idList(ids)})`;

/** Moves nothing, whenever it arrives: no extent was created then. Tells whether the cluster knows the command. */
export const probeMove = (from: string, to: string): string =>
  `.move extents all from table ${table(from)} to table ${table(to)} with (setNewIngestionTime=true, extentCreatedOnFrom='1900-01-01', extentCreatedOnTo='1900-01-01')`;

export interface AppendFrom {
  readonly from: string;
  readonly to: string;
  readonly columns: Columns;
  readonly ids: readonly string[];
  readonly tags: readonly string[];
  /** The service refuses a second append while the target has an extent with this ingest-by value. */
  readonly onceTag: string;
  readonly creationTime?: string;
}

/** Copies the rows of these extents; atomic, and refused by the service when it was done before. */
export function appendExtents(append: AppendFrom): string {
  const { from, to, columns, ids, tags, onceTag, creationTime } = append;
  const properties = [
    `tags=${quoteString(JSON.stringify([...tags, `ingest-by:${onceTag}`]))}`,
    `ingestIfNotExists=${quoteString(JSON.stringify([onceTag]))}`,
    ...(creationTime === undefined ? [] : [`creationTime=${quoteString(creationTime)}`]),
  ];
  const names = columns.map(([name]) => quoteIdentifier(name)).join(', ');
  const guids = ids.map((id) => `guid(${id})`).join(', ');
  return `.set-or-append async ${table(to)} with (${properties.join(', ')}) <| ${table(from)} | where extent_id() in (${guids}) | project ${names}`;
}

/** `id` is the service's own. Nothing for an operation older than six hours. */
export const showOperation = (id: string): string => `.show operations ${id}`;
/** The log of all updates reaches back two weeks; the newest row of one operation. */
export const showOperationLog = (id: string): string =>
  `.show operations | where OperationId == guid(${id}) | summarize arg_max(LastUpdatedOn, *) by OperationId`;
export const showOperationDetails = (id: string): string => `.show operation ${id} details`;
export const cancelOperation = (id: string): string => `.cancel operation ${id}`;

/** Rows ClientActivityId, RootActivityId, State, Text of what was sent under this client request id. */
export const showCommandsOf = (clientRequestId: string): string =>
  `.show commands | where ClientActivityId == ${quoteString(clientRequestId)} | project RootActivityId, State, StartedOn`;
/** The operation that a command of this root activity began. */
export const showOperationsOf = (rootActivityId: string): string =>
  `.show operations | where RootActivityId == guid(${rootActivityId}) | summarize arg_max(LastUpdatedOn, *) by OperationId`;

/** Appends to this database that began at this time or later and are not over. A lost one may be among them. */
export const showRunningAppends = (database: string, since: string): string =>
  `.show operations | where Database == ${quoteString(database)} and Operation contains "Append" and StartedOn >= datetime(${since}) ` +
  '| summarize arg_max(LastUpdatedOn, *) by OperationId | where State in ("InProgress", "Scheduled") | project OperationId';

/** For people: all commands of one load. */
export const showCommandsHaving = (requestId: string): string =>
  `.show commands | where ClientActivityId has ${quoteString(requestId)}`;

/** By a part of the staging table's name; without blobs that came when it was dropped already. */
export const showStagingFailures = (mark: string): string =>
  `.show ingestion failures | where Table contains ${quoteString(mark)} and ErrorCode != "BadRequest_TableNotExist" | top 20 by FailedOn desc`;

export const showTableFailures = (name: string): string =>
  `.show ingestion failures | where Table == ${quoteString(name)} | top 20 by FailedOn desc`;
