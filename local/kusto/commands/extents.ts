import { badRequest, entityNotFound } from '../catalog/errors.js';
import type { CatalogState, Change } from '../catalog/model.js';
import type { Table } from '../catalog/types.js';
import type { Extent, RowSet } from '../store/types.js';
import { TICKS_PER_DAY, TICKS_PER_HOUR } from '../values/datetime.js';
import { databaseOf, onDatabase, tableOf } from './entities.js';
import type { CommandReader } from './reader.js';
import { columns, resultTable } from './results.js';
import { extentBytes } from './show-tables.js';
import type { CommandContext, CommandDefinition, CommandPlan } from './types.js';

const EXTENTS = columns(
  'ExtentId:guid, DatabaseName, TableName, MaxCreatedOn:datetime, OriginalSize:real, ExtentSize:real, ' +
    'CompressedSize:real, IndexSize:real, Blocks:long, Segments:long, ExtentContainerId, RowCount:long, ' +
    'MinCreatedOn:datetime, Tags, Kind, DeletedRowCount:long',
);
const DROPPED = columns('ExtentId:guid, TableName, CreatedOn:datetime');
const CONTAINER = '00000000-0000-0000-0000-000000000001';

/** An extent and where it is. */
interface Placed {
  readonly table: Table;
  readonly extent: Extent;
}

type TagFilter = (tags: readonly string[]) => boolean;

function placedIn(tables: Iterable<Table>): Placed[] {
  return [...tables].flatMap((table) => table.extents.map((extent) => ({ table, extent })));
}

function extentRows(placed: readonly Placed[]): RowSet {
  return resultTable(
    EXTENTS,
    placed.map(({ table, extent }) => {
      const size = extentBytes(extent);
      const { id, createdOn, rowCount, originalSize, tags } = extent;
      return [
        ...[id, table.database, table.name, createdOn, originalSize, size, size, 0, 1n, 1n],
        ...[CONTAINER, BigInt(rowCount), createdOn, tags.join('\r\n'), 'StorageV3', 0n],
      ];
    }),
  );
}

/** `where tags has 'x' and tags !contains 'y' …`: `has` is equality of a whole tag, `contains` ignores case. */
function readTagFilter(reader: CommandReader): TagFilter {
  if (!reader.tryWords('where')) {
    return () => true;
  }
  const filters: TagFilter[] = [];
  do {
    reader.words('tags');
    const isNegated = reader.trySymbol('!');
    const operator = reader.tryOneOf(['has', 'contains']);
    if (operator === undefined) {
      throw reader.error("expected 'has' or 'contains'");
    }
    const text = reader.string('a tag');
    const isIn: TagFilter = (tags) =>
      operator === 'has'
        ? tags.includes(text)
        : tags.some((tag) => tag.toLowerCase().includes(text.toLowerCase()));
    filters.push((tags) => isIn(tags) !== isNegated);
  } while (reader.tryWords('and'));
  return (tags) => filters.every((filter) => filter(tags));
}

function maximumResults(reader: CommandReader): number {
  const text = reader.properties().get('extentsshowfilteringruntimepolicy');
  if (text === undefined) {
    return Number.POSITIVE_INFINITY;
  }
  const { MaximumResultsCount } = JSON.parse(text) as { MaximumResultsCount?: number };
  return MaximumResultsCount ?? Number.POSITIVE_INFINITY;
}

/** The ids, tag conditions and limits that may follow `extents`. */
function readExtentFilter(reader: CommandReader): (placed: readonly Placed[]) => readonly Placed[] {
  const ids = reader.peek()?.value === '(' ? reader.list(() => reader.name('an extent')) : undefined;
  // Everything is hot: there is no other store.
  reader.tryWords('hot');
  const filter = readTagFilter(reader);
  const limit = maximumResults(reader);
  return (placed) =>
    placed
      .filter(({ extent }) => (ids === undefined || ids.includes(extent.id)) && filter(extent.tags))
      .slice(0, limit);
}

const showOfTable: CommandDefinition = {
  pattern: 'show table {table} extents',
  kind: 'TableExtentsShow',
  parse(reader, { names }, request): CommandPlan {
    const filter = readExtentFilter(reader);
    return {
      access: onDatabase('viewer', request),
      run: async ({ catalog }) => {
        const table = catalog.table(request.database, names['table'] as string);
        if (table === undefined) {
          throw entityNotFound('Table', names['table'] as string);
        }
        return extentRows(filter(placedIn([table])));
      },
    };
  },
};

const showOfTables: CommandDefinition = {
  pattern: 'show tables ({tables}) extents',
  kind: 'TablesExtentsShow',
  parse(reader, { lists }, request): CommandPlan {
    const names = lists['tables'] as readonly string[];
    const filter = readExtentFilter(reader);
    return {
      access: onDatabase('viewer', request),
      run: async ({ catalog }) => {
        const { tables } = catalog.database(request.database);
        const missing = names.find((name) => !tables.has(name));
        if (missing !== undefined) {
          throw entityNotFound('Table', missing);
        }
        return extentRows(filter(placedIn(names.map((name) => tables.get(name) as Table))));
      },
    };
  },
};

const showOfDatabase: CommandDefinition = {
  pattern: 'show database {database} extents',
  kind: 'DatabaseExtentsShow',
  parse(reader, { names }, request): CommandPlan {
    const database = names['database'] as string;
    const filter = readExtentFilter(reader);
    return {
      access: onDatabase('viewer', request, database),
      run: async ({ catalog }) => extentRows(filter(placedIn(catalog.database(database).tables.values()))),
    };
  },
};

const showOfCurrentDatabase: CommandDefinition = {
  pattern: 'show database extents',
  kind: 'DatabaseExtentsShow',
  parse(reader, _matched, request): CommandPlan {
    const filter = readExtentFilter(reader);
    return {
      access: onDatabase('viewer', request),
      run: async ({ catalog }) =>
        extentRows(filter(placedIn(catalog.database(request.database).tables.values()))),
    };
  },
};

const showOfCluster: CommandDefinition = {
  pattern: 'show cluster extents',
  kind: 'ClusterExtentsShow',
  parse(reader): CommandPlan {
    const filter = readExtentFilter(reader);
    return {
      access: [{ role: 'monitor' }],
      run: async ({ catalog }) =>
        extentRows(filter(placedIn(catalog.databases().flatMap((name) => catalog.tables(name))))),
    };
  },
};

function droppedRows(placed: readonly Placed[]): RowSet {
  return resultTable(
    DROPPED,
    placed.map(({ table, extent }) => [extent.id, table.name, extent.createdOn]),
  );
}

/** Chooses extents of a database under the lock. */
type Choose = (state: CatalogState) => readonly Placed[];

async function dropChosen(
  { catalog, request }: CommandContext,
  choose: Choose,
  isPretend: boolean,
): Promise<RowSet> {
  const dropped = await catalog.transact((state) => {
    const placed = choose(state);
    for (const name of new Set(placed.map(({ table }) => table.name))) {
      request.principal.demand({ role: 'admin', database: request.database, table: name });
    }
    return { changes: isPretend ? [] : dropChanges(placed), result: placed };
  });
  return droppedRows(dropped);
}

function dropChanges(placed: readonly Placed[]): Change[] {
  const tables = new Set(placed.map(({ table }) => table));
  return [...tables].map((table) => ({
    ...{ kind: 'extents', database: table.database, table: table.name, add: [] },
    drop: placed.filter((one) => one.table === table).map(({ extent }) => extent.id),
  }));
}

/** Extents by id, all of which must exist. */
function chooseIds(ids: readonly string[], from: string | undefined, database: string): Choose {
  return (state) => {
    const tables =
      from === undefined ? databaseOf(state, database).tables.values() : [tableOf(state, database, from)];
    const placed = placedIn(tables);
    return ids.map((id) => {
      const found = placed.find(({ extent }) => extent.id === id.toLowerCase());
      if (found === undefined) {
        throw entityNotFound('Extent', id);
      }
      return found;
    });
  };
}

const dropOne: CommandDefinition = {
  pattern: 'drop extent {extent}',
  kind: 'ExtentDrop',
  parse(reader, { names }, request): CommandPlan {
    const from = reader.tryWords('from') ? reader.name('a table') : undefined;
    const choose = chooseIds([names['extent'] as string], from, request.database);
    return { access: onDatabase('viewer', request), run: (context) => dropChosen(context, choose, false) };
  },
};

/** `[older n days|hours] from T|all tables [trim by …] [limit n]`, after the ids and queries were ruled out. */
function readRange(reader: CommandReader, database: string): (context: CommandContext) => Choose {
  const ageTicks = readAge(reader);
  reader.words('from');
  const table = reader.tryWords('all', 'tables') ? undefined : reader.name('a table');
  if (reader.tryWords('trim')) {
    throw reader.error("'trim by' is not supported by the local engine");
  }
  const limit = reader.tryWords('limit') ? Number(reader.next().value) : Number.POSITIVE_INFINITY;
  if (Number.isNaN(limit)) {
    throw reader.error('expected a number after limit');
  }
  return ({ clock }) =>
    (state) => {
      const before = clock.now() - ageTicks;
      const tables =
        table === undefined ? databaseOf(state, database).tables.values() : [tableOf(state, database, table)];
      return placedIn(tables)
        .filter(({ extent }) => extent.createdOn <= before)
        .slice(0, limit);
    };
}

function readAge(reader: CommandReader): bigint {
  if (!reader.tryWords('older')) {
    return 0n;
  }
  const count = reader.next().value;
  const unit = reader.tryOneOf(['days', 'hours', 'day', 'hour']);
  if (!/^\d+$/.test(count) || unit === undefined) {
    throw reader.error('expected a whole number of days or hours');
  }
  return BigInt(count) * (unit.startsWith('day') ? TICKS_PER_DAY : TICKS_PER_HOUR);
}

const dropMany: CommandDefinition = {
  pattern: 'drop|drop-pretend extents',
  kind: 'ExtentsDrop',
  parse(reader, { flags }, request): CommandPlan {
    const { database } = request;
    const isPretend = reader.tryWords('whatif') || flags.has('drop-pretend');
    const access = onDatabase('viewer', request);
    if (reader.trySymbol('<|')) {
      const source = reader.takeRest();
      return {
        access,
        run: async (context) => {
          const ids = extentIds(await context.rows(source));
          return dropChosen(context, chooseIds(ids, undefined, database), isPretend);
        },
      };
    }
    if (reader.peek()?.value === '(') {
      const ids = reader.list(() => reader.name('an extent'));
      const from = reader.tryWords('from') ? reader.name('a table') : undefined;
      return {
        access,
        run: (context) => dropChosen(context, chooseIds(ids, from, database), isPretend),
      };
    }
    const choose = readRange(reader, database);
    return { access, run: (context) => dropChosen(context, choose(context), isPretend) };
  },
};

/** The column `ExtentId` of a result. */
function extentIds(rows: RowSet): string[] {
  const at = rows.schema.findIndex(({ name }) => name === 'ExtentId');
  const column = rows.columns[at];
  if (column === undefined) {
    throw badRequest("The query must give a column 'ExtentId'");
  }
  return Array.from({ length: rows.rowCount }, (_, row) => String(column.get(row)));
}

/** Showing and dropping extents. */
export const EXTENT_COMMANDS: readonly CommandDefinition[] = [
  showOfTable,
  showOfTables,
  showOfDatabase,
  showOfCurrentDatabase,
  showOfCluster,
  dropOne,
  dropMany,
];
