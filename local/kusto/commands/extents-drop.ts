import type { CatalogState, Change } from '../catalog/model.js';
import type { RowSet } from '../store/types.js';
import { TICKS_PER_DAY, TICKS_PER_HOUR } from '../values/datetime.js';
import { databaseOf, onDatabase, onTables, tableOf } from './entities.js';
import {
  demandNotCancelled,
  extentIds,
  type Placed,
  placedById,
  placedIn,
  readExtentIds,
} from './extent-selection.js';
import type { CommandReader } from './reader.js';
import { columns, resultTable } from './results.js';
import { extentBytes } from './show-tables.js';
import type { Access, CommandContext, CommandDefinition, CommandPlan, CommandRequest } from './types.js';

const DROPPED = columns('ExtentId:guid, TableName, CreatedOn:datetime');
const BYTES_PER_UNIT = { bytes: 1, mb: 1024 ** 2, gb: 1024 ** 3 } as const;

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
    demandNotCancelled(request);
    const placed = choose(state);
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
    return placedById(tables, ids);
  };
}

/** The right to what is dropped: to the table that is named, or else to the whole database. */
function accessTo(request: CommandRequest, table: string | undefined): readonly Access[] {
  return table === undefined ? onDatabase('admin', request) : onTables('admin', request, [table]);
}

const dropOne: CommandDefinition = {
  pattern: 'drop extent {extent}',
  kind: 'ExtentDrop',
  parse(reader, { names }, request): CommandPlan {
    const from = reader.tryWords('from') ? reader.name('a table') : undefined;
    const choose = chooseIds([names['extent'] as string], from, request.database);
    return { access: accessTo(request, from), run: (context) => dropChosen(context, choose, false) };
  },
};

interface Range {
  /** Absent: all of the database. */
  readonly tables: readonly string[] | undefined;
  choose(context: CommandContext): Choose;
}

/** `all tables`, `tables (A, B)` or the name of one. */
function readTables(reader: CommandReader): readonly string[] | undefined {
  if (reader.tryWords('all', 'tables')) {
    return undefined;
  }
  const start = reader.offset;
  if (reader.tryWords('tables') && reader.peek()?.value === '(') {
    return reader.list(() => reader.name('a table'));
  }
  reader.rewind(start);
  return [reader.name('a table')];
}

/** `[older n days|hours] from T|tables (…)|all tables [trim by …] [limit n]`. */
function readRange(reader: CommandReader, database: string): Range {
  const ageTicks = readAge(reader);
  reader.words('from');
  const names = readTables(reader);
  const trim = readTrim(reader);
  const limit = readLimit(reader);
  const choose = ({ clock }: CommandContext): Choose => {
    return (state) => {
      const before = clock.now() - ageTicks;
      const tables =
        names === undefined
          ? databaseOf(state, database).tables.values()
          : names.map((name) => tableOf(state, database, name));
      const oldestFirst = placedIn(tables).sort((a, b) => (a.extent.createdOn < b.extent.createdOn ? -1 : 1));
      return trim(oldestFirst)
        .filter(({ extent }) => extent.createdOn <= before)
        .slice(0, limit);
    };
  };
  return { tables: names, choose };
}

function readLimit(reader: CommandReader): number {
  if (!reader.tryWords('limit')) {
    return Number.POSITIVE_INFINITY;
  }
  const limit = Number(reader.next().value);
  if (!Number.isInteger(limit)) {
    throw reader.error('expected a whole number after limit');
  }
  return limit;
}

/** `trim by extentsize|datasize n MB|GB|bytes`: of extents, oldest first, those beyond that size. */
function readTrim(reader: CommandReader): (oldestFirst: readonly Placed[]) => readonly Placed[] {
  if (!reader.tryWords('trim', 'by')) {
    return (placed) => placed;
  }
  const measure = reader.tryOneOf(['extentsize', 'datasize']);
  const count = reader.next().value;
  const unit = reader.tryOneOf(['mb', 'gb', 'bytes']);
  if (measure === undefined || unit === undefined || !/^\d+$/.test(count)) {
    throw reader.error('expected extentsize or datasize, a whole number, and MB, GB or bytes');
  }
  const keptBytes = Number(count) * BYTES_PER_UNIT[unit];
  const sizeOf = ({ extent }: Placed) => (measure === 'datasize' ? extent.originalSize : extentBytes(extent));
  return (oldestFirst) => {
    let excess = oldestFirst.reduce((total, placed) => total + sizeOf(placed), 0) - keptBytes;
    const end = oldestFirst.findIndex((placed) => {
      const isEnough = excess <= 0;
      excess -= sizeOf(placed);
      return isEnough;
    });
    return end < 0 ? oldestFirst : oldestFirst.slice(0, end);
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
    if (reader.trySymbol('<|')) {
      const source = reader.takeRest();
      return {
        access: accessTo(request, undefined),
        run: async (context) => {
          const ids = extentIds(await context.rows(source), database);
          return dropChosen(context, chooseIds(ids, undefined, database), isPretend);
        },
      };
    }
    if (reader.peek()?.value === '(') {
      const ids = readExtentIds(reader);
      const from = reader.tryWords('from') ? reader.name('a table') : undefined;
      return {
        access: accessTo(request, from),
        run: (context) => dropChosen(context, chooseIds(ids, from, database), isPretend),
      };
    }
    const { tables, choose } = readRange(reader, database);
    return {
      access: tables === undefined ? accessTo(request, undefined) : onTables('admin', request, tables),
      run: (context) => dropChosen(context, choose(context), isPretend),
    };
  },
};

/** Dropping extents. */
export const EXTENT_DROP_COMMANDS: readonly CommandDefinition[] = [dropOne, dropMany];
