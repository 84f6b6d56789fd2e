import type { IngestionFailure } from '../catalog/types.js';
import type { Cell, RowSet } from '../store/types.js';
import { TICKS_PER_DAY } from '../values/datetime.js';
import type { Activity } from './activity-log.js';
import { columns, jsonCell, resultTable, resultTableOf } from './results.js';
import type { CommandContext, CommandDefinition, CommandPlan } from './types.js';

const QUERIES = columns(
  'ClientActivityId, Text, Database, StartedOn:datetime, LastUpdatedOn:datetime, Duration:timespan, State, ' +
    'RootActivityId:guid, User, FailureReason, TotalCpu:timespan, CacheStatistics:dynamic, Application, ' +
    'MemoryPeak:long, ScannedExtentsStatistics:dynamic, Principal, ClientRequestProperties:dynamic, ' +
    'ResultSetStatistics:dynamic, WorkloadGroup, OverallQueryStats, VirtualCluster',
);
const COMMANDS = columns(
  'ClientActivityId, CommandType, Text, Database, StartedOn:datetime, LastUpdatedOn:datetime, Duration:timespan, ' +
    'State, RootActivityId:guid, User, FailureReason, Application, Principal, TotalCpu:timespan, ' +
    'ResourcesUtilization:dynamic, ClientRequestProperties:dynamic, WorkloadGroup, VirtualCluster',
);
const BOTH = columns(
  'ClientActivityId, CommandType, Text, Database, StartedOn:datetime, LastUpdatedOn:datetime, Duration:timespan, ' +
    'State, FailureReason, RootActivityId:guid, User, Application, Principal, ClientRequestProperties:dynamic, ' +
    'TotalCpu:timespan, MemoryPeak:long, CacheStatistics:dynamic, ScannedExtentsStatistics:dynamic, ' +
    'ResultSetStatistics:dynamic, WorkloadGroup, VirtualCluster',
);
const FAILURES = columns(
  'OperationId:guid, Database, Table, FailedOn:datetime, IngestionSourcePath, Details, FailureKind, ' +
    'RootActivityId:guid, OperationKind, OriginatesFromUpdatePolicy:bool, ErrorCode, Principal, ShouldRetry:bool, ' +
    'User, IngestionProperties',
);
const STREAMING_FAILURES = columns(
  'Database, Table, Principal, RootActivityId:guid, IngestionProperties:dynamic, Count:long, ' +
    'FirstFailureOn:datetime, LastFailureOn:datetime, FailureKind, ErrorCode, Details',
);
/** Queries and commands are shown for this long. */
const ACTIVITY_LIFETIME = 30n * TICKS_PER_DAY;
/** Failures are shown for this long. */
const FAILURE_LIFETIME = 14n * TICKS_PER_DAY;

function activityRow(activity: Activity): Record<string, Cell> {
  const { startedOn, lastUpdatedOn } = activity;
  return {
    ClientActivityId: activity.clientRequestId,
    CommandType: activity.kind,
    Text: activity.text,
    Database: activity.database,
    StartedOn: startedOn,
    LastUpdatedOn: lastUpdatedOn,
    Duration: lastUpdatedOn - startedOn,
    State: activity.state,
    RootActivityId: activity.activityId,
    FailureReason: activity.failureReason,
    Application: activity.application,
    Principal: activity.principal,
    ClientRequestProperties: jsonCell({}),
    WorkloadGroup: 'default',
  };
}

function activityCommand(
  pattern: string,
  schema: typeof QUERIES,
  choose: (context: CommandContext) => readonly Activity[],
): CommandDefinition {
  return {
    pattern,
    kind: 'ActivityShow',
    parse: (_reader, _matched, request): CommandPlan => ({
      access: [],
      run: async (context) => {
        const canSeeAll = (database: string) => request.principal.holds({ role: 'monitor', database });
        const since = context.clock.now() - ACTIVITY_LIFETIME;
        const visible = choose(context).filter(
          ({ principal, database, lastUpdatedOn }) =>
            lastUpdatedOn > since && (principal === request.principal.name || canSeeAll(database)),
        );
        return resultTableOf(schema, visible.map(activityRow));
      },
    }),
  };
}

function failureRow(failure: IngestionFailure): Cell[] {
  const { operationId, database, table, failedOn, ingestionSourcePath, details, failureKind } = failure;
  return [
    ...[operationId, database, table, failedOn, ingestionSourcePath, details, failureKind],
    ...[failure.rootActivityId, failure.operationKind, false, failure.errorCode, '', failure.shouldRetry],
    ...['', failure.ingestionProperties],
  ];
}

function isStreaming({ operationKind }: IngestionFailure): boolean {
  return operationKind.toLowerCase().includes('stream');
}

function visibleFailures({ catalog, request }: CommandContext): readonly IngestionFailure[] {
  const now = catalog.now();
  return catalog
    .failures()
    .filter(
      ({ failedOn, database }) =>
        now - failedOn < FAILURE_LIFETIME && request.principal.holds({ role: 'monitor', database }),
    );
}

const showFailures: CommandDefinition = {
  pattern: 'show ingestion failures',
  kind: 'IngestionFailuresShow',
  parse(reader): CommandPlan {
    const id = reader.properties().get('operationid')?.toLowerCase();
    return {
      access: [],
      run: async (context) => {
        const failures = visibleFailures(context).filter(
          (failure) => !isStreaming(failure) && (id === undefined || failure.operationId === id),
        );
        return resultTable(FAILURES, failures.map(failureRow));
      },
    };
  },
};

/** Failures of the same table, code and kind count as one line. */
function streamingFailureRows(failures: readonly IngestionFailure[]): RowSet {
  const groups = new Map<string, IngestionFailure[]>();
  for (const failure of failures) {
    const key = JSON.stringify([failure.database, failure.table, failure.errorCode, failure.failureKind]);
    groups.set(key, [...(groups.get(key) ?? []), failure]);
  }
  const rows = [...groups.values()].map((group): Cell[] => {
    const first = group[0] as IngestionFailure;
    const last = group.at(-1) as IngestionFailure;
    return [
      ...[first.database, first.table, '', first.rootActivityId, jsonCell({}), BigInt(group.length)],
      ...[first.failedOn, last.failedOn, last.failureKind, last.errorCode, last.details],
    ];
  });
  return resultTable(STREAMING_FAILURES, rows);
}

const showStreamingFailures: CommandDefinition = {
  pattern: 'show streamingingestion|streaming [ingestion] failures',
  kind: 'StreamingIngestionFailuresShow',
  parse: (): CommandPlan => ({
    access: [],
    run: async (context) => streamingFailureRows(visibleFailures(context).filter(isStreaming)),
  }),
};

const showStreamingStatistics: CommandDefinition = {
  pattern: 'show streamingingestion|streaming [ingestion] statistics',
  kind: 'StreamingIngestionStatisticsShow',
  parse: (_reader, _matched, request): CommandPlan => ({
    access: [],
    run: async ({ streaming }) =>
      streaming.statistics((database) => request.principal.holds({ role: 'monitor', database })),
  }),
};

/** What runs and what went wrong. */
export const MONITORING_COMMANDS: readonly CommandDefinition[] = [
  activityCommand('show queries', QUERIES, ({ activity }) => activity.entries(false)),
  activityCommand('show running queries', QUERIES, ({ activity }) => activity.entries(false, true)),
  activityCommand('show commands', COMMANDS, ({ activity }) => activity.entries(true)),
  activityCommand('show commands-and-queries', BOTH, ({ activity }) =>
    [...activity.entries(true), ...activity.entries(false)].sort((a, b) =>
      a.startedOn < b.startedOn ? -1 : 1,
    ),
  ),
  showFailures,
  showStreamingFailures,
  showStreamingStatistics,
];
