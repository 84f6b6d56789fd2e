import { mappingKindOf } from '../../config/kusto-types.js';
import { parseTimeSpan } from '../../config/units.js';
import * as commands from '../../kusto/load-commands.js';
import { inlineMapping } from '../../kusto/mapping.js';
import { type Columns, parseJson, type Row } from '../../kusto/rows.js';
import { KfError } from '../../runtime/errors.js';
import type { Engine } from '../engine.js';
import { cappedBatching, dynamicMapping, requireCreationTime, requireSchemaFits } from '../plan.js';
import type { Load, LoadOptions, LoadPlan } from '../types.js';
import type { Step } from './context.js';

/** Read only: looks at the target and everything that depends on it, and decides what can be decided before anything is done. */
export const inspect: Step = async ({ deps, load, engine }) => {
  const { options } = load;
  const found = await engine.columns(options.table);
  const columns = columnsFor(options, found);
  const plan =
    found === undefined
      ? await planOfNew(engine, options, columns)
      : await planOfExisting(engine, load, columns);
  if (options.creationTime !== undefined && found !== undefined)
    await checkCreationTime(engine, load, deps.clock.now());
  // A late run of this step changes nothing of what others have gone by.
  await deps.store.change(load.id, ({ plan: held }) => (held === undefined ? { plan } : {}));
  return { is: 'done' };
};

/** @throws LOAD_TABLE_MISSING, LOAD_SCHEMA_MISMATCH, REQUEST_INVALID */
function columnsFor(options: LoadOptions, found: Columns | undefined): Columns {
  const name = `${options.database}.${options.table}`;
  if (found !== undefined) {
    requireSchemaFits(options, found);
    return found;
  }
  if (options.tableCreateOptions === 'FailIfNotExist') {
    throw new KfError('LOAD_TABLE_MISSING', `${name}: there is no such table`);
  }
  if (options.schema === undefined) {
    throw new KfError(
      'REQUEST_INVALID',
      `schema: is required, since ${name} does not exist and is to be created`,
    );
  }
  return Object.entries(options.schema);
}

/** A table that does not exist yet has only the mappings and policies of its database. */
async function planOfNew(
  engine: Engine,
  options: LoadOptions,
  columns: LoadPlan['columns'],
): Promise<LoadPlan> {
  const { mapping, format } = options;
  const named =
    mapping === undefined ? undefined : await engine.mapping(undefined, mappingKindOf(format), mapping);
  if (mapping !== undefined && named === undefined) throw missingMapping(options);
  return {
    columns,
    targetExists: false,
    batching: cappedBatching(undefined),
    ...(named === undefined ? mappingOf(options, columns) : { mapping: named }),
    rowLevelSecurity: false,
    dependents: [],
    commitForm: 'move',
    warnings: [],
  };
}

const missingMapping = ({ database, table, mapping, format }: LoadOptions): KfError =>
  new KfError(
    'LOAD_MAPPING_MISSING',
    `mapping ${mapping}: neither ${database}.${table} nor its database has a ${mappingKindOf(format)} mapping of that name`,
  );

function mappingOf(options: LoadOptions, columns: LoadPlan['columns']): { mapping?: string } {
  if (options.adjustSchema !== 'GenerateDynamicMapping') return {};
  return { mapping: inlineMapping(dynamicMapping(options, columns)) };
}

async function planOfExisting(engine: Engine, load: Load, columns: LoadPlan['columns']): Promise<LoadPlan> {
  const { options } = load;
  const { table, mapping, format } = options;
  const [batching, rls, dependents, named] = await Promise.all([
    engine.policy(table, 'ingestionbatching'),
    engine.policy(table, 'row_level_security'),
    dependentsOf(engine, table),
    mapping === undefined ? undefined : engine.mapping(table, mappingKindOf(format), mapping),
  ]);
  if (mapping !== undefined && named === undefined) throw missingMapping(options);
  return {
    columns,
    targetExists: true,
    batching: cappedBatching(batching),
    ...(named === undefined ? mappingOf(options, columns) : { mapping: named }),
    rowLevelSecurity: rls?.['IsEnabled'] === true,
    dependents: dependents.all,
    commitForm: 'move',
    warnings: dependents.updated.map(
      (name) =>
        `the update policy of ${name} reads from ${table}; it does not run for extents that are moved in`,
    ),
  };
}

interface Dependents {
  readonly all: readonly string[];
  /** Tables with an enabled update policy that reads from the target. */
  readonly updated: readonly string[];
}

/** What cannot be asked counts as a dependent: it only forbids what an undo by tag could not reach. */
async function dependentsOf(engine: Engine, table: string): Promise<Dependents> {
  const ask = (what: string, text: string, read: (rows: Row[]) => string[]): Promise<string[]> =>
    engine.command(text).then(read, (error: unknown) => {
      if (error instanceof KfError && error.retryable) throw error;
      return [`${what} (cannot be listed)`];
    });
  const [updated, views, exports] = await Promise.all([
    ask('update policies', commands.showUpdatePolicies, (rows) =>
      rows.flatMap((row) => updatesFrom(row, table)),
    ),
    ask('materialized views', commands.showMaterializedViews, (rows) =>
      rows.filter((row) => row['sourcetable'] === table).map((row) => `materialized view ${row['name']}`),
    ),
    ask('continuous exports', commands.showContinuousExports, (rows) =>
      rows.filter((row) => readsTable(row, table)).map((row) => `continuous export ${row['name']}`),
    ),
  ]);
  const tables = updated.filter((name) => !name.startsWith('update policies'));
  return {
    all: [...updated.map((name) => `update policy of ${name}`), ...views, ...exports],
    updated: tables,
  };
}

function updatesFrom(row: Row, table: string): string[] {
  const rules = parseJson(row['policy']);
  const feeds =
    Array.isArray(rules) &&
    rules.some((rule: Row) => rule['IsEnabled'] === true && String(rule['Source']) === table);
  const name = /\.\[(.*)\]$/.exec(String(row['entityname'] ?? ''))?.[1] ?? String(row['entityname'] ?? '');
  return feeds ? [name] : [];
}

/** `CursorScopedTables` is a list of names such as `["['Flights']"]`; the query is looked at too. */
function readsTable(row: Row, table: string): boolean {
  return [row['cursorscopedtables'], row['query']].some((text) => JSON.stringify(text ?? '').includes(table));
}

async function checkCreationTime(engine: Engine, { options }: Load, nowMs: number): Promise<void> {
  const [retention, tags] = await Promise.all([
    engine.policy(options.table, 'retention'),
    engine.policy(options.table, 'extent_tags_retention'),
  ]);
  const rules = (Array.isArray(tags) ? (tags as Row[]) : []).flatMap((rule) => {
    const periodMs = parseTimeSpan(String(rule['RetentionPeriod'] ?? ''));
    return periodMs === undefined ? [] : [{ prefix: String(rule['TagPrefix'] ?? ''), periodMs }];
  });
  requireCreationTime(options, {
    nowMs,
    softDeleteMs: parseTimeSpan(String(retention?.['SoftDeletePeriod'] ?? '')),
    tagRules: rules,
  });
}
