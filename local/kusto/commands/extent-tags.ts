import { randomUUID } from 'node:crypto';
import { badRequest } from '../catalog/errors.js';
import type { StoredExtent } from '../catalog/model.js';
import type { Table } from '../catalog/types.js';
import type { RowSet } from '../store/types.js';
import { onTables, tableOf } from './entities.js';
import {
  CREATED_RANGE,
  createdRange,
  demandNotCancelled,
  extentIds,
  placedById,
  textColumn,
} from './extent-selection.js';
import type { CommandReader } from './reader.js';
import { columns, resultTable } from './results.js';
import { checkProperties } from './schema.js';
import type { CommandContext, CommandDefinition, CommandPlan } from './types.js';

const TAGGED = columns('OriginalExtentId, ResultExtentId, ResultExtentTags, Details');
/** Between tags where an extent's tags are one text. */
export const TAG_SEPARATOR = '\r\n';

type Retag = (extent: StoredExtent) => readonly string[];

/** Gives new tags, and with them new ids, to extents of one table. Extents whose tags stay as they are keep their ids. */
async function retag(
  { catalog, request }: CommandContext,
  name: string,
  choose: (table: Table) => readonly { readonly extent: StoredExtent; readonly tags: readonly string[] }[],
): Promise<RowSet> {
  return catalog.transact((state) => {
    demandNotCancelled(request);
    const table = tableOf(state, request.database, name);
    const changed = choose(table).filter(({ extent, tags }) => !isSame(extent.tags, tags));
    const add = changed.map(({ extent, tags }) => ({ ...extent, id: randomUUID(), tags }));
    const drop = changed.map(({ extent }) => extent.id);
    const rows = add.map(({ id, tags }, at) => [drop[at] ?? '', id, tags.join(TAG_SEPARATOR), '']);
    return {
      changes:
        add.length === 0 ? [] : [{ kind: 'extents', database: table.database, table: name, add, drop }],
      result: resultTable(TAGGED, rows),
    };
  });
}

function isSame(before: readonly string[], after: readonly string[]): boolean {
  return before.length === after.length && before.every((tag, at) => tag === after[at]);
}

function extentsOf(table: Table): readonly StoredExtent[] {
  return table.extents;
}

function readTags(reader: CommandReader): string[] {
  return reader.list(() => reader.string('a tag'));
}

const alter: CommandDefinition = {
  pattern: 'alter|alter-merge [async] table {table} extent tags',
  kind: 'ExtentTagsAlter',
  parse(reader, { names, flags }, request): CommandPlan {
    const table = names['table'] as string;
    const given = [...new Set(readTags(reader))];
    const properties = reader.properties();
    checkProperties(properties, CREATED_RANGE, '.alter table extent tags');
    const isInRange = createdRange(properties);
    reader.symbol('<|');
    const source = reader.takeRest();
    const tagsOf: Retag = ({ tags }) =>
      flags.has('alter-merge') ? [...new Set([...tags, ...given])] : given;
    return {
      access: onTables('admin', request, [table]),
      isAsync: flags.has('async'),
      run: async (context) => {
        const ids = extentIds(await context.rows(source), request.database);
        return retag(context, table, (owner) =>
          placedById([owner], ids)
            .filter(({ extent }) => isInRange(extent))
            .map(({ extent }) => ({ extent, tags: tagsOf(extent) })),
        );
      },
    };
  },
};

/** The tags of one cell: a JSON list, or tags in lines of their own. */
function tagsOfCell(text: string): readonly string[] {
  const trimmed = text.trim();
  if (!trimmed.startsWith('[')) {
    return text.split(/\r?\n/).filter((tag) => tag !== '');
  }
  try {
    return (JSON.parse(trimmed) as unknown[]).map(String);
  } catch {
    throw badRequest("The column 'Tags' holds a text that is neither tags nor a JSON list of them");
  }
}

/** Tags to drop by extent id, from the columns `ExtentId` and `Tags`. */
function tagsById(rows: RowSet, database: string): ReadonlyMap<string, ReadonlySet<string>> {
  const tags = textColumn(rows, 'Tags');
  const byId = new Map<string, Set<string>>();
  extentIds(rows, database).forEach((id, row) => {
    const known = byId.get(id.toLowerCase()) ?? new Set();
    for (const tag of tagsOfCell(tags[row] ?? '')) {
      known.add(tag);
    }
    byId.set(id.toLowerCase(), known);
  });
  return byId;
}

const drop: CommandDefinition = {
  pattern: 'drop [async] table {table} extent tags',
  kind: 'ExtentTagsDrop',
  parse(reader, { names, flags }, request): CommandPlan {
    const table = names['table'] as string;
    const listed = reader.peek()?.value === '(' ? new Set(readTags(reader)) : undefined;
    const properties = reader.properties();
    checkProperties(properties, CREATED_RANGE, '.drop table extent tags');
    const isInRange = createdRange(properties);
    const plan = { access: onTables('admin', request, [table]), isAsync: flags.has('async') };
    if (listed !== undefined) {
      return {
        ...plan,
        run: (context) =>
          retag(context, table, (owner) =>
            extentsOf(owner)
              .filter(isInRange)
              .map((extent) => ({ extent, tags: extent.tags.filter((tag) => !listed.has(tag)) })),
          ),
      };
    }
    reader.symbol('<|');
    const source = reader.takeRest();
    return {
      ...plan,
      run: async (context) => {
        const byId = tagsById(await context.rows(source), request.database);
        return retag(context, table, (owner) =>
          placedById([owner], [...byId.keys()])
            .filter(({ extent }) => isInRange(extent))
            .map(({ extent }) => ({
              extent,
              tags: extent.tags.filter((tag) => byId.get(extent.id)?.has(tag) !== true),
            })),
        );
      },
    };
  },
};

/** Changing the tags of extents. */
export const EXTENT_TAG_COMMANDS: readonly CommandDefinition[] = [alter, drop];
