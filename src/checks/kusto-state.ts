import * as commands from '../kusto/commands.js';
import type { KustoClient, KustoTable } from '../kusto/ports.js';
import { columnsOf, parseJson, policyOf, type Row, rowsOf } from '../kusto/rows.js';
import { KfError } from '../runtime/errors.js';

/** Longest time for one command of a check. */
const commandTimeoutMs = 20_000;

export interface MappingState {
  readonly name: string;
  readonly columns: readonly Row[];
}

/** What is there now, as the checks and `apply` ask for it; each question is asked once. */
export interface KustoState {
  tables(database: string): Promise<ReadonlySet<string>>;
  /** Column → type, in order. */
  columns(target: commands.TableName): Promise<Readonly<Record<string, string>>>;
  /** Mappings of the table, then of its database. */
  mappings(target: commands.TableName, kind: string): Promise<readonly MappingState[]>;
  /** The table's own policy; undefined when it is not set. */
  tablePolicy(target: commands.TableName, policy: commands.PolicyName): Promise<Row | undefined>;
  databasePolicy(database: string, policy: commands.PolicyName): Promise<Row | undefined>;
  roles(target: commands.TableName): Promise<readonly string[]>;
}

function lowerKeys(value: object): Row {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.toLowerCase(), item]));
}

/** One mapping element, flattened: older ones hold path and transform beside the column, newer ones in Properties. */
function element(value: unknown): Row[] {
  if (value === null || typeof value !== 'object') {
    return [];
  }
  const outer = lowerKeys(value);
  const inner = outer['properties'];
  const flat = inner !== null && typeof inner === 'object' ? { ...outer, ...lowerKeys(inner) } : outer;
  const { properties: _, name, ...rest } = flat as Record<string, unknown>;
  return [{ ...rest, column: rest['column'] ?? name }];
}

function mappingsOf(table: KustoTable): MappingState[] {
  return rowsOf(table).map((row) => {
    const elements = parseJson(row['mapping']);
    return { name: String(row['name']), columns: Array.isArray(elements) ? elements.flatMap(element) : [] };
  });
}

function once<T>(): (key: string, ask: () => Promise<T>) => Promise<T> {
  const asked = new Map<string, Promise<T>>();
  return (key, ask) => {
    const known = asked.get(key) ?? ask();
    asked.set(key, known);
    return known;
  };
}

export function readKustoState(client: KustoClient): KustoState {
  const run = (database: string, text: string): Promise<KustoTable> =>
    client.command(database, text, { timeoutMs: commandTimeoutMs });
  const tablesOnce = once<ReadonlySet<string>>();
  const policyOnce = once<Row | undefined>();
  return {
    tables: (database) =>
      tablesOnce(database, async () => {
        const rows = rowsOf(await run(database, commands.showTables));
        return new Set(rows.map((row) => String(row['tablename'])));
      }),
    columns: async (target) => {
      const [row] = rowsOf(await run(target.database, commands.showTableSchema(target)));
      return columnsOf(row?.['schema']);
    },
    mappings: async (target, kind) => {
      const own = mappingsOf(await run(target.database, commands.showTableMappings(target, kind)));
      const shared = await run(target.database, commands.showDatabaseMappings(target.database, kind)).catch(
        (): KustoTable => ({ columns: [], rows: [] }),
      );
      return [...own, ...mappingsOf(shared)];
    },
    tablePolicy: async (target, policy) =>
      policyOf(await run(target.database, commands.showTablePolicy(target, policy))),
    databasePolicy: (database, policy) =>
      policyOnce(`${policy} ${database}`, async () =>
        policyOf(await run(database, commands.showDatabasePolicy(database, policy))),
      ),
    roles: async (target) => {
      const rows = rowsOf(await run(target.database, commands.showTableRoles(target)));
      return rows.map((row) => String(row['role']));
    },
  };
}

/** The message of whatever was thrown, with the service's code. */
export function told(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof KfError && error.serviceCode !== undefined && !message.includes(error.serviceCode)
    ? `${message} (${error.serviceCode})`
    : message;
}

export const isForbidden = (error: unknown): boolean =>
  error instanceof KfError && error.code === 'KUSTO_FORBIDDEN';
