import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createQueryEngine } from '../../../local/kusto/query/engine.js';
import type { KustoServer, KustoServerOptions } from '../../../local/kusto/server/server.js';
import { command, post, rowsOf, startEngine, type V1Table } from '../kusto-server/engine.js';

type Row = Record<string, unknown>;

/** A local Kusto of one test. */
export interface World {
  readonly server: KustoServer;
  /** Runs commands one after the other. @returns the rows of the last */
  run(...commands: readonly string[]): Promise<Row[]>;
  query(csl: string): Promise<Row[]>;
  /** Extent ids of a table, in the order of the answer. */
  ids(table: string): Promise<string[]>;
  /** The numbers of column `n`, sorted. */
  numbers(table: string): Promise<number[]>;
  fault(rule: object): Promise<void>;
  advance(ms: number): Promise<void>;
  /** Waits until an operation is over. @returns its row */
  settled(csl: string): Promise<Row>;
}

export async function openWorld(t: TestContext, options: Partial<KustoServerOptions> = {}): Promise<World> {
  const server = await startEngine(t, { queryEngine: createQueryEngine(), ...options });
  return worldOf(server);
}

function worldOf(server: KustoServer): World {
  const run = async (...commands: readonly string[]) => {
    let rows: Row[] = [];
    for (const csl of commands) {
      rows = await command(server, csl);
    }
    return rows;
  };
  const query = async (csl: string) => {
    const response = await post(server, '/v1/rest/query', { db: 'Samples', csl });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return rowsOf((JSON.parse(text) as { Tables: [V1Table] }).Tables[0]);
  };
  const fault = async (rule: object) => {
    const response = await fetch(`${server.admin}/faults`, { method: 'POST', body: JSON.stringify(rule) });
    assert.equal(response.status, 200, await response.text());
  };
  return {
    ...{ server, run, query, fault },
    ids: async (table) => (await run(`.show table ${table} extents`)).map((row) => String(row['ExtentId'])),
    numbers: async (table) => (await query(`${table} | project n | sort by n asc`)).map(({ n }) => Number(n)),
    advance: (delayMs) => fault({ target: 'clock', action: 'advance', delayMs }),
    settled: async (csl) => {
      const id = String((await run(csl))[0]?.['OperationId']);
      for (;;) {
        const [row] = await run(`.show operations ${id}`);
        if (row !== undefined && row['State'] !== 'InProgress') {
          return row;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

/** Two tables of one shape, and `count` extents with one number each in the first. */
export async function twoTables(world: World, count: number): Promise<void> {
  await world.run('.create table A (n: long)', '.create table B (n: long)');
  for (let n = 1; n <= count; n += 1) {
    await world.run(`.append A with (tags = '["drop-by:${n}"]') <| print n = ${n}`);
  }
}
