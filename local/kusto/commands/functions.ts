import { entityExists, entityNotFound } from '../catalog/errors.js';
import type { CatalogState, Change } from '../catalog/model.js';
import type { StoredFunction } from '../catalog/types.js';
import type { RowSet } from '../store/types.js';
import { databaseOf, onDatabase, onMetadata } from './entities.js';
import type { CommandReader, Properties } from './reader.js';
import { columns, resultTable } from './results.js';
import { booleanProperty, checkProperties, scalarType } from './schema.js';
import type { CommandContext, CommandDefinition, CommandPlan } from './types.js';

const FUNCTION = columns('Name, Parameters, Body, Folder, DocString');
const NAME = columns('Name');
const SCHEMA = columns('Name, Schema, DatabaseName, Folder, DocString');
/** `skipvalidation` is true here whatever is asked: bodies are checked when they are called. */
const FUNCTION_PROPERTIES = ['docstring', 'folder', 'skipvalidation'];

type Verb = 'create' | 'create-or-alter' | 'alter';

function functionRows(functions: readonly StoredFunction[]): RowSet {
  return resultTable(
    FUNCTION,
    functions.map(({ name, parameters, body, folder, docstring }) => [
      name,
      parameters,
      body,
      folder,
      docstring,
    ]),
  );
}

function functionOf(state: CatalogState, database: string, name: string): StoredFunction {
  const found = databaseOf(state, database).functions.get(name);
  if (found === undefined) {
    throw entityNotFound('Function', name);
  }
  return found;
}

function readFunction(reader: CommandReader): { value: StoredFunction; ifNotExists: boolean } {
  let ifNotExists = reader.tryWords('ifnotexists');
  const properties: Properties = reader.properties();
  checkProperties(properties, FUNCTION_PROPERTIES, 'a function');
  booleanProperty(properties, 'skipvalidation');
  ifNotExists = reader.tryWords('ifnotexists') || ifNotExists;
  const name = reader.name('the function');
  const parameters = reader.balanced('(');
  const body = reader.balanced('{');
  const { folder = '', docstring = '' } = Object.fromEntries(properties);
  return { value: { name, parameters, body, folder, docstring }, ifNotExists };
}

/** What `verb` makes of the stored function and the new one. */
function decide(verb: Verb, before: StoredFunction | undefined, value: StoredFunction): StoredFunction {
  if (before === undefined && verb === 'alter') {
    throw entityNotFound('Function', value.name);
  }
  if (before !== undefined && verb === 'create') {
    throw entityExists('Function', value.name);
  }
  const { folder, docstring } = before ?? value;
  return { ...value, folder: value.folder || folder, docstring: value.docstring || docstring };
}

const define: CommandDefinition = {
  pattern: 'create|create-or-alter|alter function',
  kind: 'FunctionCreateOrAlter',
  parse(reader, { flags }, request): CommandPlan {
    const verb = [...flags][0] as Verb;
    const { value, ifNotExists } = readFunction(reader);
    const { database } = request;
    return {
      access: onDatabase('user', request),
      run: async ({ catalog }) => {
        const stored = await catalog.transact((state) => {
          const before = databaseOf(state, database).functions.get(value.name);
          if (before !== undefined && ifNotExists) {
            return { changes: [], result: before };
          }
          const after = decide(verb, before, value);
          return { changes: [{ kind: 'putFunction', database, value: after }], result: after };
        });
        return functionRows([stored]);
      },
    };
  },
};

const describe: CommandDefinition = {
  pattern: 'alter function {function} docstring|folder',
  kind: 'FunctionAlterDocStringOrFolder',
  parse(reader, { names, flags }, request): CommandPlan {
    const key = flags.has('folder') ? 'folder' : 'docstring';
    const text = reader.string(`the ${key}`);
    const { database } = request;
    return {
      access: onDatabase('user', request),
      run: async ({ catalog }) => {
        const stored = await catalog.transact((state) => {
          const value = { ...functionOf(state, database, names['function'] as string), [key]: text };
          return { changes: [{ kind: 'putFunction', database, value }], result: value };
        });
        return functionRows([stored]);
      },
    };
  },
};

function dropFunctions(names: readonly string[], ifExists: boolean, database: string) {
  return ({ catalog }: CommandContext) =>
    catalog.transact((state) => {
      const { functions } = databaseOf(state, database);
      const missing = names.find((name) => !functions.has(name));
      if (missing !== undefined && !ifExists) {
        throw entityNotFound('Function', missing);
      }
      const present = names.filter((name) => functions.has(name));
      return {
        changes: present.map((name): Change => ({ kind: 'dropFunction', database, name })),
        result: [...functions.values()].filter(({ name }) => !names.includes(name)),
      };
    });
}

const dropOne: CommandDefinition = {
  pattern: 'drop function {function}',
  kind: 'FunctionDrop',
  parse(reader, { names }, request): CommandPlan {
    const name = names['function'] as string;
    const drop = dropFunctions([name], reader.tryWords('ifexists'), request.database);
    return {
      access: onDatabase('admin', request),
      run: async (context) => {
        await drop(context);
        return resultTable(NAME, [[name]]);
      },
    };
  },
};

const dropMany: CommandDefinition = {
  pattern: 'drop functions',
  kind: 'FunctionsDrop',
  parse(reader, _matched, request): CommandPlan {
    const names = reader.list(() => reader.name('a function'));
    const drop = dropFunctions(names, reader.tryWords('ifexists'), request.database);
    return {
      access: onDatabase('admin', request),
      run: async (context) => functionRows(await drop(context)),
    };
  },
};

const showMany: CommandDefinition = {
  pattern: 'show functions',
  kind: 'FunctionsShow',
  parse: (_reader, _matched, request) => ({
    access: onMetadata(request),
    run: async ({ catalog }) => functionRows([...catalog.database(request.database).functions.values()]),
  }),
};

const showOne: CommandDefinition = {
  pattern: 'show function {function}',
  kind: 'FunctionShow',
  parse: (_reader, { names }, request) => ({
    access: onMetadata(request),
    run: async ({ catalog }) =>
      functionRows([functionOf(catalog.state(), request.database, names['function'] as string)]),
  }),
};

/** Scalar parameters as `InputParameters` lists them; tabular ones carry their text as type. */
function inputParameters(parameters: string): object[] {
  const inner = parameters.slice(1, -1).trim();
  const parts = inner === '' ? [] : inner.split(/,(?![^(]*\))/);
  return parts.map((part) => {
    const cut = part.indexOf(':');
    const [type = '', standard] = part
      .slice(cut + 1)
      .split('=')
      .map((text) => text.trim());
    return {
      Name: part.slice(0, cut).trim(),
      Type: scalarType(type) ?? type,
      CslType: scalarType(type) ?? type,
      ...(standard !== undefined && { CslDefaultValue: standard }),
    };
  });
}

const showSchema: CommandDefinition = {
  pattern: 'show function {function} schema as json',
  kind: 'FunctionSchemaShow',
  parse: (_reader, { names }, request) => ({
    access: onMetadata(request),
    run: async ({ catalog, query }) => {
      const stored = functionOf(catalog.state(), request.database, names['function'] as string);
      const { name, parameters, folder, docstring } = stored;
      const inputs = inputParameters(parameters);
      // Only a function without parameters has an output known before it is called.
      const output = inputs.length > 0 ? [] : ((await query(`['${name}']()`)).tables[0]?.schema ?? []);
      const OutputColumns = output.map((column) => ({ Name: column.name, CslType: column.type }));
      const json = JSON.stringify({ Name: name, InputParameters: inputs, OutputColumns });
      return resultTable(SCHEMA, [[name, json, request.database, folder, docstring]]);
    },
  }),
};

/** Stored functions. */
export const FUNCTION_COMMANDS: readonly CommandDefinition[] = [
  define,
  describe,
  dropOne,
  dropMany,
  showMany,
  showOne,
  showSchema,
];
