import { badRequest } from '../catalog/errors.js';
import type { CatalogStore } from '../catalog/store.js';
import { notSupported } from '../errors.js';
import type { EngineClock, Faults } from '../faults/types.js';
import type { Decode } from '../ingest/types.js';
import type { QueryEngine, QueryResult } from '../query/types.js';
import type { IngestionService } from '../server/types.js';
import type { RowSet } from '../store/types.js';
import { ActivityLog } from './activity-log.js';
import { guardedCatalog } from './guarded-catalog.js';
import { skipTrivia, withoutSecrets } from './lexer.js';
import type { OperationEnd } from './operation-types.js';
import type { Operations } from './operations.js';
import { CommandTable } from './pattern.js';
import { CommandReader } from './reader.js';
import { columns, resultTable } from './results.js';
import type { StreamingLog } from './streaming-log.js';
import type { CommandContext, CommandDefinition, CommandPlan, CommandRequest, ServerFacts } from './types.js';

/** A command inside a command inside a script …: deeper is refused. */
const MAX_NESTING = 8;
const OPERATION_ID = columns('OperationId:guid');

interface RunnerOptions {
  readonly definitions: readonly CommandDefinition[];
  readonly catalog: CatalogStore;
  readonly clock: EngineClock;
  readonly faults: Faults;
  readonly operations: Operations;
  readonly queryEngine: QueryEngine;
  readonly server: ServerFacts;
  readonly decode: Decode;
  readonly streaming: StreamingLog;
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

/** Runs management commands and queries: the part of the server that knows no HTTP. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #table: CommandTable<CommandDefinition>;
  readonly #activity = new ActivityLog();

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#table = new CommandTable(options.definitions);
  }

  /** Whether the data-management role answers this command. */
  isDm(text: string): boolean {
    return this.#find(text)?.isDm === true;
  }

  /** Runs a command, with what is piped or fed from it, or a query. */
  async execute(request: CommandRequest): Promise<RequestResult> {
    const { database, clientRequestId, activityId, application, principal } = request;
    const text = withoutSecrets(request.text);
    const { clock } = this.#options;
    const entry = this.#activity.begin({
      ...{ text, database, clientRequestId, activityId, application, startedOn: clock.now() },
      isCommand: isCommand(request.text),
      kind: isCommand(request.text) ? (this.#find(request.text)?.kind ?? 'Unknown') : 'Query',
      principal: principal.name,
    });
    try {
      const result = await this.#execute(request, 0);
      this.#activity.end(entry, clock.now());
      return result;
    } catch (error) {
      this.#activity.end(entry, clock.now(), error);
      throw error;
    }
  }

  #find(text: string): CommandDefinition | undefined {
    return isCommand(text)
      ? this.#table.find(new CommandReader(text, skipTrivia(text, 0) + 1))?.definition
      : undefined;
  }

  async #execute(request: CommandRequest, depth: number): Promise<RequestResult> {
    if (!isCommand(request.text)) {
      return { ...(await this.#query(request)), isPlainCommand: false };
    }
    const { rows, query } = await this.#command(request, depth);
    if (query === '') {
      return { tables: [rows], isPlainCommand: true };
    }
    return { ...(await this.#query({ ...request, text: query }, rows)), isPlainCommand: false };
  }

  async #command(request: CommandRequest, depth: number) {
    const understood = this.#understand(request);
    const rows = await this.#runPlan(understood, this.#context(request, depth));
    return { ...understood, rows };
  }

  #understand(request: CommandRequest): Understood {
    const reader = new CommandReader(request.text, skipTrivia(request.text, 0) + 1);
    const found = this.#table.find(reader);
    if (found === undefined) {
      throw notSupported(`The command '.${headOf(reader)}'`);
    }
    if (request.options['request_readonly'] === true && !isReadOnly(found.definition)) {
      throw badRequest(
        'The request is read-only: only commands that show are possible',
        'BadRequest_ReadOnlyRequest',
      );
    }
    const plan = found.definition.parse(reader, found, request);
    return { kind: found.definition.kind, plan, query: tailQuery(reader) };
  }

  async #runPlan({ plan, kind }: Understood, context: CommandContext): Promise<RowSet> {
    const { database, principal, activityId } = context.request;
    const text = withoutSecrets(context.request.text);
    for (const access of plan.access) {
      principal.demand(access);
    }
    plan.check?.(context);
    if (plan.isAsync !== true) {
      return plan.run(context);
    }
    // The caller's leaving does not end what runs in the background.
    const { signal: _, ...request } = context.request;
    const { id, over } = await this.#options.operations.start(
      { kind, text, database, principal: principal.name, activityId },
      ({ signal, skip }) => plan.run({ ...this.#context({ ...request, signal }, 0), skip }),
    );
    this.#follow(activityId, over);
    return resultTable(OPERATION_ID, [[id]]);
  }

  /** `.show commands` lists an asynchronous command when its operation is over, with that end. */
  #follow(activityId: string, over: Promise<OperationEnd>): void {
    const entry = this.#activity.running(activityId);
    if (entry === undefined) {
      return;
    }
    entry.goesOn = true;
    void over.then(({ state, status }) =>
      this.#activity.finish(entry, this.#options.clock.now(), { state, failureReason: status }),
    );
  }

  #context(request: CommandRequest, depth: number): CommandContext {
    const { definitions: _, queryEngine: __, ingestion, ...parts } = this.#options;
    const nested = (text: string): CommandRequest => {
      if (depth >= MAX_NESTING) {
        throw badRequest(`Commands are nested deeper than ${MAX_NESTING} levels`);
      }
      return { ...request, text: text.trim() };
    };
    return {
      ...parts,
      ...{ request, ingestion, activity: this.#activity, skip: () => undefined },
      query: (text, input) => this.#query({ ...request, text }, input),
      // What feeds a command is not an answer to the caller: no limit of answers cuts it.
      rows: async (text) =>
        firstTable(
          await this.#execute(
            { ...nested(text), options: { ...request.options, notruncation: true } },
            depth + 1,
          ),
        ),
      command: (text) => this.#command(nested(text), depth + 1),
    };
  }

  async #query(request: CommandRequest, input?: RowSet): Promise<QueryResult> {
    const { database, text, signal, options, parameters } = request;
    // The rows of a command were given out under its own rights; tables that are read beside them have their guard.
    if (input === undefined) {
      request.principal.demand({ role: 'viewer', database });
    }
    this.#options.catalog.database(database);
    const query = {
      ...{ database, text, options },
      ...(parameters !== undefined && { parameters }),
      ...(input !== undefined && { input }),
      ...(signal !== undefined && { signal }),
    };
    return this.#options.queryEngine.execute(query, guardedCatalog(this.#options.catalog, request.principal));
  }
}

function isReadOnly({ pattern }: CommandDefinition): boolean {
  return pattern.startsWith('show') || pattern.startsWith('get');
}

function firstTable({ tables }: QueryResult): RowSet {
  const [first] = tables;
  if (first === undefined) {
    throw badRequest('The query has no result');
  }
  return first;
}

function isCommand(text: string): boolean {
  return text[skipTrivia(text, 0)] === '.';
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
  const what = token?.kind === 'string' ? 'a string' : `'${token?.value}'`;
  throw reader.error(`${what} was not expected here; what it asks for is not supported by the local engine`);
}
