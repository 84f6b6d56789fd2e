import type { ServiceCommand } from '../server/types.js';
import { rowSetFromRows } from '../store/row-set.js';
import type { ColumnSchema, RowSet } from '../store/types.js';
import type { OwnStorage } from './own-storage.js';

function table(columns: readonly string[], rows: readonly (readonly string[])[]): RowSet {
  const schema = columns.map((name): ColumnSchema => ({ name, type: 'string' }));
  return rowSetFromRows(schema, rows);
}

/** The commands through which clients find storage; Java reads their columns by position. */
export function createServiceCommands(storage: () => OwnStorage): readonly ServiceCommand[] {
  return [
    {
      pattern: 'get ingestion resources',
      kind: 'IngestionResourcesGet',
      run: async () =>
        table(
          ['ResourceTypeName', 'StorageRoot'],
          storage()
            .resources()
            .map(({ type, root }) => [type, root]),
        ),
    },
    {
      pattern: 'get kusto identity token',
      kind: 'KustoIdentityTokenGet',
      run: async () => table(['AuthorizationContext'], [[storage().identityToken]]),
    },
    {
      pattern: 'show export containers',
      kind: 'ExportContainersShow',
      run: async () =>
        table(
          ['StorageRoot'],
          storage()
            .exportContainers()
            .map((root) => [root]),
        ),
    },
    {
      pattern: 'create tempstorage',
      kind: 'TempStorageCreate',
      run: async () => table(['StorageRoot'], [[storage().tempContainers()[0]!]]),
    },
    {
      // The batching policy is read from the catalogue for every source, so there is no cache to refresh.
      pattern: 'refresh database {database} table {table} cache ingestionbatchingpolicy',
      kind: 'IngestionBatchingPolicyCacheRefresh',
      run: async () => table(['Status'], [['Completed']]),
    },
  ];
}
