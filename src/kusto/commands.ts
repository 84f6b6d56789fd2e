import type { MappingDefinition, TableDefinition } from '../config/types.js';
import { inlineMapping } from './mapping.js';
import { quoteIdentifier, quoteString } from './quoting.js';

/** Command texts of the start-up checks and of `apply`. Names and values enter through the quoting functions only. */
export interface TableName {
  readonly database: string;
  readonly name: string;
}

/** Policies of a table or database, as commands spell them. */
export type PolicyName =
  | 'streamingingestion'
  | 'ingestionbatching'
  | 'retention'
  | 'caching'
  | 'ingestiontime';

export const showVersion = '.show version';
export const showTables = '.show tables';
/** On the ingest endpoint; answered to who may ingest somewhere. */
export const getIngestionResources = '.get ingestion resources';

const table = ({ name }: Pick<TableName, 'name'>): string => quoteIdentifier(name);

/** One row; column Schema is JSON with `OrderedColumns: [{Name, CslType}]`. */
export const showTableSchema = (target: TableName): string => `.show table ${table(target)} schema as json`;

/** Rows with Name, Kind, Mapping. */
export const showTableMappings = (target: TableName, kind: string): string =>
  `.show table ${table(target)} ingestion ${kind} mappings`;

export const showDatabaseMappings = (database: string, kind: string): string =>
  `.show database ${quoteIdentifier(database)} ingestion ${kind} mappings`;

/** One row; column Policy is JSON text, `null` when the policy is not set there. */
export const showTablePolicy = (target: TableName, policy: PolicyName): string =>
  `.show table ${table(target)} policy ${policy}`;

export const showDatabasePolicy = (database: string, policy: PolicyName): string =>
  `.show database ${quoteIdentifier(database)} policy ${policy}`;

/** The caller's own roles on the table, those of its database included: Scope, DisplayName, AADObjectID, Role. */
export const showTableRoles = (target: TableName): string => `.show table ${table(target)} principal roles`;

/** Creates the table or adds the columns that it lacks; changes no type and drops nothing. */
export function createMergeTable(definition: TableDefinition): string {
  const columns = Object.entries(definition.columns).map(
    ([name, type]) => `${quoteIdentifier(name)}:${type}`,
  );
  const properties = (['docstring', 'folder'] as const).flatMap((key) => {
    const value = definition[key];
    return value === undefined ? [] : [`${key} = ${quoteString(value)}`];
  });
  const withPart = properties.length === 0 ? '' : ` with (${properties.join(', ')})`;
  return `.create-merge table ${table(definition)} (${columns.join(', ')})${withPart}`;
}

export const createOrAlterMapping = (target: TableName, mapping: MappingDefinition): string =>
  `.create-or-alter table ${table(target)} ingestion ${mapping.kind} mapping ${quoteString(mapping.name)} ` +
  quoteString(inlineMapping(mapping.columns));

/** Members that are not given keep their value. */
export const alterMergePolicy = (target: TableName, policy: PolicyName, value: object): string =>
  `.alter-merge table ${table(target)} policy ${policy} ${quoteString(JSON.stringify(value))}`;

export const alterStreaming = (target: TableName, enabled: boolean): string =>
  `.alter table ${table(target)} policy streamingingestion ${enabled ? 'enable' : 'disable'}`;

export const alterIngestionTime = (target: TableName, enabled: boolean): string =>
  `.alter table ${table(target)} policy ingestiontime ${enabled}`;

/** `span` is a time span `d.hh:mm:ss`. */
export const alterCaching = (target: TableName, span: string): string =>
  `.alter table ${table(target)} policy caching hot = time(${span})`;

/** `SoftDeletePeriod` is a time span `d.hh:mm:ss`. */
export function alterRetention(
  target: TableName,
  policy: { readonly SoftDeletePeriod?: string; readonly Recoverability?: string },
): string {
  const period =
    policy.SoftDeletePeriod === undefined ? '' : ` softdelete = time(${policy.SoftDeletePeriod})`;
  const recover =
    policy.Recoverability === undefined ? '' : ` recoverability = ${policy.Recoverability.toLowerCase()}`;
  return `.alter-merge table ${table(target)} policy retention${period}${recover}`;
}

/** On the ingest endpoint: makes a changed batching policy count at once rather than within minutes. */
export const refreshBatchingPolicy = (target: TableName): string =>
  `.refresh database ${quoteString(target.database)} table ${quoteString(target.name)} cache ingestionbatchingpolicy`;

/** Command that gives a role on a database, for people: `principal` such as `aadapp=CLIENT_ID;TENANT_ID`. */
export const addDatabaseRole = (
  database: string,
  role: 'ingestors' | 'viewers' | 'users',
  principal: string,
): string => `.add database ${quoteIdentifier(database)} ${role} (${quoteString(principal)})`;
