import type { CatalogStore } from '../catalog/store.js';
import type { EngineClock, Faults } from '../faults/types.js';
import type { Decode } from '../ingest/types.js';
import type { QueryResult } from '../query/types.js';
import type { IngestionService, Right } from '../server/types.js';
import type { RowSet } from '../store/types.js';
import type { ActivityLog } from './activity-log.js';
import type { Operations } from './operations.js';
import type { CommandReader } from './reader.js';
import type { StreamingLog } from './streaming-log.js';

/** The right a command needs. Without `table` it must be held on the database, without `database` anywhere. */
export interface Access {
  readonly role: Right;
  readonly database?: string;
  readonly table?: string;
}

/** What a pattern matched at the head of a command. */
export interface Matched {
  /** Placeholders' values. */
  readonly names: Readonly<Record<string, string>>;
  /** Values of lists of names. */
  readonly lists: Readonly<Record<string, readonly string[]>>;
  /** Optional words and chosen alternatives that were present. */
  readonly flags: ReadonlySet<string>;
}

/** One management command, or one family that a pattern with alternatives describes. */
export interface CommandDefinition {
  /**
   * How the command begins: words, alternatives `create|create-merge`, optional words `[async]`, names `{table}`, lists of
   * names `({tables})`.
   * Of two patterns that match, the longer one counts.
   */
  readonly pattern: string;
  /** As `.show operations` and `.show commands` call it, such as `TableCreate`. */
  readonly kind: string;
  /** Answered by the data-management role: faults of target `dm` apply. */
  readonly isDm?: boolean;
  /** Reads the rest of the command; leaves a pipe or `;` for the caller. */
  parse(reader: CommandReader, matched: Matched, request: CommandRequest): CommandPlan;
}

/** A command understood and not yet run. */
export interface CommandPlan {
  /** All must be held. Empty: any caller. */
  readonly access: readonly Access[];
  /** Rights that depend on what there is, demanded before the command, or its operation, starts. */
  check?(context: CommandContext): void;
  /** The `async` form: answers an operation id and goes on. */
  readonly isAsync?: boolean;
  run(context: CommandContext): Promise<RowSet>;
}

/** Who asks what, where. */
export interface CommandRequest {
  readonly database: string;
  readonly text: string;
  readonly principal: Principal;
  readonly clientRequestId: string;
  readonly activityId: string;
  readonly application: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
}

/** The caller's identity and the check of its rights. */
export interface Principal {
  /** Fully qualified, such as `aadapp=…`; never a token. */
  readonly name: string;
  /** @throws KustoError 403 */
  demand(access: Access): void;
  holds(access: Access): boolean;
  /** Who creates a table becomes its admin. */
  own(database: string, table: string): void;
}

/** What commands work with. */
export interface CommandContext {
  readonly request: CommandRequest;
  readonly catalog: CatalogStore;
  readonly clock: EngineClock;
  readonly faults: Faults;
  readonly operations: Operations;
  readonly activity: ActivityLog;
  readonly streaming: StreamingLog;
  readonly decode: Decode;
  readonly ingestion: IngestionService | undefined;
  readonly server: ServerFacts;
  /** By the command's own conditions there is nothing to do: an asynchronous one then ends as `Skipped`. */
  skip(reason: string): void;
  /** Runs KQL, with the rows of a command as `$command_results`. */
  query(text: string, input?: RowSet): Promise<QueryResult>;
  /** Runs a nested command or, without a leading dot, a query; its first table. Rights are checked. */
  rows(text: string): Promise<RowSet>;
  /** Runs one statement as the caller, without logging it apart. */
  command(text: string): Promise<{ readonly kind: string; readonly rows: RowSet }>;
}

/** What `.show cluster` and its kin tell of this process. */
export interface ServerFacts {
  readonly startedOn: bigint;
  readonly address: string;
  readonly rolesInUse: () => readonly {
    readonly principal: string;
    readonly roles: Readonly<Record<string, readonly string[]>>;
  }[];
}
