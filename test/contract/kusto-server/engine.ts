import type { TestContext } from 'node:test';
import { columns, resultTable } from '../../../local/kusto/commands/results.js';
import type { QueryEngine } from '../../../local/kusto/query/types.js';
import {
  type KustoServer,
  type KustoServerOptions,
  startKustoServer,
} from '../../../local/kusto/server/server.js';
import type { Cell, RowSet } from '../../../local/kusto/store/types.js';

/** Answers of a stand-in for the query engine, by query text; `$command_results` alone gives the rows piped in. */
export function cannedQueries(answers: Readonly<Record<string, readonly RowSet[]>> = {}): QueryEngine {
  return {
    execute: async ({ text, input }, catalog) => {
      const trimmed = text.trim();
      const canned = answers[trimmed];
      if (canned !== undefined) {
        return { tables: canned };
      }
      if (input !== undefined && /\|\s*count$/.test(trimmed)) {
        return { tables: [resultTable(columns('Count:long'), [[BigInt(input.rowCount)]])] };
      }
      if (input !== undefined) {
        return { tables: [input] };
      }
      const table = catalog.table('Samples', trimmed);
      if (table === undefined) {
        throw new Error(`the stand-in knows no answer to ${trimmed}`);
      }
      const rows = table.extents.flatMap((extent) =>
        Array.from({ length: extent.rowCount }, (_, row) =>
          table.schema.map(({ name }): Cell => extent.columns.get(name)?.get(row) ?? null),
        ),
      );
      return { tables: [resultTable(table.schema, rows)] };
    },
  };
}

/** A server for one test, stopped at its end. */
export async function startEngine(
  t: TestContext,
  options: Partial<KustoServerOptions> = {},
): Promise<KustoServer> {
  const server = await startKustoServer({
    port: 0,
    queryEngine: cannedQueries(),
    databases: ['NetDefaultDB', 'Samples'],
    ...options,
  });
  t.after(() => server.stop());
  return server;
}

export interface V1Table {
  readonly TableName: string;
  readonly Columns: readonly { ColumnName: string; DataType: string; ColumnType: string }[];
  readonly Rows: readonly (readonly unknown[])[];
}

/** The raw answer to a command. */
export function post(server: KustoServer, path: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
  });
}

/** Rows of a command as objects by column name. @throws with the service's message */
export async function command(server: KustoServer, csl: string, db = 'Samples') {
  const response = await post(server, '/v1/rest/mgmt', { db, csl });
  const body = (await response.json()) as { Tables: V1Table[]; error?: { '@message': string } };
  if (body.error !== undefined) {
    throw new Error(`${response.status}: ${body.error['@message']}`);
  }
  return rowsOf(body.Tables[0] as V1Table);
}

export function rowsOf(table: V1Table): Record<string, unknown>[] {
  return table.Rows.map((row) =>
    Object.fromEntries(table.Columns.map(({ ColumnName }, at) => [ColumnName, row[at]])),
  );
}
