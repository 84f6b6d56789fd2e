import { entityNotFound } from '../catalog/errors.js';
import { onMetadata } from './entities.js';
import { columns, resultTable } from './results.js';
import type { CommandDefinition } from './types.js';

const EXPORTS = columns(
  'Name, ExternalTableName, Query, ForcedLatency:timespan, IntervalBetweenRuns:timespan, CursorScopedTables, ' +
    'ExportProperties, LastRunTime:datetime, StartCursor, IsDisabled:bool, LastRunResult, ExportedTo:datetime, ' +
    'IsRunning:bool',
);

/** There are none, since none can be created: clients ask before they move extents into a table. */
const showAll: CommandDefinition = {
  pattern: 'show continuous-exports',
  kind: 'ContinuousExportsShow',
  parse: (_reader, _matched, request) => ({
    access: onMetadata(request),
    run: async () => resultTable(EXPORTS, []),
  }),
};

const showOne: CommandDefinition = {
  pattern: 'show continuous-export {export}',
  kind: 'ContinuousExportShow',
  parse: (_reader, { names }, request) => ({
    access: onMetadata(request),
    run: async () => {
      throw entityNotFound('ContinuousExport', names['export'] as string);
    },
  }),
};

/** Continuous exports as far as clients look for them. */
export const CONTINUOUS_EXPORT_COMMANDS: readonly CommandDefinition[] = [showAll, showOne];
