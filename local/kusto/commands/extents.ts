import { badRequest, entityNotFound } from '../catalog/errors.js';
import type { Table } from '../catalog/types.js';
import type { RowSet } from '../store/types.js';
import { onMetadata } from './entities.js';
import { type Placed, placedIn, readExtentIds } from './extent-selection.js';
import { TAG_SEPARATOR } from './extent-tags.js';
import type { CommandReader } from './reader.js';
import { columns, resultTable } from './results.js';
import { checkProperties } from './schema.js';
import { extentBytes } from './show-tables.js';
import type { CommandDefinition, CommandPlan } from './types.js';

const EXTENTS = columns(
  'ExtentId:guid, DatabaseName, TableName, MaxCreatedOn:datetime, OriginalSize:real, ExtentSize:real, ' +
    'CompressedSize:real, IndexSize:real, Blocks:long, Segments:long, ExtentContainerId, RowCount:long, ' +
    'MinCreatedOn:datetime, Tags, Kind, DeletedRowCount:long',
);
const CONTAINER = '00000000-0000-0000-0000-000000000001';

const FILTERING_POLICY = 'extentsshowfilteringruntimepolicy';

type TagFilter = (tags: readonly string[]) => boolean;

function extentRows(placed: readonly Placed[]): RowSet {
  return resultTable(
    EXTENTS,
    placed.map(({ table, extent }) => {
      const size = extentBytes(extent);
      const { id, createdOn, oldestCreatedOn = createdOn, rowCount, originalSize, tags } = extent;
      return [
        ...[id, table.database, table.name, createdOn, originalSize, size, size, 0, 1n, 1n],
        ...[CONTAINER, BigInt(rowCount), oldestCreatedOn, tags.join(TAG_SEPARATOR), 'StorageV3', 0n],
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

function maximumOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { MaximumResultsCount?: unknown } | null)?.MaximumResultsCount;
  } catch {
    throw badRequest('extentsShowFilteringRuntimePolicy is not JSON');
  }
}

function maximumResults(reader: CommandReader): number {
  const properties = reader.properties();
  checkProperties(properties, [FILTERING_POLICY], '.show extents');
  const text = properties.get(FILTERING_POLICY);
  const count = text === undefined ? undefined : maximumOf(text);
  if (count !== undefined && (typeof count !== 'number' || !(count >= 0))) {
    throw reader.error(`MaximumResultsCount is ${JSON.stringify(count)}: it needs a number`);
  }
  return count ?? Number.POSITIVE_INFINITY;
}

/** The ids, tag conditions and limits that may follow `extents`. */
function readExtentFilter(reader: CommandReader): (placed: readonly Placed[]) => readonly Placed[] {
  const ids = reader.peek()?.value === '(' ? new Set(readExtentIds(reader)) : undefined;
  // Everything is hot: there is no other store.
  reader.tryWords('hot');
  const filter = readTagFilter(reader);
  const limit = maximumResults(reader);
  return (placed) =>
    placed
      .filter(({ extent }) => (ids === undefined || ids.has(extent.id)) && filter(extent.tags))
      .slice(0, limit);
}

const showOfTable: CommandDefinition = {
  pattern: 'show table {table} extents',
  kind: 'TableExtentsShow',
  parse(reader, { names }, request): CommandPlan {
    const filter = readExtentFilter(reader);
    return {
      access: onMetadata(request),
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
      access: onMetadata(request),
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
      access: onMetadata(request, database),
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
      access: onMetadata(request),
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

/** Showing extents. */
export const EXTENT_COMMANDS: readonly CommandDefinition[] = [
  showOfTable,
  showOfTables,
  showOfDatabase,
  showOfCurrentDatabase,
  showOfCluster,
];
