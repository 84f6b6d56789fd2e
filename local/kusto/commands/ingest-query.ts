import { badRequest, entityExists, entityNotFound } from '../catalog/errors.js';
import type { StoredExtent } from '../catalog/model.js';
import type { Table } from '../catalog/types.js';
import { KustoError } from '../errors.js';
import { breathe } from '../slices.js';
import { inRuns } from '../store/row-set.js';
import type { ColumnSchema, RowSet } from '../store/types.js';
import { detailsOf } from './entities.js';
import {
  ALREADY_INGESTED,
  alreadyIngested,
  commitExtents,
  extentOptions,
  type TableChange,
} from './ingest-common.js';
import type { Properties } from './reader.js';
import { columns, resultTable } from './results.js';
import { booleanProperty, checkProperties, cslSchema } from './schema.js';
import { extentBytes } from './show-tables.js';
import { newTable } from './tables.js';
import type { CommandContext, CommandDefinition, CommandPlan, CommandRequest } from './types.js';

const INGESTED = columns(
  'ExtentId:guid, OriginalSize:long, ExtentSize:long, ColumnSize:long, IndexSize:long, RowCount:long',
);
/** `distributed` and `persistDetails` change nothing where there is one node that keeps every detail. */
const PROPERTIES = [
  'distributed',
  'creationtime',
  'extend_schema',
  'recreate_schema',
  'folder',
  'docstring',
  'ingestifnotexists',
  'policy_ingestiontime',
  'tags',
  'persistdetails',
];

type Verb = 'set' | 'append' | 'set-or-append' | 'set-or-replace';

interface Target {
  readonly verb: Verb;
  readonly table: string;
  readonly properties: Properties;
}

/** Bytes of rows as text would hold them, roughly; queries have no source size. */
function sizeOf(rows: RowSet): number {
  return rows.columns.reduce((total, { byteSize }) => total + byteSize, 0);
}

function mismatch(verb: Verb, query: readonly ColumnSchema[], table: readonly ColumnSchema[]) {
  const schemas = `QuerySchema=('${cslSchema(query)}'), TableSchema=('${cslSchema(table)}')`;
  return badRequest(
    `Invalid query for '${verb}' command: Query schema does not match table schema. ${schemas}`,
    'BadRequest_QuerySchemaMismatch',
  );
}

/**
 * The table's schema after the command. Result columns stand for table columns by order; only their types must agree.
 */
function schemaAfter({ verb, properties }: Target, table: Table, rows: RowSet): readonly ColumnSchema[] {
  if (verb === 'set-or-replace' && booleanProperty(properties, 'recreate_schema') === true) {
    return rows.schema;
  }
  const canGrow = booleanProperty(properties, 'extend_schema') === true;
  const fits = table.schema.every(({ type }, at) => rows.schema[at]?.type === type);
  if (!fits || (rows.schema.length > table.schema.length && !canGrow)) {
    throw mismatch(verb, rows.schema, table.schema);
  }
  const added = rows.schema.slice(table.schema.length);
  const taken = added.find(({ name }) => table.schema.some((column) => column.name === name));
  if (taken !== undefined) {
    throw badRequest(`The new column '${taken.name}' exists already`, 'BadRequest_QuerySchemaMismatch');
  }
  return [...table.schema, ...added];
}

function planFor(target: Target, { database, principal }: CommandRequest, rows: RowSet, named: RowSet) {
  const { verb, table: name, properties } = target;
  return (table: Table | undefined): TableChange => {
    if (table !== undefined && verb === 'set') {
      throw entityExists('Table', name);
    }
    if (table === undefined && verb === 'append') {
      throw entityNotFound('Table', name);
    }
    const after = table === undefined ? rows.schema : schemaAfter(target, table, rows);
    if (named.schema.some(({ name }, at) => after[at]?.name !== name)) {
      throw new KustoError(`The schema of table '${name}' changed while the query ran`, {
        status: 409,
        code: 'General_TableSchemaChanged',
        permanent: false,
      });
    }
    const before =
      table === undefined
        ? newTable(database, { name, schema: rows.schema })
        : { ...detailsOf(table), schema: after };
    const value = {
      ...before,
      folder: properties.get('folder') ?? before.folder,
      docstring: properties.get('docstring') ?? before.docstring,
    };
    const drop = verb === 'set-or-replace' ? (table?.extents ?? []).map(({ id }) => id) : [];
    if (table === undefined) {
      principal.own(database, name);
    }
    const isSame =
      table !== undefined &&
      after.length === table.schema.length &&
      after.every((column, at) => column === table.schema[at]) &&
      value.folder === table.folder &&
      value.docstring === table.docstring;
    return { before: isSame ? [] : [{ kind: 'putTable', value }], drop };
  };
}

/** The rows under the table's column names. */
function renamed(rows: RowSet, table: Table | undefined, target: Target): RowSet {
  if (table === undefined) {
    return rows;
  }
  return { ...rows, schema: schemaAfter(target, table, rows) };
}

/** Creating a table, adding to one and changing one need different rights. */
function demandRights({ request, catalog }: CommandContext, { verb, table, properties }: Target): void {
  const { principal, database } = request;
  if (verb !== 'append' && !catalog.database(database).tables.has(table)) {
    principal.demand({ role: 'user', database });
    return;
  }
  const changes =
    verb === 'set-or-replace' ||
    ['extend_schema', 'recreate_schema'].some((key) => booleanProperty(properties, key) === true);
  principal.demand({ role: changes ? 'admin' : 'ingestor', database, table });
}

async function ingestQuery(context: CommandContext, target: Target, source: string): Promise<RowSet> {
  const { database } = context.request;
  const existing = () => context.catalog.database(database).tables.get(target.table);
  if (target.verb === 'append' && existing() === undefined) {
    throw entityNotFound('Table', target.table);
  }
  demandRights(context, target);
  const options = extentOptions(target.properties);
  if (alreadyIngested(existing(), options.ifNotExists)) {
    context.skip(ALREADY_INGESTED);
    return ingestedRows([]);
  }
  const rows = await context.rows(source);
  const named = renamed(rows, existing(), target);
  const extents = await commitExtents(context, {
    ...{ database, table: target.table },
    options,
    parts: await partsOf(named, context.catalog.extentRows(database, target.table)),
    plan: planFor(target, context.request, rows, named),
  });
  return ingestedRows(extents);
}

/** What becomes one extent each. */
async function partsOf(rows: RowSet, maxRows: number) {
  const parts: { readonly rows: RowSet; readonly originalSize: number }[] = [];
  for (const part of inRuns([rows], maxRows).flat()) {
    await breathe();
    parts.push({ rows: part, originalSize: sizeOf(part) });
  }
  return parts;
}

function ingestedRows(extents: readonly StoredExtent[]): RowSet {
  return resultTable(
    INGESTED,
    extents.map((extent) => {
      const size = BigInt(extentBytes(extent));
      const originalSize = BigInt(Math.round(extent.originalSize));
      return [extent.id, originalSize, size, size, 0n, BigInt(extent.rowCount)];
    }),
  );
}

const KINDS: Readonly<Record<Verb, string>> = {
  set: 'TableSet',
  append: 'TableAppend',
  'set-or-append': 'TableSetOrAppend',
  'set-or-replace': 'TableSetOrReplace',
};

function definition(verb: Verb): CommandDefinition {
  return {
    pattern: `${verb} [async]`,
    kind: KINDS[verb],
    parse(reader, { flags }): CommandPlan {
      const table = reader.name('the table');
      const properties = reader.properties();
      checkProperties(properties, PROPERTIES, `.${verb}`);
      extentOptions(properties);
      reader.symbol('<|');
      const source = reader.takeRest();
      const target = { verb, table, properties };
      return {
        access: [],
        check: (context) => demandRights(context, target),
        isAsync: flags.has('async'),
        run: (context) => ingestQuery(context, target, source),
      };
    },
  };
}

/** Ingestion from a query or command: `.set`, `.append`, `.set-or-append`, `.set-or-replace`. */
export const INGEST_QUERY_COMMANDS: readonly CommandDefinition[] = (Object.keys(KINDS) as Verb[]).map(
  definition,
);
