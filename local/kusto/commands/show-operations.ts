import type { RowSet } from '../store/types.js';
import { parseGuid } from '../values/guid.js';
import type { OperationUpdate } from './operations.js';
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

const show: CommandDefinition = {
  pattern: 'show operations|operation',
  kind: 'OperationsShow',
  parse(reader): CommandPlan {
    const ids = readIds(reader);
    if (ids?.length === 1 && reader.tryWords('details')) {
      const [id] = ids as [string];
      return { access: [], run: async ({ operations }) => operations.result(id) };
    }
    return { access: [], run: async (context) => operationRows(context, context.operations.updates(ids)) };
  },
};

const cancel: CommandDefinition = {
  pattern: 'cancel operation|operations',
  kind: 'OperationCancel',
  parse(reader): CommandPlan {
    const id = readId(reader);
    const reason = reader.properties().get('reason') ?? 'Canceled by the user';
    return {
      access: [],
      run: async ({ operations, request }) => {
        const [current] = operations.updates([id]);
        if (current !== undefined) {
          request.principal.demand({ role: 'admin', database: current.database });
        }
        const update = await operations.cancel(id, reason);
        const state = update.state === 'Canceled' ? 'CanceledSuccessfully' : 'CancelFailed';
        return resultTable(CANCELLED, [[id, update.kind, update.startedOn, state, reason]]);
      },
    };
  },
};

/** Asynchronous operations. */
export const OPERATION_COMMANDS: readonly CommandDefinition[] = [show, cancel];
