import { openCatalog } from '../../../local/kusto/catalog/open.js';
import type { CatalogStore } from '../../../local/kusto/catalog/store.js';
import { COMMANDS, COMMANDS_WITHOUT_MOVE } from '../../../local/kusto/commands/all.js';
import { Operations } from '../../../local/kusto/commands/operations.js';
import { Runner } from '../../../local/kusto/commands/run.js';
import { StreamingLog } from '../../../local/kusto/commands/streaming-log.js';
import { createClock } from '../../../local/kusto/faults/clock.js';
import { FaultEngine } from '../../../local/kusto/faults/engine.js';
import { decode } from '../../../local/kusto/ingest/decode.js';
import { createQueryEngine } from '../../../local/kusto/query/engine.js';
import { asKustoError, errorBody } from '../../../local/kusto/server/error-body.js';
import { Principals } from '../../../local/kusto/server/principals.js';
import { encodeV1 } from '../../../local/kusto/server/wire-v1.js';
import { readV1 } from '../../../src/kusto/answers.js';
import { classifyAnswer } from '../../../src/kusto/classify.js';
import type { CallOptions, KustoClient } from '../../../src/kusto/ports.js';

export const DATABASE = 'Db';

/** The local Kusto without HTTP: its commands, its answers and its errors as they go over the wire. */
export interface LocalEngine {
  readonly client: KustoClient;
  readonly faults: FaultEngine;
  /** One number of every row of a table, sorted; undefined when there is no such table. */
  numbers(table: string, column: string): readonly number[] | undefined;
  /** Tags of all extents of a table. */
  tags(table: string): readonly string[];
  tables(): readonly string[];
}

interface EngineOptions {
  readonly now: () => number;
  readonly refusesMoves: boolean;
}

export async function openLocalEngine({ now, refusesMoves }: EngineOptions): Promise<LocalEngine> {
  const clock = createClock(now);
  const faults = new FaultEngine(clock);
  const { catalog } = await openCatalog(clock);
  const operations = new Operations({ clock, faults });
  const principal = new Principals().authenticate(undefined);
  const runner = new Runner({
    definitions: refusesMoves ? COMMANDS_WITHOUT_MOVE : COMMANDS,
    ...{ catalog, clock, faults, operations, decode },
    server: { startedOn: clock.now(), address: 'local', rolesInUse: () => [] },
    queryEngine: createQueryEngine(),
    streaming: new StreamingLog(),
  });
  await addDatabase(catalog);
  let activities = 0;
  const call = async (database: string, text: string, options: CallOptions = {}) => {
    const activityId = `00000000-0000-4000-9000-${String(++activities).padStart(12, '0')}`;
    const clientRequestId = options.clientRequestId ?? `unspecified;${activityId}`;
    const context = { clientRequestId, activityId };
    try {
      options.signal?.throwIfAborted();
      const request = { database, text, principal, ...context, application: 'test', options: {} };
      const result = await runner.execute(request);
      return readV1([...encodeV1(result, { ...context, now: clock.now() })].join(''), text);
    } catch (thrown) {
      const error = asKustoError(thrown);
      const body = errorBody(error, { ...context, timestamp: new Date(now()).toISOString() });
      throw classifyAnswer({ status: error.status, headers: {}, text: body }, text.slice(0, 60));
    }
  };
  const client = withoutExports(call);
  return {
    client: { command: client, query: client, ingestCommand: ingestEndpoint(client) },
    faults,
    numbers: (table, column) => numbersIn(catalog, table, column),
    tags: (table) => (catalog.table(DATABASE, table)?.extents ?? []).flatMap((extent) => [...extent.tags]),
    tables: () => catalog.tables(DATABASE).map(({ name }) => name),
  };
}

/** The data-management role knows the refresh of its cache; nothing else is sent there. */
function ingestEndpoint(call: KustoClient['command']): KustoClient['command'] {
  return (database, text, options) =>
    text.startsWith('.refresh') ? call(database, '.show version', options) : call(database, text, options);
}

/** The local Kusto knows no continuous exports: that there are none is said for it. */
function withoutExports(call: KustoClient['command']): KustoClient['command'] {
  return async (database, text, options) =>
    text === '.show continuous-exports' ? { columns: [], rows: [] } : call(database, text, options);
}

async function addDatabase(catalog: CatalogStore): Promise<void> {
  const value = { name: DATABASE, id: DATABASE, createdOn: catalog.now(), policies: new Map() };
  await catalog.transact(() => ({
    changes: [{ kind: 'putDatabase', value: { ...value, mappings: [], roles: [] } }],
    result: undefined,
  }));
}

function numbersIn(catalog: CatalogStore, table: string, column: string): number[] | undefined {
  const numbers = catalog.table(DATABASE, table)?.extents.flatMap((extent) => {
    const cells = extent.columns.get(column);
    return Array.from({ length: extent.rowCount }, (_, row) => Number(cells?.get(row)));
  });
  return numbers?.sort((a, b) => a - b);
}
