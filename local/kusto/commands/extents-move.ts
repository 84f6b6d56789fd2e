import { randomUUID } from 'node:crypto';
import { badRequest } from '../catalog/errors.js';
import type { Change, Database, StoredExtent } from '../catalog/model.js';
import type { Table } from '../catalog/types.js';
import { KustoError } from '../errors.js';
import { INGESTION_TIME_COLUMN } from '../store/merge.js';
import type { Cell, RowSet } from '../store/types.js';
import { databaseOf, onTables, tableIn } from './entities.js';
import {
  CREATED_RANGE,
  createdRange,
  demandNotCancelled,
  extentIds,
  type Placed,
  placedById,
  placedIn,
  readExtentIds,
  textColumn,
} from './extent-selection.js';
import type { Properties } from './reader.js';
import { columns, resultTable } from './results.js';
import { booleanProperty, checkProperties } from './schema.js';
import type { CommandContext, CommandDefinition, CommandPlan } from './types.js';

const MOVED = columns('OriginalExtentId, ResultExtentId, Details');
const PROPERTIES = ['setnewingestiontime', ...CREATED_RANGE];

/** Extents to take into a table, and extents of that table to drop, as one change. */
interface Exchange {
  readonly target: string;
  readonly setsTime: boolean;
  /** Chooses under the lock. */
  choose(database: Database): { readonly move: readonly Placed[]; readonly drop: readonly Placed[] };
}

interface MoveOptions {
  readonly setsTime: boolean;
  readonly isInRange: (extent: StoredExtent) => boolean;
}

function moveOptions(properties: Properties, command: string): MoveOptions {
  checkProperties(properties, PROPERTIES, command);
  return {
    setsTime: booleanProperty(properties, 'setnewingestiontime') === true,
    isInRange: createdRange(properties),
  };
}

/** The extent as the target holds it: the same rows under a new id, with a new ingestion time where one is given. */
function movedExtent(extent: StoredExtent, ingestedOn: bigint | undefined): StoredExtent {
  const id = randomUUID();
  if (ingestedOn === undefined) {
    return { ...extent, id };
  }
  const { ingestedOnByRow: _, ...rest } = extent;
  if (!extent.columns.has(INGESTION_TIME_COLUMN)) {
    return { ...rest, id, ingestedOn };
  }
  const columns = new Map(extent.columns);
  columns.delete(INGESTION_TIME_COLUMN);
  // The column stays in the extent's file, where data is kept.
  return { ...rest, id, ingestedOn, columns, hidden: [...(extent.hidden ?? []), INGESTION_TIME_COLUMN] };
}

/** @throws KustoError when the target lacks a column of the source, or has it with another type. */
function checkColumns(source: Table, target: Table): void {
  for (const { name, type } of source.schema) {
    const found = target.schema.find((column) => column.name === name);
    if (found?.type !== type) {
      const how = found === undefined ? 'has no such column' : `has it as ${found.type}`;
      throw badRequest(
        `Extents cannot be moved from table '${source.name}' to table '${target.name}': column '${name}' of type ` +
          `${type} is needed, and the target ${how}`,
        'BadRequest_SchemaMismatch',
      );
    }
  }
}

/** The service may refuse such a move at any time; here it always does, so that clients are seen to ask for the time. */
function checkViews({ views = [] }: Database, { target, setsTime }: Exchange): void {
  const view = views.find(({ sourceTable, isEnabled }) => isEnabled && sourceTable === target);
  if (view !== undefined && !setsTime) {
    throw badRequest(
      `Cannot move extents to table '${target}': the materialized view '${view.name}' is processing its extents. ` +
        'Use setNewIngestionTime=true',
      'BadRequest_MaterializedViewInProgress',
    );
  }
}

function checkExchange(database: Database, exchange: Exchange, chosen: ReturnType<Exchange['choose']>): void {
  const target = tableIn(database, exchange.target);
  for (const table of new Set(chosen.move.map((placed) => placed.table))) {
    if (table.name === target.name) {
      throw badRequest(`Extents of table '${target.name}' cannot be moved to the table they are in`);
    }
    checkColumns(table, target);
  }
  const stray = chosen.drop.find(({ table }) => table.name !== target.name);
  if (stray !== undefined) {
    throw badRequest(
      `Extent '${stray.extent.id}' cannot be replaced: it is in table '${stray.table.name}', not in '${target.name}'`,
    );
  }
  if (chosen.move.length > 0) {
    checkViews(database, exchange);
  }
}

/** Source tables lose, and the target gains, everything in one transaction. */
async function runExchange({ catalog, request }: CommandContext, exchange: Exchange): Promise<RowSet> {
  return catalog.transact((state, at) => {
    demandNotCancelled(request);
    const database = databaseOf(state, request.database);
    const target = tableIn(database, exchange.target);
    const chosen = exchange.choose(database);
    const { move, drop } = chosen;
    const tables = new Set([target.name, ...move.map(({ table }) => table.name)]);
    for (const table of tables) {
      request.principal.demand({ role: 'admin', database: request.database, table });
    }
    checkExchange(database, exchange, chosen);
    const ingestedOn = exchange.setsTime ? at : undefined;
    const added = move.map(({ extent }) => movedExtent(extent, ingestedOn));
    const rows: Cell[][] = [
      ...drop.map(({ extent }): Cell[] => [extent.id, '', '']),
      ...move.map(({ extent }, index): Cell[] => [extent.id, added[index]?.id ?? null, '']),
    ];
    return {
      changes: exchangeChanges(target, added, [...drop, ...move]),
      result: resultTable(MOVED, rows),
    };
  });
}

function exchangeChanges(target: Table, add: readonly StoredExtent[], gone: readonly Placed[]): Change[] {
  const names = new Set([target.name, ...gone.map(({ table }) => table.name)]);
  const changes = [...names].map((table) => ({
    ...({ kind: 'extents', database: target.database, table } as const),
    add: table === target.name ? add : [],
    drop: gone.filter((placed) => placed.table.name === table).map(({ extent }) => extent.id),
  }));
  return changes.filter((change) => change.add.length + change.drop.length > 0);
}

/** What a query or command names by `ExtentId` and, documented as required yet left out by some clients, `TableName`. */
function chooseRows(rows: RowSet, database: Database): Placed[] {
  const ids = extentIds(rows, database.name);
  const hasNames = rows.schema.some(({ name }) => name === 'TableName');
  const tables = hasNames
    ? [...new Set(textColumn(rows, 'TableName'))].map((name) => tableIn(database, name))
    : database.tables.values();
  return placedById(tables, ids);
}

type Reader = Parameters<CommandDefinition['parse']>[0];

/** `all from table A to table B`, and `from table A to table B (id, …)`. */
function readFromTable(reader: Reader, isAll: boolean): Exchange & { readonly source: string } {
  reader.words('from', 'table');
  const source = reader.name('the source table');
  reader.words('to', 'table');
  const target = reader.name('the target table');
  const { setsTime, isInRange } = moveOptions(reader.properties(), '.move extents');
  const ids = isAll ? undefined : readExtentIds(reader);
  return {
    ...{ source, target, setsTime },
    choose: (database) => {
      const table = tableIn(database, source);
      if (source === target) {
        throw badRequest(`Extents of table '${target}' cannot be moved to the table they are in`);
      }
      const placed = ids === undefined ? placedIn([table]) : placedById([table], ids);
      return { move: placed.filter(({ extent }) => isInRange(extent)), drop: [] };
    },
  };
}

const move: CommandDefinition = {
  pattern: 'move [async] extents',
  kind: 'ExtentsMove',
  parse(reader, { flags }, request): CommandPlan {
    const plan = { isAsync: flags.has('async') };
    const isAll = reader.tryWords('all');
    if (isAll || !reader.tryWords('to', 'table')) {
      const { source, ...exchange } = readFromTable(reader, isAll);
      const access = onTables('admin', request, [source, exchange.target]);
      return { ...plan, access, run: (context) => runExchange(context, exchange) };
    }
    const target = reader.name('the target table');
    const { setsTime, isInRange } = moveOptions(reader.properties(), '.move extents');
    reader.symbol('<|');
    const source = reader.takeRest();
    return {
      ...plan,
      access: onTables('admin', request, [target]),
      run: async (context) => {
        const rows = await context.rows(source);
        const choose: Exchange['choose'] = (database) => ({
          move: chooseRows(rows, database).filter(({ extent }) => isInRange(extent)),
          drop: [],
        });
        return runExchange(context, { target, setsTime, choose });
      },
    };
  },
};

/** `{query}` or a bare query between two commas. */
function readBraced(reader: Reader): string {
  return reader.balanced('{').slice(1, -1);
}

const replace: CommandDefinition = {
  pattern: 'replace [async] extents in table {table}',
  kind: 'ExtentsReplace',
  parse(reader, { names, flags }, request): CommandPlan {
    const target = names['table'] as string;
    const { setsTime, isInRange } = moveOptions(reader.properties(), '.replace extents');
    reader.symbol('<|');
    const dropped = readBraced(reader);
    reader.symbol(',');
    const moved = readBraced(reader);
    return {
      access: onTables('admin', request, [target]),
      isAsync: flags.has('async'),
      run: async (context) => {
        const [toDrop, toMove] = [await context.rows(dropped), await context.rows(moved)];
        const choose: Exchange['choose'] = (database) => ({
          move: chooseRows(toMove, database).filter(({ extent }) => isInRange(extent)),
          drop: chooseRows(toDrop, database).filter(({ extent }) => isInRange(extent)),
        });
        return runExchange(context, { target, setsTime, choose });
      },
    };
  },
};

/** Moving extents between tables of one database. */
export const EXTENT_MOVE_COMMANDS: readonly CommandDefinition[] = [move, replace];

/** The same commands, refused: for clusters that have no such thing. */
export const NO_EXTENT_MOVE_COMMANDS: readonly CommandDefinition[] = ['move', 'replace'].map((verb) => ({
  pattern: `${verb} [async] extents`,
  kind: verb === 'move' ? 'ExtentsMove' : 'ExtentsReplace',
  parse: () => {
    throw new KustoError(`The command '.${verb} extents' is not available on this cluster`, {
      status: 400,
      code: 'BadRequest_CommandNotSupported',
      type: 'Kusto.Data.Exceptions.KustoBadRequestException',
    });
  },
}));
