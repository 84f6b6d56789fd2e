import type { Catalog, StoredFunction, Table } from '../../../local/kusto/catalog/types.js';
import { createQueryEngine } from '../../../local/kusto/query/engine.js';
import type { QueryRequest, QueryResult } from '../../../local/kusto/query/types.js';
import { columnFromCells } from '../../../local/kusto/store/builders.js';
import type { Cell, Extent, RowSet, ScalarType } from '../../../local/kusto/store/types.js';
import { cellToText } from '../../../local/kusto/values/cell.js';
import { parseDatetime } from '../../../local/kusto/values/datetime-parse.js';

const DATABASE = 'db';
export const NOW = parseDatetime('2026-05-04T03:02:01.1234567Z')!;

export interface TableSpec {
  readonly name: string;
  readonly database?: string;
  readonly schema: Readonly<Record<string, ScalarType>>;
  /** Rows of each extent. */
  readonly extents: readonly (readonly (readonly Cell[])[])[];
}

function extentOf(spec: TableSpec, rows: readonly (readonly Cell[])[], number: number): Extent {
  const columns = Object.entries(spec.schema).map(
    ([name, type], index) =>
      [
        name,
        columnFromCells(
          type,
          rows.map((row) => row[index] ?? null),
        ),
      ] as const,
  );
  return {
    id: `00000000-0000-0000-0000-00000000000${number}`,
    createdOn: NOW,
    ingestedOn: NOW - 1000n + BigInt(number),
    tags: [`tag${number}`],
    rowCount: rows.length,
    originalSize: 100,
    columns: new Map(columns),
  };
}

export function tableOf(spec: TableSpec, extents?: readonly Extent[]): Table {
  return {
    database: spec.database ?? DATABASE,
    name: spec.name,
    schema: Object.entries(spec.schema).map(([name, type]) => ({ name, type })),
    folder: '',
    docstring: '',
    hidden: false,
    policies: new Map(),
    mappings: [],
    extents: extents ?? spec.extents.map((rows, index) => extentOf(spec, rows, index + 1)),
  };
}

/** A catalogue of fixed tables and functions. */
export function catalogOf(tables: readonly Table[], functions: readonly StoredFunction[] = []): Catalog {
  const refuse = (): never => {
    throw new Error('a query must not write');
  };
  return {
    now: () => NOW,
    cursor: () => NOW,
    wasIngested: () => false,
    databases: () => [...new Set([DATABASE, ...tables.map((table) => table.database)])],
    table: (database, name) => tables.find((table) => table.database === database && table.name === name),
    tables: (database) => tables.filter((table) => table.database === database),
    function: (database, name) =>
      database === DATABASE ? functions.find((fn) => fn.name === name) : undefined,
    functions: () => functions,
    mapping: () => undefined,
    batchingPolicy: refuse,
    streamingEnabled: () => false,
    extentRows: refuse,
    append: refuse,
    recordIngestionFailure: refuse,
  };
}

const engine = createQueryEngine();
const EMPTY = catalogOf([]);

export function run(
  text: string,
  catalog: Catalog = EMPTY,
  request: Partial<QueryRequest> = {},
): Promise<QueryResult> {
  return engine.execute({ database: DATABASE, text, ...request }, catalog);
}

function rowText(rows: RowSet, row: number): string {
  return rows.columns
    .map((column) => {
      const cell = column.get(row);
      return cell === null ? 'null' : cellToText(column.type, cell);
    })
    .join('|');
}

/** The header `name:type|…` and one line per row, cells as text, nulls as `null`. */
export function lines(rows: RowSet): string[] {
  const header = rows.schema.map((column) => `${column.name}:${column.type}`).join('|');
  return [header, ...Array.from({ length: rows.rowCount }, (_, row) => rowText(rows, row))];
}
