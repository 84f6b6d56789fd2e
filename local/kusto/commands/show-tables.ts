import { entityNotFound } from '../catalog/errors.js';
import type { Database } from '../catalog/model.js';
import type { Table } from '../catalog/types.js';
import type { Cell, Column, Extent, RowSet } from '../store/types.js';
import { onMetadata } from './entities.js';
import { policyText } from './policy-values.js';
import { columns, resultTable, resultTableOf } from './results.js';
import { booleanProperty, cslSchema } from './schema.js';
import { WITH_SCHEMA, withoutSchemaRows, withSchemaRows } from './tables.js';
import type { CommandContext, CommandDefinition, CommandPlan } from './types.js';

const ATTRIBUTES = columns(
  'AttributeName, AttributeType, ExtentSize:long, CompressionRatio:real, IndexSize:long, IndexSizePercent:real, ' +
    'OriginalSize:long, AttributeId:guid, SharedIndexSize:long, StorageEngineVersion',
);
const DETAILS = columns(
  'TableName, DatabaseName, Folder, DocString, TotalExtents:long, TotalExtentSize:real, TotalOriginalSize:real, ' +
    'TotalRowCount:long, HotExtents:long, HotExtentSize:real, HotOriginalSize:real, HotRowCount:long, ' +
    'AuthorizedPrincipals, RetentionPolicy, CachingPolicy, ShardingPolicy, MergePolicy, StreamingIngestionPolicy, ' +
    'IngestionBatchingPolicy, MinExtentsCreationTime:datetime, MaxExtentsCreationTime:datetime, RowOrderPolicy, ' +
    'TableId:guid',
);

export function extentBytes(extent: Extent): number {
  return sum([...extent.columns.values()].map(({ byteSize }) => byteSize));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** A stable id for what the catalogue knows by name only. */
export function idOf(...names: readonly string[]): string {
  const hex = names
    .join('\0')
    .split('')
    .reduce(
      (hash, character) => (hash * 1_099_511_628_211n + BigInt(character.charCodeAt(0))) % 2n ** 128n,
      14695981039346656037n,
    )
    .toString(16)
    .padStart(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function requireTable(database: Database, name: string): Table {
  const table = database.tables.get(name);
  if (table === undefined) {
    throw entityNotFound('Table', name);
  }
  return table;
}

const showTables: CommandDefinition = {
  pattern: 'show tables',
  kind: 'TablesShow',
  parse(reader, _matched, request): CommandPlan {
    const names = reader.peek()?.value === '(' ? reader.list(() => reader.name('a table')) : undefined;
    const showDetails = reader.tryWords('details');
    const withHidden = booleanProperty(reader.properties(), 'includehiddentables') === true;
    return {
      access: onMetadata(request),
      run: async ({ catalog }) => {
        const database = catalog.database(request.database);
        const chosen =
          names?.map((name) => requireTable(database, name)) ??
          [...database.tables.values()].filter(({ hidden }) => withHidden || !hidden);
        return showDetails ? detailRows(chosen, database) : withoutSchemaRows(chosen);
      },
    };
  },
};

const showTable: CommandDefinition = {
  pattern: 'show table {table}',
  kind: 'TableShow',
  parse: (_reader, { names }, request) => ({
    access: onMetadata(request),
    run: async ({ catalog }) =>
      attributeRows(requireTable(catalog.database(request.database), names['table'] as string)),
  }),
};

function attributeRows(table: Table): RowSet {
  const rows = table.schema.map(({ name, type }): Cell[] => {
    const held = table.extents.flatMap((extent) => (extent.columns.get(name) as Column | undefined) ?? []);
    const size = BigInt(sum(held.map(({ byteSize }) => byteSize)));
    const id = idOf(table.database, table.name, name);
    return [name, type, size, 1, 0n, 0, size, id, 0n, 'Local'];
  });
  return resultTable(ATTRIBUTES, rows);
}

const showDetails: CommandDefinition = {
  pattern: 'show table {table} details',
  kind: 'TableDetailsShow',
  parse: (_reader, { names }, request) => ({
    access: onMetadata(request),
    run: async ({ catalog }) => {
      const database = catalog.database(request.database);
      return detailRows([requireTable(database, names['table'] as string)], database);
    },
  }),
};

function detailRows(tables: readonly Table[], database: Database): RowSet {
  return resultTableOf(
    DETAILS,
    tables.map((table) => tableDetails(table, database)),
  );
}

function tableDetails(table: Table, database: Database) {
  const created = table.extents
    .flatMap(({ createdOn, oldestCreatedOn = createdOn }) => [oldestCreatedOn, createdOn])
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const extents = BigInt(table.extents.length);
  const size = sum(table.extents.map(extentBytes));
  const originalSize = sum(table.extents.map((extent) => extent.originalSize));
  const rows = BigInt(sum(table.extents.map(({ rowCount }) => rowCount)));
  const policy = (name: string) => policyText(name, table.policies, database.policies);
  return {
    TableName: table.name,
    DatabaseName: table.database,
    Folder: table.folder,
    DocString: table.docstring,
    ...{ TotalExtents: extents, TotalExtentSize: size, TotalOriginalSize: originalSize, TotalRowCount: rows },
    ...{ HotExtents: extents, HotExtentSize: size, HotOriginalSize: originalSize, HotRowCount: rows },
    AuthorizedPrincipals: '[]',
    RetentionPolicy: policy('retention'),
    CachingPolicy: policy('caching'),
    ShardingPolicy: policy('sharding'),
    MergePolicy: policy('merge'),
    StreamingIngestionPolicy: policy('streamingingestion'),
    IngestionBatchingPolicy: policy('ingestionbatching'),
    MinExtentsCreationTime: created[0],
    MaxExtentsCreationTime: created.at(-1),
    RowOrderPolicy: policy('roworder'),
    TableId: idOf(table.database, table.name),
  };
}

function schemaCommand(suffix: string, render: (table: Table) => RowSet): CommandDefinition {
  return {
    pattern: `show table {table} ${suffix}`,
    kind: 'TableSchemaShow',
    parse: (_reader, { names }, request) => ({
      access: onMetadata(request),
      run: async ({ catalog }: CommandContext) =>
        render(requireTable(catalog.database(request.database), names['table'] as string)),
    }),
  };
}

function cslRows({ name, schema, database, folder, docstring }: Table): RowSet {
  return resultTable(WITH_SCHEMA, [[name, cslSchema(schema), database, folder, docstring]]);
}

/** Reading what tables there are and how they look. */
export const SHOW_TABLE_COMMANDS: readonly CommandDefinition[] = [
  showTables,
  showTable,
  showDetails,
  schemaCommand('cslschema', cslRows),
  schemaCommand('schema as csl', cslRows),
  schemaCommand('schema as json', (table) => withSchemaRows([table])),
];
