import { randomUUID } from 'node:crypto';
import { entityExists } from '../catalog/errors.js';
import type { Database } from '../catalog/model.js';
import type { Table } from '../catalog/types.js';
import type { RowSet } from '../store/types.js';
import { databaseOf, onMetadata } from './entities.js';
import { columns, resultTable, resultTableOf } from './results.js';
import { DOTNET_TYPES } from './schema.js';
import type { CommandDefinition, CommandPlan } from './types.js';

const DATABASES = columns(
  'DatabaseName, PersistentStorage, Version, IsCurrent:bool, DatabaseAccessMode, PrettyName, ReservedSlot1:bool, ' +
    'DatabaseId:guid, InTransitionTo',
);
const CREATED = columns('DatabaseName, PersistentPath, Created:bool, StoresMetadata:bool, StoresData:bool');
const SCHEMA_ROWS = columns(
  'DatabaseName, TableName, ColumnName, ColumnType, IsDefaultTable:bool, IsDefaultColumn:bool, PrettyName, Version, ' +
    'Folder, DocString',
);
const SCHEMA_JSON = columns('DatabaseSchema');
const VERSION = 'v1.0';

function databaseRows(databases: readonly Database[], current: string): RowSet {
  return resultTableOf(
    DATABASES,
    databases.map(({ name, id }) => ({
      DatabaseName: name,
      Version: VERSION,
      IsCurrent: name === current,
      DatabaseAccessMode: 'ReadWrite',
      PrettyName: '',
      ReservedSlot1: null,
      DatabaseId: id,
    })),
  );
}

const showDatabases: CommandDefinition = {
  pattern: 'show databases',
  kind: 'DatabasesShow',
  parse: (_reader, _matched, request): CommandPlan => ({
    access: [],
    run: async ({ catalog }) => {
      const visible = [...catalog.state().databases.values()].filter(({ name }) =>
        ['viewer', 'ingestor', 'monitor'].some((role) =>
          request.principal.holds({ role: role as 'viewer', database: name }),
        ),
      );
      return databaseRows(visible, request.database);
    },
  }),
};

const showDatabase: CommandDefinition = {
  pattern: 'show database',
  kind: 'DatabaseShow',
  parse(reader, _matched, request): CommandPlan {
    const name = reader.peek()?.kind === 'word' ? reader.name('the database') : request.database;
    return {
      access: onMetadata(request, name),
      run: async ({ catalog }) => databaseRows([databaseOf(catalog.state(), name)], request.database),
    };
  },
};

const createDatabase: CommandDefinition = {
  pattern: 'create database {database}',
  kind: 'DatabaseCreate',
  parse(reader, { names }): CommandPlan {
    const name = names['database'] as string;
    if (reader.tryWords('persist')) {
      reader.list(() => reader.string('a storage path'));
    }
    reader.tryWords('volatile');
    const ifNotExists = reader.tryWords('ifnotexists');
    return {
      access: [{ role: 'admin', database: name }],
      run: async ({ catalog }) => {
        await catalog.transact((state) => {
          if (state.databases.has(name) && !ifNotExists) {
            throw entityExists('Database', name);
          }
          const value = {
            ...{ name, id: randomUUID(), createdOn: catalog.now() },
            ...{ policies: new Map(), mappings: [], roles: [] },
          };
          const changes = state.databases.has(name) ? [] : [{ kind: 'putDatabase' as const, value }];
          return { changes, result: undefined };
        });
        return resultTable(CREATED, [[name, '', true, true, true]]);
      },
    };
  },
};

const dropDatabase: CommandDefinition = {
  pattern: 'drop database {database}',
  kind: 'DatabaseDrop',
  parse(reader, { names }, request): CommandPlan {
    const name = names['database'] as string;
    const ifExists = reader.tryWords('ifexists');
    return {
      access: [{ role: 'admin', database: name }],
      run: async ({ catalog }) => {
        await catalog.transact((state) => {
          const exists = state.databases.has(name) || (!ifExists && databaseOf(state, name) !== undefined);
          return { changes: exists ? [{ kind: 'dropDatabase', database: name }] : [], result: undefined };
        });
        return databaseRows([...catalog.state().databases.values()], request.database);
      },
    };
  },
};

function schemaRows(databases: readonly Database[]): RowSet {
  const rows = databases.flatMap((database) => [
    { DatabaseName: database.name, Version: VERSION },
    ...[...database.tables.values()].flatMap((table) => [
      {
        DatabaseName: database.name,
        TableName: table.name,
        Folder: table.folder,
        DocString: table.docstring,
      },
      ...table.schema.map((column) => ({
        DatabaseName: database.name,
        TableName: table.name,
        ColumnName: column.name,
        ColumnType: `System.${DOTNET_TYPES[column.type]}`,
        DocString: column.docstring,
      })),
    ]),
  ]);
  return resultTableOf(
    SCHEMA_ROWS,
    rows.map((row) => ({ IsDefaultTable: false, IsDefaultColumn: false, ...row })),
  );
}

function tableJson({ name, folder, docstring, schema }: Table): object {
  return {
    Name: name,
    Folder: folder,
    DocString: docstring,
    OrderedColumns: schema.map((column) => ({
      Name: column.name,
      Type: `System.${DOTNET_TYPES[column.type]}`,
      CslType: column.type,
    })),
  };
}

function databaseJson(database: Database): object {
  const functions = [...database.functions.values()].map(({ name, parameters, body, folder, docstring }) => [
    name,
    { Name: name, InputParameters: parameters, Body: body, Folder: folder, DocString: docstring },
  ]);
  return {
    Name: database.name,
    Tables: Object.fromEntries([...database.tables.values()].map((table) => [table.name, tableJson(table)])),
    MajorVersion: 1,
    MinorVersion: 0,
    Functions: Object.fromEntries(functions),
  };
}

function schemaJson(databases: readonly Database[]): RowSet {
  const Databases = Object.fromEntries(databases.map((database) => [database.name, databaseJson(database)]));
  return resultTable(SCHEMA_JSON, [[JSON.stringify({ Databases })]]);
}

function schemaCommand(pattern: string): CommandDefinition {
  return {
    pattern,
    kind: 'DatabaseSchemaShow',
    parse(reader, { names }, request): CommandPlan {
      const isJson = reader.tryWords('as', 'json');
      const isEverything = pattern.startsWith('show databases') || pattern === 'show schema';
      const name = names['database'] ?? request.database;
      return {
        access: isEverything ? [] : onMetadata(request, name),
        run: async ({ catalog }) => {
          const wanted = isEverything ? catalog.databases() : [name];
          const readable = wanted.filter((database) =>
            request.principal.holds({ role: 'metadata', database }),
          );
          const databases = readable.map((database) => catalog.database(database));
          return isJson ? schemaJson(databases) : schemaRows(databases);
        },
      };
    },
  };
}

/** Databases and the schema of all that is in them. */
export const DATABASE_COMMANDS: readonly CommandDefinition[] = [
  showDatabases,
  showDatabase,
  createDatabase,
  dropDatabase,
  schemaCommand('show database schema'),
  schemaCommand('show database {database} schema'),
  schemaCommand('show databases schema'),
  schemaCommand('show schema'),
];
