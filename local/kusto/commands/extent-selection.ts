import { badRequest, entityNotFound } from '../catalog/errors.js';
import type { StoredExtent } from '../catalog/model.js';
import type { Table } from '../catalog/types.js';
import { KustoError } from '../errors.js';
import type { RowSet } from '../store/types.js';
import { parseDatetime } from '../values/datetime-parse.js';
import { parseGuid } from '../values/guid.js';
import type { CommandReader, Properties } from './reader.js';
import type { CommandRequest } from './types.js';

/** An extent and where it is. */
export interface Placed {
  readonly table: Table;
  readonly extent: StoredExtent;
}

export function placedIn(tables: Iterable<Table>): Placed[] {
  return [...tables].flatMap((table) =>
    (table.extents as readonly StoredExtent[]).map((extent) => ({ table, extent })),
  );
}

/** `(id, …)`, in lower case. @throws KustoError for what is no id. */
export function readExtentIds(reader: CommandReader): string[] {
  return reader.list(() => {
    const text = reader.name('an extent');
    const id = parseGuid(text);
    if (id === null) {
      throw reader.error(`'${text}' is not an extent id`);
    }
    return id;
  });
}

/** Extents in the order of `ids`, each once. @throws KustoError when one is not there. */
export function placedById(tables: Iterable<Table>, ids: readonly string[]): Placed[] {
  const byId = new Map(placedIn(tables).map((placed) => [placed.extent.id, placed]));
  return [...new Set(ids)].map((id) => {
    const found = byId.get(id.toLowerCase());
    if (found === undefined) {
      throw entityNotFound('Extent', id);
    }
    return found;
  });
}

/** The cells of one column as text. @throws KustoError when the result has no such column. */
export function textColumn(rows: RowSet, name: string): string[] {
  const column = rows.columns[rows.schema.findIndex((candidate) => candidate.name === name)];
  if (column === undefined) {
    throw badRequest(`The query must give a column '${name}'`, 'BadRequest_InvalidQueryResult');
  }
  return Array.from({ length: rows.rowCount }, (_, row) => {
    const cell = column.get(row);
    return cell !== null && typeof cell === 'object' && 'text' in cell ? cell.text : String(cell ?? '');
  });
}

/** Ids of extents that a query or command gave. @throws KustoError when it tells of another database. */
export function extentIds(rows: RowSet, database: string): string[] {
  if (rows.schema.some(({ name }) => name === 'DatabaseName')) {
    const foreign = textColumn(rows, 'DatabaseName').find((name) => name !== database);
    if (foreign !== undefined) {
      throw badRequest(
        `Extents of database '${foreign}' cannot be changed from database '${database}'`,
        'BadRequest_CrossDatabaseExtents',
      );
    }
  }
  return textColumn(rows, 'ExtentId');
}

export const CREATED_RANGE = ['extentcreatedonfrom', 'extentcreatedonto'] as const;

/** `extentCreatedOnFrom` and `extentCreatedOnTo`, both included: extents created at other times are left alone. */
export function createdRange(properties: Properties): (extent: StoredExtent) => boolean {
  const [from, to] = CREATED_RANGE.map((key) => {
    const text = properties.get(key);
    const ticks = text === undefined ? undefined : parseDatetime(text);
    if (ticks === null) {
      throw badRequest(`The property '${key}' is not a date and time: '${text}'`);
    }
    return ticks;
  });
  return ({ createdOn }) =>
    (from === undefined || createdOn >= from) && (to === undefined || createdOn <= to);
}

/** To be called under the lock: what was cancelled, or whose caller has left, must change nothing. */
export function demandNotCancelled({ signal }: CommandRequest): void {
  if (signal?.aborted === true) {
    throw new KustoError('The command was cancelled before it changed anything', {
      status: 400,
      code: 'BadRequest_RequestCanceled',
      type: 'Kusto.Common.Svc.Exceptions.OperationCanceledException',
    });
  }
}
