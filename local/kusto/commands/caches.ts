import { entityNotFound } from '../catalog/errors.js';
import { onDatabase, onTables } from './entities.js';
import { columns, resultTable } from './results.js';
import type { CommandDefinition, CommandPlan } from './types.js';

const STATUS = columns('NodeId, Status');
const DONE = resultTable(STATUS, [['KEngine000000', 'Succeeded']]);

/** Nothing is cached: policies and schemas act at once. The commands check what they name and answer. */
const clearOfTable: CommandDefinition = {
  pattern: 'clear table {table} cache streamingingestion schema',
  kind: 'TableClearStreamingIngestionSchemaCache',
  parse(_reader, { names }, request): CommandPlan {
    const table = names['table'] as string;
    return {
      access: onTables('ingestor', request, [table]),
      run: async ({ catalog }) => {
        if (catalog.table(request.database, table) === undefined) {
          throw entityNotFound('Table', table);
        }
        return DONE;
      },
    };
  },
};

const clearOfDatabase: CommandDefinition = {
  pattern: 'clear database cache streamingingestion schema',
  kind: 'DatabaseClearStreamingIngestionSchemaCache',
  parse: (_reader, _matched, request): CommandPlan => ({
    access: onDatabase('ingestor', request),
    run: async () => DONE,
  }),
};

/** Commands that make caches forget. */
export const CACHE_COMMANDS: readonly CommandDefinition[] = [clearOfTable, clearOfDatabase];
