import { entityNotFound } from '../catalog/errors.js';
import type { RowSet } from '../store/types.js';
import { parseGuid } from '../values/guid.js';
import type { OperationUpdate } from './operation-types.js';
import type { CommandReader } from './reader.js';
import { columns, resultTable } from './results.js';
import type { CommandContext, CommandDefinition, CommandPlan } from './types.js';

const OPERATIONS = columns(
  'OperationId:guid, Operation, NodeId, StartedOn:datetime, LastUpdatedOn:datetime, Duration:timespan, State, ' +
    'Status, RootActivityId:guid, ShouldRetry:bool, Database, Principal, User, AdminEpochStartTime:datetime, ' +
    'VirtualCluster',
);
const CANCELLED = columns('OperationId:guid, Operation, StartedOn:datetime, CancellationState, ReasonPhrase');

function operationRows({ server }: CommandContext, updates: readonly OperationUpdate[]): RowSet {
  return resultTable(
    OPERATIONS,
    updates.map((update) => [
      ...[update.id, update.kind, '', update.startedOn, update.lastUpdatedOn],
      ...[update.lastUpdatedOn - update.startedOn, update.state, update.status, update.activityId],
      ...[update.shouldRetry, update.database, update.principal, '', server.startedOn, ''],
    ]),
  );
}

function readId(reader: CommandReader): string {
  const text = reader.name('an operation');
  const id = parseGuid(text);
  if (id === null) {
    throw reader.error(`'${text}' is not an operation id`);
  }
  return id;
}

/** One id, several in parentheses, or none. */
function readIds(reader: CommandReader): readonly string[] | undefined {
  const token = reader.peek();
  if (token?.value === '(') {
    return reader.list(() => readId(reader));
  }
  return token === undefined || token.kind === 'symbol' ? undefined : [readId(reader)];
}

/** One's own operations, and those of the databases one administers. */
function visible({ operations, request: { principal } }: CommandContext, ids?: readonly string[]) {
  return operations
    .updates(ids)
    .filter(
      (one) => one.principal === principal.name || principal.holds({ role: 'admin', database: one.database }),
    );
}

const show: CommandDefinition = {
  pattern: 'show operations|operation',
  kind: 'OperationsShow',
  parse(reader): CommandPlan {
    const ids = readIds(reader);
    if (ids?.length === 1 && reader.tryWords('details')) {
      const [id] = ids as [string];
      return {
        access: [],
        run: async (context) => {
          requireVisible(context, id);
          return context.operations.result(id);
        },
      };
    }
    return { access: [], run: async (context) => operationRows(context, visible(context, ids)) };
  },
};

function requireVisible(context: CommandContext, id: string): OperationUpdate {
  const [update] = visible(context, [id]);
  if (update === undefined) {
    throw entityNotFound('Operation', id);
  }
  return update;
}

const cancel: CommandDefinition = {
  pattern: 'cancel operation|operations',
  kind: 'OperationCancel',
  parse(reader): CommandPlan {
    const id = readId(reader);
    const reason = reader.properties().get('reason') ?? 'Canceled by the user';
    return {
      access: [],
      run: async (context) => {
        const current = requireVisible(context, id);
        const update = isCancellable(current) ? await context.operations.cancel(id, reason) : current;
        const hasEnded = update.state === 'Canceled';
        const state = hasEnded ? 'Cancelled successfully' : 'Cancel failed';
        const why = hasEnded
          ? reason
          : `The operation ${update.kind} is ${update.state}: it cannot be cancelled`;
        return resultTable(CANCELLED, [[id, update.kind, update.startedOn, state, why]]);
      },
    };
  },
};

/** Only ingestion from a query can be cancelled. */
function isCancellable({ kind }: OperationUpdate): boolean {
  return ['TableSet', 'TableAppend', 'TableSetOrAppend', 'TableSetOrReplace'].includes(kind);
}

/** Asynchronous operations. */
export const OPERATION_COMMANDS: readonly CommandDefinition[] = [show, cancel];
