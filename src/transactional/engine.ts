import * as commands from '../kusto/commands.js';
import * as load from '../kusto/load-commands.js';
import type { KustoTable } from '../kusto/ports.js';
import { type Columns, orderedColumnsOf, policyOf, type Row, rowsOf } from '../kusto/rows.js';
import { KfError } from '../runtime/errors.js';
import type { LoadDeps } from './ports.js';
import type { Load } from './types.js';

/** Longest time for one command; asynchronous ones answer at once. */
const COMMAND_TIMEOUT_MS = 60_000;

/** The cluster as one step of one load asks it; every call carries the load's id as ClientActivityId. */
export interface Engine {
  command(text: string, clientRequestId?: string): Promise<Row[]>;
  /** On the ingest endpoint. */
  ingestCommand(text: string): Promise<Row[]>;
  /** In order; undefined when there is no such table. Hidden tables count. */
  columns(table: string): Promise<Columns | undefined>;
  /** The table's policy, or its database's; undefined when neither has one. */
  policy(table: string, policy: load.LoadPolicy): Promise<Row | undefined>;
  /** The elements of a mapping of the table, when there is one, or its database, as JSON text. */
  mapping(table: string | undefined, kind: string, name: string): Promise<string | undefined>;
  /** Extents and rows of a table that have this whole tag. */
  tagged(table: string, tag: string): Promise<{ readonly extents: number; readonly rows: number }>;
}

/** The service's own word that an entity is not there. */
function isMissing(error: unknown): boolean {
  if (!(error instanceof KfError) || error.code !== 'KUSTO_PERMANENT') return false;
  return /EntityNotFound|TableNotExist|not found|does not exist/i.test(
    `${error.serviceCode ?? ''} ${error.message}`,
  );
}

/** For what is asked of an entity that may be gone: then this. */
export function noneIfMissing<T>(none: T): (error: unknown) => T {
  return (error) => {
    if (isMissing(error)) return none;
    throw error;
  };
}

/** The client request ids of a load begin so; people find its commands by its id. */
export const clientRequestIdOf = (id: string, rest: string): string => `KF.load;${id};${rest}`;

export function engineOf(
  deps: Pick<LoadDeps, 'kusto' | 'clock'>,
  { id, options }: Pick<Load, 'id' | 'options'>,
  signal: AbortSignal,
): Engine {
  const { database, table: target } = options;
  const newId = (): string => clientRequestIdOf(id, deps.clock.newId());
  const call = async (
    run: (clientRequestId: string) => Promise<KustoTable>,
    given?: string,
  ): Promise<Row[]> => {
    try {
      return rowsOf(await run(given ?? newId()));
    } catch (error) {
      throw withRights(error, database, target);
    }
  };
  const withId = (clientRequestId: string) => ({ clientRequestId, timeoutMs: COMMAND_TIMEOUT_MS, signal });
  const command: Engine['command'] = (text, given) =>
    call((requestId) => deps.kusto.command(database, text, withId(requestId)), given);
  return {
    command,
    ingestCommand: (text) => call((requestId) => deps.kusto.ingestCommand(database, text, withId(requestId))),
    columns: async (table) => {
      const text = commands.showTableSchema({ database, name: table });
      const [row] = await command(text).catch(noneIfMissing<Row[]>([]));
      return row === undefined ? undefined : orderedColumnsOf(row['schema']);
    },
    policy: async (table, policy) => {
      const ask = async (text: string): Promise<Row | undefined> =>
        policyOf(await deps.kusto.command(database, text, withId(newId())));
      const own = await ask(load.showPolicy(table, policy));
      return (
        own ??
        (policy === 'row_level_security' ? undefined : ask(load.showDatabasePolicyOf(database, policy)))
      );
    },
    mapping: async (table, kind, name) => {
      const own =
        table === undefined ? [] : await command(commands.showTableMappings({ database, name: table }, kind));
      const shared = await command(commands.showDatabaseMappings(database, kind)).catch((): Row[] => []);
      const found = [...own, ...shared].find((row) => row['name'] === name)?.['mapping'];
      return found === undefined ? undefined : typeof found === 'string' ? found : JSON.stringify(found);
    },
    tagged: async (table, tag) => {
      const [row] = await command(load.countTagged(table, tag));
      return { extents: Number(row?.['extents'] ?? 0), rows: Number(row?.['rows'] ?? 0) };
    },
  };
}

/** Says which roles a load needs, where the service only says no. */
export function withRights(error: unknown, database: string, table: string): unknown {
  if (!(error instanceof KfError) || error.code !== 'KUSTO_FORBIDDEN') return error;
  const needs =
    `a load needs Database User and Database Viewer on ${database}, Table Ingestor and Table Admin on ${table}: ` +
    `.add table ['${table}'] admins ('aadapp=CLIENT_ID;TENANT_ID')`;
  return new KfError('KUSTO_FORBIDDEN', `${error.message}; ${needs}`, {
    ...(error.serviceCode === undefined ? {} : { serviceCode: error.serviceCode }),
    fields: error.fields,
  });
}
