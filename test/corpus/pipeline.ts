import { kustoCommand, type Stack, startStack } from '../helpers/stack.js';
import type { EventCase } from './case.js';

export const database = 'Corpus';

/**
 * Few events an invocation, because its time stands for that of its slowest record; the rest at its defaults, so that
 * the limits on trial are those that users have.
 */
const pipeline = `
kusto: { cluster: "%KUSTO_CLUSTER%", auth: { kind: none } }
sources:
  - name: json
    eventHub: { connection: EVENTHUB, name: json }
    route: { database: ${database}, table: JsonRows, format: json, mapping: whole, columns: { _p: properties } }
  - name: csv
    eventHub: { connection: EVENTHUB, name: csv }
    route: { database: ${database}, table: CsvRows, format: csv, dynamic: { allow: ["${database}.*"] } }
  - name: avro
    eventHub: { connection: EVENTHUB, name: avro }
    route: { database: ${database}, table: AvroRows, format: avro }
http: { tables: ["${database}.*"] }
settle: { everyMs: 1000 }
`;

/** Name of the table of a case that has one of its own. */
export function ownTable({ id }: EventCase): string {
  return `T_${id.replace(/[^A-Za-z0-9]/g, '_')}`;
}

export async function startApp(cases: readonly EventCase[]): Promise<Stack> {
  const stack = await startStack({
    pipeline,
    hubs: 'json:1,csv:1,avro:1',
    eventHubs: { maxEventBatchSize: 4, prefetchCount: 100 },
    kustoArgs: ['--databases', database],
    hosts: 0,
  });
  try {
    const mapping = [
      { column: 'case', Properties: { Path: '$._p.case' } },
      { column: 'value', Properties: { Path: '$.value' } },
      { column: 'record', Properties: { Path: '$' } },
      { column: 'properties', Properties: { Path: '$._p' } },
    ];
    const commands = [
      `.alter database ${database} policy ingestionbatching '{"MaximumBatchingTimeSpan":"00:00:10"}'`,
      '.create table JsonRows (case:string, value:string, record:string, properties:dynamic)',
      `.create table JsonRows ingestion json mapping "whole" '${JSON.stringify(mapping)}'`,
      '.create table CsvRows (case:string, s:string)',
      '.create table AvroRows (case:string, value:string)',
      '.create table HttpRows (case:string, value:string)',
      '.create table HttpLines (value:string)',
      ...cases
        .filter(({ ownColumns }) => ownColumns !== undefined)
        .map((one) => {
          const columns = Array.from({ length: one.ownColumns as number }, (_, at) => `c${at}:string`);
          return `.create table ${ownTable(one)} (${columns.join(', ')})`;
        }),
    ];
    for (const command of commands) {
      await kustoCommand(stack, database, command);
    }
    const host = await stack.startHost();
    const health = await fetch(new URL('/api/health', host.ready.url));
    if (!health.ok) {
      throw new Error(`the app is not well: ${await health.text()}`);
    }
    return stack;
  } catch (error) {
    await stack.stop();
    throw error;
  }
}
