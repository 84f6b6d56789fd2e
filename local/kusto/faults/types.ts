/** Where a fault strikes. Engine and DM share a port; {@link FaultTarget} says which role a request plays. */
export type FaultTarget = 'engine' | 'dm' | 'blob' | 'queue' | 'table' | 'operation' | 'clock';

/**
 * - `throttle`: HTTP 429 (storage: 503 ServerBusy).
 * - `transient`, `permanent`: an error answer of that kind, before any work is done.
 * - `slow`: the work is done after `delayMs`.
 * - `loseAnswer`: the work is done, then the connection is dropped.
 * - `hang`: the work is not done and nothing is answered until the client gives up.
 * - `forbid`: HTTP 403.
 * - `fail`: (operation) accepted, then fails for good with `code`.
 * - `vanish`: (operation) accepted, then nothing is ever heard of it, see {@link FaultRule.work}; (queue) a message put
 *   is dropped.
 * - `duplicate`: (operation) the work is done twice; (queue) a message put is put twice.
 * - `advance`: (clock) the engine's clock jumps ahead by `delayMs` and what is due fires.
 */
export type FaultAction =
  | 'throttle'
  | 'transient'
  | 'permanent'
  | 'slow'
  | 'loseAnswer'
  | 'hang'
  | 'fail'
  | 'vanish'
  | 'duplicate'
  | 'forbid'
  | 'advance';

/** A rule as `POST /faults` takes it. */
export interface FaultRule {
  readonly target: FaultTarget;
  /** A substring, or `/regular expression/flags`, of the description of what is being done. Default: everything. */
  readonly match?: string;
  readonly action: FaultAction;
  /** How many times the rule fires. Default: without end. */
  readonly times?: number;
  /** 0 to 1, drawn from `seed` per matching event. Default 1. */
  readonly probability?: number;
  /** Of the rule's own random sequence. Default 1. */
  readonly seed?: number;
  /** For `slow` and `advance`. Default 1000. */
  readonly delayMs?: number;
  /** Error code for `fail`, `transient` and `permanent`; default: one that fits the target. */
  readonly code?: string;
  readonly message?: string;
  /** For `vanish` of an operation: whether it does its work although nothing is heard of it. Default `undone`. */
  readonly work?: VanishedWork;
}

export type VanishedWork = 'undone' | 'done';

/** A rule that fired. */
export interface FaultHit {
  readonly id: string;
  readonly action: FaultAction;
  readonly delayMs: number;
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly work: VanishedWork;
}

/** Port through which every part asks whether it is to misbehave now. */
export interface Faults {
  /**
   * Tells of one event and counts it: the oldest rule that matches and fires is returned.
   * @param description What a rule's `match` is tried on:
   * engine and dm: `METHOD /path database command-or-query-text`;
   * blob, queue, table: `METHOD /path` (without the SAS);
   * operation: `DataIngestPull database.table blob-URL-without-SAS` for queued ingestion, and for asynchronous commands
   * `Kind database command-text`, where `Kind` is the operation's name in `.show operations`.
   * @param content What a rule's `match` is tried on when the description does not match it; asked for only then, at
   * most once. Queued ingestion gives the blob's text, up to 64 MiB: inflated, as UTF-8. So
   * `{"target":"operation","match":"record-17","action":"fail","code":"Stream_…"}` refuses, after it was queued, each
   * blob that holds such a record.
   */
  check(target: FaultTarget, description: string, content?: () => string | undefined): FaultHit | undefined;
}

/** The engine's clock. The real one plus whatever `advance` faults have added. */
export interface EngineClock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** 100 ns ticks since 0001-01-01; strictly increasing from call to call. */
  now(): bigint;
  /**
   * Calls `action` once, when this clock has moved on by `delayMs`: by waiting, or at once when it is advanced past it.
   * @returns cancels it.
   */
  after(delayMs: number, action: () => void): () => void;
}
