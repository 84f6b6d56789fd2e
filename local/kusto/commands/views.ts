import { badRequest, entityExists, entityNotFound } from '../catalog/errors.js';
import type { Change, Database } from '../catalog/model.js';
import type { CatalogStore } from '../catalog/store.js';
import type { StoredView } from '../catalog/views.js';
import type { RowSet } from '../store/types.js';
import { parseDatetime } from '../values/datetime-parse.js';
import { parseTimespan } from '../values/timespan.js';
import { databaseDetails, databaseOf, onDatabase, onMetadata, tableIn } from './entities.js';
import type { CommandReader, Properties } from './reader.js';
import { columns, resultTable } from './results.js';
import { booleanProperty, checkProperties } from './schema.js';
import type { CommandDefinition, CommandPlan, CommandRequest } from './types.js';

const VIEWS = columns(
  'Name, SourceTable, Query, MaterializedTo:datetime, LastRun:datetime, LastRunResult, IsHealthy:bool, ' +
    'IsEnabled:bool, Folder, DocString, AutoUpdateSchema:bool, EffectiveDateTime:datetime, Lookback:timespan, ' +
    'LookbackColumn',
);
/** Those about filling the view are taken and have nothing to act on: no view is ever filled here. */
const PROPERTIES = [
  'backfill',
  'effectivedatetime',
  'updateextentscreationtime',
  'lookback',
  'lookback_column',
  'autoupdateschema',
  'dimensiontables',
  'folder',
  'docstring',
  'allowmaterializedviewswithoutrowlevelsecurity',
];

export function findView(catalog: Pick<CatalogStore, 'state'>, database: string, name: string) {
  return catalog
    .state()
    .databases.get(database)
    ?.views?.find((view) => view.name === name);
}

function viewRows(database: Database, views: readonly StoredView[]): RowSet {
  return resultTable(
    VIEWS,
    views.map((view) => [
      ...[view.name, view.sourceTable, view.query, null, null, '', database.tables.has(view.sourceTable)],
      ...[view.isEnabled, view.folder, view.docstring, view.autoUpdateSchema, view.effectiveFrom ?? null],
      ...[view.lookback === '' ? null : BigInt(view.lookback), view.lookbackColumn],
    ]),
  );
}

function requireView({ views = [] }: Database, name: string): StoredView {
  const view = views.find((candidate) => candidate.name === name);
  if (view === undefined) {
    throw entityNotFound('MaterializedView', name);
  }
  return view;
}

function withViews(database: Database, views: readonly StoredView[]): Change {
  return { kind: 'putDatabase', value: { ...databaseDetails(database), views } };
}

/** The plan of a command that changes the views of the request's database and answers some of them. */
function changeViews(
  request: CommandRequest,
  plan: (database: Database) => { views?: readonly StoredView[]; shown: readonly StoredView[] },
): CommandPlan {
  return {
    access: onDatabase('user', request),
    run: async ({ catalog }) =>
      catalog.transact((state) => {
        const database = databaseOf(state, request.database);
        const { views, shown } = plan(database);
        return {
          changes: views === undefined ? [] : [withViews(database, views)],
          result: viewRows(database, shown),
        };
      }),
  };
}

function datetimeProperty(properties: Properties, key: string): bigint | undefined {
  const text = properties.get(key);
  const ticks = text === undefined ? undefined : parseDatetime(text);
  if (ticks === null) {
    throw badRequest(`The property '${key}' is not a date and time: '${text}'`);
  }
  return ticks;
}

interface ViewText {
  readonly name: string;
  readonly sourceTable: string;
  readonly query: string;
}

/** `V on table T { query }`. */
function readView(reader: CommandReader): ViewText {
  const name = reader.name('a materialized view');
  reader.words('on', 'table');
  const sourceTable = reader.name('the source table');
  const query = reader.balanced('{').slice(1, -1).trim();
  if (!/\|\s*summarize\b/i.test(query)) {
    throw badRequest(
      `The query of materialized view '${name}' must end in a summarize`,
      'BadRequest_MaterializedViewQuery',
    );
  }
  return { name, sourceTable, query };
}

function newView(text: ViewText, properties: Properties): StoredView {
  const effectiveFrom = datetimeProperty(properties, 'effectivedatetime');
  const lookback = properties.get('lookback');
  const ticks = lookback === undefined ? '' : parseTimespan(lookback);
  if (ticks === null) {
    throw badRequest(`The property 'lookback' is not a timespan: '${lookback}'`);
  }
  return {
    ...text,
    ...{ isEnabled: true, lookback: String(ticks), lookbackColumn: properties.get('lookback_column') ?? '' },
    folder: properties.get('folder') ?? '',
    docstring: properties.get('docstring') ?? '',
    autoUpdateSchema: booleanProperty(properties, 'autoupdateschema') === true,
    ...(effectiveFrom !== undefined && { effectiveFrom }),
  };
}

const create: CommandDefinition = {
  pattern: 'create|create-or-alter [async] [ifnotexists] materialized-view',
  kind: 'MaterializedViewCreate',
  parse(reader, { flags }, request): CommandPlan {
    const properties = reader.properties();
    checkProperties(properties, PROPERTIES, '.create materialized-view');
    const view = newView(readView(reader), properties);
    if (booleanProperty(properties, 'backfill') === true && !flags.has('async')) {
      throw badRequest('A materialized view with backfill can be created by the async form only');
    }
    const plan = changeViews(request, (database) => {
      const { views = [] } = database;
      const existing = views.find(({ name }) => name === view.name);
      if (existing !== undefined && flags.has('ifnotexists')) {
        return { shown: [existing] };
      }
      if ((existing !== undefined && flags.has('create')) || database.tables.has(view.name)) {
        throw entityExists(existing === undefined ? 'Table' : 'MaterializedView', view.name);
      }
      tableIn(database, view.sourceTable);
      return { views: [...views.filter((one) => one !== existing), view], shown: [view] };
    });
    return { ...plan, isAsync: flags.has('async') };
  },
};

function replaced(database: Database, before: StoredView, after: StoredView) {
  const views = (database.views ?? []).map((view) => (view === before ? after : view));
  return { views, shown: [after] };
}

const alter: CommandDefinition = {
  pattern: 'alter materialized-view',
  kind: 'MaterializedViewAlter',
  parse(reader, _matched, request): CommandPlan {
    const properties = reader.properties();
    checkProperties(
      properties,
      ['lookback', 'lookback_column', 'dimensiontables'],
      '.alter materialized-view',
    );
    const text = readView(reader);
    return changeViews(request, (database) => {
      const before = requireView(database, text.name);
      if (before.sourceTable !== text.sourceTable) {
        throw badRequest(`The source table of materialized view '${text.name}' cannot be changed`);
      }
      const { lookback, lookbackColumn } = newView(text, properties);
      const after = { ...before, query: text.query };
      return replaced(
        database,
        before,
        properties.size === 0 ? after : { ...after, lookback, lookbackColumn },
      );
    });
  },
};

const enable: CommandDefinition = {
  pattern: 'enable|disable materialized-view {view}',
  kind: 'MaterializedViewEnableOrDisable',
  parse: (_reader, { names, flags }, request) =>
    changeViews(request, (database) => {
      const before = requireView(database, names['view'] as string);
      return replaced(database, before, { ...before, isEnabled: flags.has('enable') });
    }),
};

const drop: CommandDefinition = {
  pattern: 'drop materialized-view {view}',
  kind: 'MaterializedViewDrop',
  parse(reader, { names }, request): CommandPlan {
    const ifExists = reader.tryWords('ifexists');
    return changeViews(request, (database) => {
      const { views = [] } = database;
      const name = names['view'] as string;
      if (!ifExists) {
        requireView(database, name);
      }
      const kept = views.filter((view) => view.name !== name);
      return { views: kept, shown: kept };
    });
  },
};

function showViews(
  pattern: string,
  choose: (database: Database, name: string) => readonly StoredView[],
): CommandDefinition {
  return {
    pattern,
    kind: 'MaterializedViewShow',
    parse: (_reader, { names }, request) => ({
      access: onMetadata(request),
      run: async ({ catalog }) => {
        const database = catalog.database(request.database);
        return viewRows(database, choose(database, names['view'] ?? ''));
      },
    }),
  };
}

/** Materialised views as far as others must know of them: what is defined over which table. */
export const VIEW_COMMANDS: readonly CommandDefinition[] = [
  create,
  alter,
  enable,
  drop,
  showViews('show materialized-views', ({ views = [] }) => views),
  showViews('show materialized-view {view}', (database, name) => [requireView(database, name)]),
];
