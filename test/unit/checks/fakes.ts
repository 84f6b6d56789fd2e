import { passed } from '../../../src/checks/codes.js';
import type { CheckDeps } from '../../../src/checks/run-checks.js';
import type { KustoClient, KustoTable } from '../../../src/kusto/ports.js';
import { KfError } from '../../../src/runtime/errors.js';
import type { BlobStore, TableStore } from '../../../src/storage/ports.js';

/** Columns by name and one row per entry. */
export function table(...rows: readonly Readonly<Record<string, unknown>>[]): KustoTable {
  const names = Object.keys(rows[0] ?? {});
  return {
    columns: names.map((name) => ({ name, type: 'string' })),
    rows: rows.map((row) => names.map((name) => row[name])),
  };
}

export type Answer = readonly [RegExp, KustoTable | Error];

export interface FakeKusto extends KustoClient {
  readonly sent: string[];
}

/** Answers each command with the first pattern that fits it; an unknown command is a permanent error. */
export function fakeKusto(answers: readonly Answer[]): FakeKusto {
  const sent: string[] = [];
  const command = async (database: string, text: string): Promise<KustoTable> => {
    sent.push(`${database}: ${text}`);
    const found = answers.find(([pattern]) => pattern.test(text))?.[1];
    if (found === undefined || found instanceof Error) {
      throw found ?? new KfError('KUSTO_PERMANENT', `unknown command ${text}`);
    }
    return found;
  };
  return { sent, command, query: command, ingestCommand: command };
}

export const forbidden = new KfError('KUSTO_FORBIDDEN', 'the role is missing');

/** The answers of a cluster on which everything is as it should be. */
export const healthy: readonly Answer[] = [
  [/^\.show version/, table({ ServiceType: 'DataManagement' })],
  [/^\.show tables/, table({ TableName: 'T' }, { TableName: 'U' })],
  [
    /schema as json/,
    table({
      Schema: JSON.stringify({
        OrderedColumns: [
          { Name: 'a', CslType: 'long' },
          { Name: '_o', CslType: 'string' },
        ],
      }),
    }),
  ],
  [
    /^\.show table .* mappings/,
    table({
      Name: 'M',
      Kind: 'Json',
      Mapping: JSON.stringify([
        { Column: 'a', Properties: { Path: '$.a' } },
        { column: '_o', path: "$['_o']", datatype: '' },
      ]),
    }),
  ],
  [
    /^\.show database .* mappings/,
    table({ Name: 'Shared', Mapping: '[{"Column":"a","Properties":{"Path":"$.a"}}]' }),
  ],
  [/principal roles/, table({ Scope: 'D', Role: 'Database Ingestor' })],
  [/policy streamingingestion/, table({ Policy: '{"IsEnabled": true}' })],
  [/policy ingestionbatching/, table({ Policy: '{"MaximumBatchingTimeSpan": "00:00:30"}' })],
  [/\.get ingestion resources/, table({ ResourceTypeName: 'TempStorage' })],
];

export function fakeDeps(client: KustoClient, more: Partial<CheckDeps> = {}): CheckDeps {
  const probe = async (): Promise<void> => undefined;
  return {
    client,
    blobs: { probe } as unknown as BlobStore,
    tables: { probe } as unknown as TableStore,
    network: { reach: async (url) => passed(`network ${new URL(url).host}`) },
    newId: () => 'id',
    ...more,
  };
}
