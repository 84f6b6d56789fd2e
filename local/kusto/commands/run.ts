import type { CatalogStore } from '../catalog/store.js';
import { KustoError, notSupported } from '../errors.js';
import type { EngineClock, Faults } from '../faults/types.js';
import type { QueryEngine, QueryResult } from '../query/types.js';
import type { IngestionService } from '../server/types.js';
import type { RowSet } from '../store/types.js';
import { ActivityLog } from './activity-log.js';
import { skipTrivia } from './lexer.js';
import type { Operations } from './operations.js';
import { CommandTable } from './pattern.js';
import { CommandReader } from './reader.js';
import { columns, resultTable } from './results.js';
import type { CommandContext, CommandDefinition, CommandPlan, CommandRequest, ServerFacts } from './types.js';

/** A command inside a command inside a script …: deeper is refused. */
const MAX_NESTING = 8;
const OPERATION_ID = columns('OperationId:guid');

export interface RunnerOptions {
  readonly definitions: readonly CommandDefinition[];
  readonly catalog: CatalogStore;
  readonly clock: EngineClock;
  readonly faults: Faults;
  readonly operations: Operations;
  readonly queryEngine: QueryEngine;
  readonly server: ServerFacts;
  readonly ingestion?: IngestionService;
}

export interface RequestResult extends QueryResult {
  /** A plain command's answer is one table; queries and piped commands carry the other v1 tables too. */
  readonly isPlainCommand: boolean;
}

interface Understood {
  readonly kind: string;
  readonly plan: CommandPlan;
  /** Query text that takes the command's rows, empty when there is none. */
  readonly query: string;
}

export type Runner = ReturnType<typeof createRunner>;

/** Runs management commands and queries: the part of the server that knows no HTTP. */
export function createRunner(options: RunnerOptions) {
  const table = new CommandTable(options.definitions);
  const activity = new ActivityLog();

  function understand(request: CommandRequest): Understood {
    const reader = new CommandReader(request.text, skipTrivia(request.text, 0) + 1);
    const found = table.find(reader);
    if (found === undefined) {
      throw notSupported(`The command '.${headOf(reader)}'`);
    }
    const plan = found.definition.parse(reader, found, request);
    return { kind: found.definition.kind, plan, query: tailQuery(reader) };
  }

  async function runUnderstood(understood: Understood, context: CommandContext): Promise<RowSet> {
    const { plan, kind } = understood;
    for (const access of plan.access) {
      context.request.principal.demand(access);
    }
    if (plan.isAsync !== true) {
      return plan.run(context);
    }
    const { text, database, principal, activityId } = context.request;
    const id = options.operations.start(
      { kind, text, database, principal: principal.name, activityId },
      () => plan.run(context),
    );
    return resultTable(OPERATION_ID, [[id]]);
  }

  async function runCommand(request: CommandRequest, depth: number) {
    const understood = understand(request);
    const rows = await runUnderstood(understood, contextOf(request, depth));
    return { ...understood, rows };
  }

  function contextOf(request: CommandRequest, depth: number): CommandContext {
    const { catalog, clock, faults, operations, server, ingestion } = options;
    const nested = (text: string) => {
      if (depth >= MAX_NESTING) {
        throw new KustoError(`Commands are nested deeper than ${MAX_NESTING} levels`, {
          status: 400,
          code: 'BadRequest_CommandNesting',
        });
      }
      return execute({ ...request, text }, depth + 1);
    };
    return {
      ...{ request, catalog, clock, faults, operations, activity, server, ingestion },
      query: (text, input) => runQuery({ ...request, text }, input),
      rows: async (text) => (await nested(text)).tables[0] as RowSet,
      command: async (text) => {
        const { kind, rows } = await runCommand({ ...request, text: text.trim() }, depth + 1);
        return { kind, rows };
      },
    };
  }

  async function runQuery(request: CommandRequest, input?: RowSet): Promise<QueryResult> {
    const { database, text, signal } = request;
    request.principal.demand({ role: 'viewer', database });
    options.catalog.database(database);
    return options.queryEngine.execute(
      {
        database,
        text,
        options: request.options,
        ...(request.parameters !== undefined && { parameters: request.parameters }),
        ...(input !== undefined && { input }),
        ...(signal !== undefined && { signal }),
      },
      options.catalog,
    );
  }

  async function execute(request: CommandRequest, depth = 0): Promise<RequestResult> {
    if (!isCommand(request.text)) {
      return { ...(await runQuery(request)), isPlainCommand: false };
    }
    const { rows, query } = await runCommand(request, depth);
    if (query === '') {
      return { tables: [rows], isPlainCommand: true };
    }
    return { ...(await runQuery({ ...request, text: query }, rows)), isPlainCommand: false };
  }

  async function logged(request: CommandRequest): Promise<RequestResult> {
    const { text, database, clientRequestId, activityId, application, principal } = request;
    const command = isCommand(text);
    const startedOn = options.clock.now();
    const kind = command ? (findDefinition(table, text)?.kind ?? 'Unknown') : 'Query';
    const entry = activity.begin({
      ...{ isCommand: command, kind, text, database, clientRequestId, activityId, application, startedOn },
      principal: principal.name,
    });
    try {
      const result = await execute(request);
      activity.end(entry, options.clock.now());
      return result;
    } catch (error) {
      activity.end(entry, options.clock.now(), error);
      throw error;
    }
  }

  return { execute: logged, isDm: (text: string) => findDefinition(table, text)?.isDm === true };
}

export function isCommand(text: string): boolean {
  return text[skipTrivia(text, 0)] === '.';
}

function findDefinition(table: CommandTable<CommandDefinition>, text: string): CommandDefinition | undefined {
  return isCommand(text) ? table.find(new CommandReader(text, skipTrivia(text, 0) + 1))?.definition : undefined;
}

/** The first words of a command that nothing matched, for the refusal. */
function headOf(reader: CommandReader): string {
  const words: string[] = [];
  while (words.length < 4 && reader.peek()?.kind === 'word') {
    words.push(reader.next().value);
  }
  return words.join(' ');
}

/** What follows a command: nothing, `| query`, or `; statements` that use `$command_results`. */
function tailQuery(reader: CommandReader): string {
  if (reader.atEnd()) {
    return '';
  }
  const token = reader.peek();
  if (token?.kind === 'symbol' && token.value === '|') {
    return `$command_results ${reader.rest()}`;
  }
  if (reader.trySymbol(';')) {
    return reader.rest();
  }
  throw reader.error(`'${token?.value}' was not expected here`);
}
