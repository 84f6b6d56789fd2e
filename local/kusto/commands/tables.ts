import { badRequest, entityExists, entityNotFound } from '../catalog/errors.js';
import type { Change, Database } from '../catalog/model.js';
import type { Table } from '../catalog/types.js';
import type { ColumnSchema, RowSet } from '../store/types.js';
import { databaseOf, detailsOf, onDatabase, onTables, tableOf } from './entities.js';
import type { CommandReader, Properties } from './reader.js';
import { columns, resultTable } from './results.js';
import {
  booleanProperty,
  checkProperties,
  checkSameTypes,
  jsonSchema,
  mergeSchemas,
  readSchema,
} from './schema.js';
import type { CommandContext, CommandDefinition, CommandPlan } from './types.js';

export const WITH_SCHEMA = columns('TableName, Schema, DatabaseName, Folder, DocString');
const WITHOUT_SCHEMA = columns('TableName, DatabaseName, Folder, DocString');
const REMAINING = columns('TableName, DatabaseName');
const STATUS = columns('Status');
const TABLE_PROPERTIES = ['docstring', 'folder', 'hidden'];

type Details = Omit<Table, 'extents'>;
type Verb = 'create' | 'create-merge' | 'alter' | 'alter-merge';

interface Wanted {
  readonly name: string;
  readonly schema: readonly ColumnSchema[];
}

export function withSchemaRows(tables: readonly Details[]): RowSet {
  return resultTable(
    WITH_SCHEMA,
    tables.map((table) => [
      table.name,
      jsonSchema(table.name, table.schema),
      table.database,
      table.folder,
      table.docstring,
    ]),
  );
}

export function withoutSchemaRows(tables: readonly Details[]): RowSet {
  return resultTable(
    WITHOUT_SCHEMA,
    tables.map(({ name, database, folder, docstring }) => [name, database, folder, docstring]),
  );
}

export function newTable(database: string, { name, schema }: Wanted): Details {
  return {
    ...{ database, name, schema, folder: '', docstring: '', hidden: false },
    policies: new Map(),
    mappings: [],
  };
}

function withProperties(table: Details, properties: Properties): Details {
  return {
    ...table,
    folder: properties.get('folder') ?? table.folder,
    docstring: properties.get('docstring') ?? table.docstring,
    hidden: booleanProperty(properties, 'hidden') ?? table.hidden,
  };
}

/** The table as `verb` leaves it; the same object when nothing changes. */
function changedTable(verb: Verb, before: Details | undefined, wanted: Details): Details {
  if (before === undefined) {
    if (verb === 'alter' || verb === 'alter-merge') {
      throw entityNotFound('Table', wanted.name);
    }
    return wanted;
  }
  switch (verb) {
    case 'create':
      return before;
    case 'alter':
      checkSameTypes(before.schema, wanted.schema);
      return { ...before, schema: wanted.schema };
    default:
      return { ...before, schema: mergeSchemas(before.schema, wanted.schema) };
  }
}

function readProperties(reader: CommandReader): Properties {
  const properties = reader.properties();
  checkProperties(properties, TABLE_PROPERTIES, 'a table');
  return properties;
}

function defineTables(verb: Verb, wanted: readonly Wanted[], properties: Properties) {
  return async ({ catalog, request }: CommandContext): Promise<readonly Details[]> =>
    catalog.transact((state) => {
      const database = databaseOf(state, request.database);
      const after = wanted.map((one) => {
        const existing = database.tables.get(one.name);
        const before = existing && detailsOf(existing);
        const changed = changedTable(verb, before, newTable(database.name, one));
        return verb === 'create' && before !== undefined ? before : withProperties(changed, properties);
      });
      const added = after.filter(({ name }) => !database.tables.has(name));
      for (const { name } of added) {
        request.principal.own(database.name, name);
      }
      const changed = verb === 'create' ? added : after;
      for (const { name } of changed.filter((table) => !added.includes(table))) {
        request.principal.demand({ role: 'admin', database: database.name, table: name });
      }
      const changes = changed.map((value): Change => ({ kind: 'putTable', value }));
      return { changes, result: after };
    });
}

function roleFor(verb: Verb) {
  return verb === 'create' || verb === 'create-merge' ? ('user' as const) : ('admin' as const);
}

const defineOne: CommandDefinition = {
  pattern: 'create|create-merge|alter|alter-merge table {table}',
  kind: 'TableCreate',
  parse(reader, { names, flags }, request): CommandPlan {
    const verb = [...flags][0] as Verb;
    const name = names['table'] as string;
    const wanted = { name, schema: readSchema(reader) };
    const properties = readProperties(reader);
    const define = defineTables(verb, [wanted], properties);
    const role = roleFor(verb);
    return {
      access: role === 'user' ? onDatabase(role, request) : onTables(role, request, [name]),
      run: async (context) => withSchemaRows(await define(context)),
    };
  },
};

const defineMany: CommandDefinition = {
  pattern: 'create|create-merge tables',
  kind: 'TablesCreate',
  parse(reader, { flags }, request): CommandPlan {
    const wanted: Wanted[] = [];
    do {
      wanted.push({ name: reader.name('a table'), schema: readSchema(reader) });
    } while (reader.trySymbol(','));
    const define = defineTables([...flags][0] as Verb, wanted, readProperties(reader));
    return {
      access: onDatabase('user', request),
      run: async (context) => withoutSchemaRows(await define(context)),
    };
  },
};

const basedOn: CommandDefinition = {
  pattern: 'create table {table} based-on {source}',
  kind: 'TableCreateBasedOnAnother',
  parse(reader, { names }, request): CommandPlan {
    const { table: name, source } = names as { table: string; source: string };
    const ifNotExists = reader.tryWords('ifnotexists');
    const properties = readProperties(reader);
    return {
      access: onDatabase('user', request),
      run: async ({ catalog }) => {
        const table = await catalog.transact((state) => {
          const existing = databaseOf(state, request.database).tables.get(name);
          if (existing !== undefined && !ifNotExists) {
            throw entityExists('Table', name);
          }
          if (existing !== undefined) {
            return { changes: [], result: detailsOf(existing) };
          }
          const model = detailsOf(tableOf(state, request.database, source));
          const value = withProperties({ ...model, name, mappings: [], policies: new Map() }, properties);
          request.principal.own(request.database, name);
          return { changes: [{ kind: 'putTable', value }], result: value };
        });
        return withSchemaRows([table]);
      },
    };
  },
};

function dropTables(names: readonly string[], ifExists: boolean, database: string) {
  return async ({ catalog }: CommandContext): Promise<RowSet> => {
    const remaining = await catalog.transact((state) => {
      const owner = databaseOf(state, database);
      const missing = names.find((name) => !owner.tables.has(name));
      if (missing !== undefined && !ifExists) {
        throw entityNotFound('Table', missing);
      }
      const present = names.filter((name) => owner.tables.has(name));
      return {
        changes: present.map((table): Change => ({ kind: 'dropTable', database, table })),
        result: [...owner.tables.keys()].filter((name) => !names.includes(name)),
      };
    });
    return resultTable(
      REMAINING,
      remaining.map((name) => [name, database]),
    );
  };
}

const dropOne: CommandDefinition = {
  pattern: 'drop table {table}',
  kind: 'TableDrop',
  parse(reader, { names }, request): CommandPlan {
    const name = names['table'] as string;
    const ifExists = reader.tryWords('ifexists');
    reader.tryWords('skip-seal');
    return {
      access: onTables('admin', request, [name]),
      run: dropTables([name], ifExists, request.database),
    };
  },
};

const dropMany: CommandDefinition = {
  pattern: 'drop tables',
  kind: 'TablesDrop',
  parse(reader, _matched, request): CommandPlan {
    const names = reader.list(() => reader.name('a table'));
    const ifExists = reader.tryWords('ifexists');
    return {
      access: onTables('admin', request, names),
      run: dropTables(names, ifExists, request.database),
    };
  },
};

function checkRenames(database: Database, pairs: readonly (readonly [string, string])[]): void {
  const from = pairs.map(([before]) => before);
  const to = pairs.map(([, after]) => after);
  const missing = from.find((name) => !database.tables.has(name));
  if (missing !== undefined) {
    throw entityNotFound('Table', missing);
  }
  if (new Set(from).size < from.length || new Set(to).size < to.length) {
    throw badRequest('A table is named twice in one rename');
  }
  const taken = to.find((name) => database.tables.has(name) && !from.includes(name));
  if (taken !== undefined) {
    throw entityExists('Table', taken);
  }
}

function renamePlan(
  pairs: readonly (readonly [string, string])[],
  access: CommandPlan['access'],
  database: string,
): CommandPlan {
  return {
    access,
    run: async ({ catalog }) => {
      const renamed = await catalog.transact((state) => {
        const owner = databaseOf(state, database);
        checkRenames(owner, pairs);
        return {
          changes: [{ kind: 'renameTables', database, names: pairs }],
          result: pairs.map(([before, after]) => ({ ...(owner.tables.get(before) as Table), name: after })),
        };
      });
      return withoutSchemaRows(renamed);
    },
  };
}

const renameOne: CommandDefinition = {
  pattern: 'rename table {table} to {target}',
  kind: 'TableRename',
  parse(_reader, { names }, request): CommandPlan {
    const { table, target } = names as { table: string; target: string };
    return renamePlan([[table, target]], onTables('admin', request, [table]), request.database);
  },
};

const renameMany: CommandDefinition = {
  pattern: 'rename tables',
  kind: 'TablesRename',
  parse(reader, _matched, request): CommandPlan {
    const pairs: (readonly [string, string])[] = [];
    do {
      const target = reader.name('the new table');
      reader.symbol('=');
      pairs.push([reader.name('a table'), target]);
    } while (reader.trySymbol(','));
    const sources = pairs.map(([source]) => source);
    return renamePlan(pairs, onTables('admin', request, sources), request.database);
  },
};

const clearData: CommandDefinition = {
  pattern: 'clear [async] table {table} data',
  kind: 'TableDataClear',
  parse(_reader, { names, flags }, request): CommandPlan {
    const table = names['table'] as string;
    return {
      access: onTables('admin', request, [table]),
      isAsync: flags.has('async'),
      run: async ({ catalog }) => {
        await catalog.transact((state) => {
          const drop = tableOf(state, request.database, table).extents.map(({ id }) => id);
          return {
            changes: [{ kind: 'extents', database: request.database, table, add: [], drop }],
            result: undefined,
          };
        });
        return resultTable(STATUS, [['Succeeded']]);
      },
    };
  },
};

const describeTable: CommandDefinition = {
  pattern: 'alter table {table} docstring|folder',
  kind: 'TableAlterDocStringOrFolder',
  parse(reader, { names, flags }, request): CommandPlan {
    const name = names['table'] as string;
    const key = flags.has('folder') ? 'folder' : 'docstring';
    const text = reader.string(`the ${key}`);
    return {
      access: onTables('admin', request, [name]),
      run: async ({ catalog }) => {
        const table = await catalog.transact((state) => {
          const value = { ...detailsOf(tableOf(state, request.database, name)), [key]: text };
          return { changes: [{ kind: 'putTable', value }], result: value };
        });
        return withSchemaRows([table]);
      },
    };
  },
};

const dropColumns: CommandDefinition = {
  pattern: 'drop table {table} columns ({columns})',
  kind: 'TableDropColumns',
  parse(_reader, { names, lists }, request): CommandPlan {
    const name = names['table'] as string;
    const dropped = lists['columns'] as readonly string[];
    return {
      access: onTables('admin', request, [name]),
      run: async ({ catalog }) => {
        const table = await catalog.transact((state) => {
          const before = detailsOf(tableOf(state, request.database, name));
          const missing = dropped.find((column) => !before.schema.some((one) => one.name === column));
          if (missing !== undefined) {
            throw entityNotFound('Column', missing);
          }
          const schema = before.schema.filter((column) => !dropped.includes(column.name));
          const value = { ...before, schema };
          return { changes: [{ kind: 'putTable', value }], result: value };
        });
        return withSchemaRows([table]);
      },
    };
  },
};

/** Definition, renaming and removal of tables. */
export const TABLE_COMMANDS: readonly CommandDefinition[] = [
  defineOne,
  defineMany,
  basedOn,
  dropOne,
  dropMany,
  renameOne,
  renameMany,
  clearData,
  describeTable,
  dropColumns,
];
