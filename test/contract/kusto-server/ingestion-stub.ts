import { columns, resultTable } from '../../../local/kusto/commands/results.js';
import type { IngestionServiceFactory, StreamingIngestRequest } from '../../../local/kusto/server/types.js';

/** An ingestion service that notes what reaches it and has one command of its own. */
export function notingIngestion(seen: StreamingIngestRequest[] = []): IngestionServiceFactory {
  return () => ({
    commands: [
      {
        pattern: 'get ingestion resources',
        kind: 'IngestionResourcesGet',
        run: async () => resultTable(columns('ResourceTypeName, StorageRoot'), []),
      },
    ],
    streamingIngest: async (request) => {
      seen.push(request);
      return resultTable(columns('ConsumedRecordsCount:long'), [[1n]]);
    },
    ingestionRest: async ({ segments, body }) => ({ segments, body }),
    readSource: async () => new Uint8Array(),
    start: async () => undefined,
    stop: async () => undefined,
  });
}
