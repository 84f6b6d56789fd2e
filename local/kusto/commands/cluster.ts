import { cpus, freemem, totalmem } from 'node:os';
import { columns, resultTable, resultTableOf } from './results.js';
import type { CommandContext, CommandDefinition } from './types.js';

const VERSION = columns('BuildVersion, BuildTime:datetime, ServiceType, ProductVersion');
const CLUSTER = columns(
  'NodeId, Address, Name, StartTime:datetime, IsAdmin:bool, MachineTotalMemory:long, MachineAvailableMemory:long, ' +
    'ProcessorCount:int, EnvironmentDescription',
);
const CAPACITY = columns('Resource, Total:long, Consumed:long, Remaining:long');
const DIAGNOSTICS = columns(
  'IsHealthy:bool, EnvironmentDescription, IsScaleOutRequired:bool, MachinesTotal:int, MachinesOffline:int, ' +
    'NodeLastRestartedOn:datetime, AdminLastElectedOn:datetime, ExtentsTotal:int, TotalOriginalDataSize:real, ' +
    'TotalExtentSize:real, IngestionsLoadFactor:real, IngestionsInProgress:long, IngestionsSuccessRate:real, ' +
    'MergesInProgress:long, BuildVersion, BuildTime:datetime, ProductVersion, NumberOfDatabases:int, ' +
    'ExportsInProgress:long, NotHealthyReason, IsAttentionRequired:bool, AttentionRequiredReason',
);
/** Concurrent operations of one resource that `.show capacity` tells of. */
const CAPACITY_SLOTS = 8n;
const RESOURCES: Readonly<Record<string, string>> = {
  ingestions: 'Ingestions',
  'extents-merge': 'Merges',
  'data-export': 'DataExport',
  'extents-partition': 'ExtentsPartition',
  'table-purge': 'Purges',
  'materialized-view': 'MaterializedViews',
  'stored-query-results': 'StoredQueryResults',
};
const BUILD_VERSION = '1.0.0.0';
const PRODUCT = 'kusto-local';

const showVersion: CommandDefinition = {
  pattern: 'show version',
  kind: 'VersionShow',
  parse: () => ({
    access: [],
    run: async ({ server }) => resultTable(VERSION, [[BUILD_VERSION, server.startedOn, 'Engine', PRODUCT]]),
  }),
};

const showCluster: CommandDefinition = {
  pattern: 'show cluster [details]',
  kind: 'ClusterShow',
  parse: () => ({
    access: [],
    run: async ({ server }) =>
      resultTableOf(CLUSTER, [
        {
          NodeId: 'KEngine000000',
          Address: server.address,
          Name: 'Local',
          StartTime: server.startedOn,
          IsAdmin: true,
          MachineTotalMemory: BigInt(totalmem()),
          MachineAvailableMemory: BigInt(freemem()),
          ProcessorCount: cpus().length,
          EnvironmentDescription: '{}',
        },
      ]),
  }),
};

const showCapacity: CommandDefinition = {
  pattern: 'show capacity',
  kind: 'CapacityShow',
  parse(reader) {
    const wanted = reader.tryOneOf(Object.keys(RESOURCES));
    const chosen = wanted === undefined ? Object.values(RESOURCES) : [RESOURCES[wanted] as string];
    return {
      access: [],
      run: async ({ operations }) => {
        const used = BigInt(Math.min(operations.inProgress, Number(CAPACITY_SLOTS)));
        return resultTable(
          CAPACITY,
          chosen.map((name) => {
            const consumed = name === 'Ingestions' ? used : 0n;
            return [name, CAPACITY_SLOTS, consumed, CAPACITY_SLOTS - consumed];
          }),
        );
      },
    };
  },
};

const showDiagnostics: CommandDefinition = {
  pattern: 'show diagnostics',
  kind: 'DiagnosticsShow',
  parse: () => ({
    access: [],
    run: async (context) => resultTableOf(DIAGNOSTICS, [diagnostics(context)]),
  }),
};

function diagnostics({ catalog, operations, server }: CommandContext) {
  const extents = catalog
    .databases()
    .flatMap((database) => catalog.tables(database))
    .flatMap((table) => table.extents);
  const originalSize = extents.reduce((total, extent) => total + extent.originalSize, 0);
  return {
    ...{ IsHealthy: true, IsScaleOutRequired: false, IsAttentionRequired: false },
    EnvironmentDescription: '{}',
    ...{ MachinesTotal: 1, MachinesOffline: 0 },
    ...{ NodeLastRestartedOn: server.startedOn, AdminLastElectedOn: server.startedOn },
    ExtentsTotal: extents.length,
    TotalOriginalDataSize: originalSize,
    TotalExtentSize: originalSize,
    IngestionsLoadFactor: 0,
    IngestionsInProgress: BigInt(operations.inProgress),
    IngestionsSuccessRate: 100,
    ...{ MergesInProgress: 0n, ExportsInProgress: 0n },
    ...{ BuildVersion: BUILD_VERSION, BuildTime: server.startedOn, ProductVersion: PRODUCT },
    NumberOfDatabases: catalog.databases().length,
  };
}

/** What the process tells of itself. */
export const CLUSTER_COMMANDS: readonly CommandDefinition[] = [
  showVersion,
  showCluster,
  showCapacity,
  showDiagnostics,
];
