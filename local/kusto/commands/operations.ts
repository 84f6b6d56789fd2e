import { randomUUID } from 'node:crypto';
import { entityNotFound } from '../catalog/errors.js';
import { KustoError } from '../errors.js';
import type { EngineClock, FaultHit, Faults } from '../faults/types.js';
import type { RowSet } from '../store/types.js';
import { underOperationFault } from './operation-faults.js';
import {
  COMPLETED,
  failedEnd,
  type OperationEnd,
  type OperationRequest,
  type OperationUpdate,
  type OperationWork,
  type StartedOperation,
  skippedEnd,
} from './operation-types.js';

/** `.show operations` without ids is a log of all updates; this many are remembered. */
const MAX_UPDATES = 20_000;
/** Finished operations whose result `.show operation id details` still has. */
export const MAX_RESULTS = 1_000;
/** With ids only operations younger than this are found. */
const OPERATION_LIFETIME_MS = 6 * 3600 * 1000;
/** The log of all updates reaches back this far. */
const OPERATION_LOG_MS = 14 * 24 * 3600 * 1000;

interface OperationsOptions {
  readonly clock: EngineClock;
  readonly faults: Faults;
  /** Updates of earlier runs, oldest first. */
  readonly earlier?: readonly OperationUpdate[];
  /** Results of operations of earlier runs, by id, oldest first. */
  readonly earlierResults?: ReadonlyMap<string, RowSet>;
  /** Called with each update before anyone sees it, for a copy that outlives the process. */
  readonly onUpdate?: (update: OperationUpdate) => Promise<void>;
  /** Called with each result before its operation is seen to be completed. */
  readonly onResult?: (id: string, result: RowSet) => Promise<void>;
}

/** Longest that a cancellation waits for the work to give up. */
const CANCEL_WAIT_MS = 2_000;

const keepNothing = async (): Promise<void> => undefined;

/** Asynchronous commands: their states, results and cancellation. */
export class Operations {
  readonly #clock: EngineClock;
  readonly #faults: Faults;
  readonly #onUpdate: (update: OperationUpdate) => Promise<void>;
  readonly #onResult: (id: string, result: RowSet) => Promise<void>;
  readonly #updates: OperationUpdate[];
  readonly #latest = new Map<string, OperationUpdate>();
  readonly #results: Map<string, RowSet>;
  readonly #cancels = new Map<string, AbortController>();
  /** How operations end whose work gives up because it was cancelled. */
  readonly #cancelled = new Map<string, OperationEnd>();
  readonly #ends = new Map<string, (end: OperationEnd) => void>();
  readonly #running = new Set<Promise<void>>();
  /** Operations whose end is decided, though it may not be visible yet: a second end must not follow. */
  readonly #over = new Set<string>();

  constructor(options: OperationsOptions) {
    const { clock, faults, earlier = [], onUpdate = keepNothing, onResult = keepNothing } = options;
    this.#clock = clock;
    this.#faults = faults;
    this.#onUpdate = onUpdate;
    this.#onResult = onResult;
    this.#results = new Map(options.earlierResults);
    this.#updates = [...earlier];
    for (const update of earlier) {
      this.#latest.set(update.id, update);
    }
    for (const update of [...this.#latest.values()].filter(({ state }) => state === 'InProgress')) {
      const abandoned: OperationUpdate = {
        ...update,
        state: 'Abandoned',
        status: 'The node that ran the operation was restarted.',
        shouldRetry: true,
        lastUpdatedOn: clock.now(),
      };
      this.#record(abandoned);
      void this.#onUpdate(abandoned);
    }
  }

  /** Runs `work` in the background. The operation's id is one that a restart then knows. */
  async start(request: OperationRequest, work: OperationWork): Promise<StartedOperation> {
    const id = randomUUID();
    const now = this.#clock.now();
    const { kind, database, principal, activityId } = request;
    const hit = this.#faults.check('operation', `${kind} ${database} ${request.text}`);
    if (hit?.action === 'vanish') {
      return { id, over: this.#unseen(hit, work) };
    }
    await this.#put({
      ...{ id, kind, database, principal, activityId },
      ...{ startedOn: now, lastUpdatedOn: now, state: 'InProgress', status: '', shouldRetry: false },
    });
    const over = new Promise<OperationEnd>((resolve) => this.#ends.set(id, resolve));
    if (hit?.action === 'hang') {
      return { id, over };
    }
    const cancel = new AbortController();
    this.#cancels.set(id, cancel);
    let skipped: string | undefined;
    const skip = (reason: string) => {
      skipped = reason;
    };
    const guarded = () => {
      cancel.signal.throwIfAborted();
      return work({ signal: cancel.signal, skip });
    };
    const whole = () => underOperationFault(hit, this.#clock, guarded);
    this.#track(this.#run(id, whole, () => skipped));
    return { id, over };
  }

  /** Work that leaves no trace in the log. */
  #unseen({ work: wish }: FaultHit, work: OperationWork): Promise<OperationEnd> {
    if (wish === 'undone') {
      return new Promise(() => undefined);
    }
    const { signal } = new AbortController();
    const over = work({ signal, skip: () => undefined }).then(() => COMPLETED, failedEnd);
    this.#track(over.then(() => undefined));
    return over;
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  /** Newest update per id; without ids every update, newest last. Lifetimes as the service has them. */
  updates(ids?: readonly string[]): readonly OperationUpdate[] {
    const now = this.#clock.now();
    const youngerThan = (ms: number) => (update: OperationUpdate) =>
      now - update.lastUpdatedOn < BigInt(ms) * 10_000n;
    if (ids === undefined) {
      return this.#updates.filter(youngerThan(OPERATION_LOG_MS));
    }
    return ids.flatMap((id) => this.#latest.get(id) ?? []).filter(youngerThan(OPERATION_LIFETIME_MS));
  }

  /** @throws KustoError when the id is unknown or the operation has no result. */
  result(id: string): RowSet {
    const [update] = this.updates([id]);
    const result = this.#results.get(id);
    if (update === undefined) {
      throw entityNotFound('Operation', id);
    }
    if (result === undefined) {
      throw new KustoError(
        `Operation '${id}' is ${update.state}: it has no details. ${update.status}`.trim(),
        {
          status: 400,
          code: 'BadRequest_OperationDetailsNotAvailable',
        },
      );
    }
    return result;
  }

  /** @returns the update after the attempt; the state stays as it is when the operation is over. */
  async cancel(id: string, reason: string): Promise<OperationUpdate> {
    const update = this.#latest.get(id);
    if (update === undefined) {
      throw entityNotFound('Operation', id);
    }
    if (update.state === 'InProgress' && !this.#over.has(id)) {
      const running = this.#cancels.get(id);
      const end: OperationEnd = { state: 'Canceled', status: reason, shouldRetry: false };
      if (running === undefined) {
        await this.#finish(id, end);
      } else {
        // The work decides: what it has written by then stays, and the operation is completed.
        this.#cancelled.set(id, end);
        running.abort();
        await this.#ended(id);
      }
    }
    return this.#latest.get(id) ?? update;
  }

  /** Waits for the work to notice, but not for long: it may be reading much. */
  async #ended(id: string): Promise<void> {
    const deadline = performance.now() + CANCEL_WAIT_MS;
    while (this.#cancels.has(id) && performance.now() < deadline) {
      await new Promise((next) => setTimeout(next, 5));
    }
  }

  get inProgress(): number {
    return [...this.#latest.values()].filter(({ state }) => state === 'InProgress').length;
  }

  /** Resolves when all that was running is over, or after `limitMs`. */
  async idle(limitMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs);
    });
    await Promise.race([Promise.all(this.#running), limit]);
    clearTimeout(timer);
  }

  async #run(id: string, work: () => Promise<RowSet>, skipped: () => string | undefined): Promise<void> {
    try {
      const result = await work();
      const reason = skipped();
      await this.#complete(id, result, reason === undefined ? COMPLETED : skippedEnd(reason));
    } catch (error) {
      await this.#finish(id, this.#cancelled.get(id) ?? failedEnd(error));
    } finally {
      this.#cancels.delete(id);
      this.#cancelled.delete(id);
    }
  }

  async #complete(id: string, result: RowSet, end: OperationEnd): Promise<void> {
    if (this.#latest.get(id)?.state !== 'InProgress' || this.#over.has(id)) {
      return;
    }
    await this.#onResult(id, result);
    this.#results.set(id, result);
    if (this.#results.size > MAX_RESULTS) {
      this.#results.delete(this.#results.keys().next().value as string);
    }
    await this.#finish(id, end);
  }

  /** The first end counts. */
  async #finish(id: string, end: OperationEnd): Promise<void> {
    const latest = this.#latest.get(id);
    if (latest?.state !== 'InProgress' || this.#over.has(id)) {
      return;
    }
    this.#over.add(id);
    try {
      await this.#put({ ...latest, ...end, lastUpdatedOn: this.#clock.now() });
    } finally {
      this.#over.delete(id);
      this.#ends.get(id)?.(end);
      this.#ends.delete(id);
    }
  }

  async #put(update: OperationUpdate): Promise<void> {
    await this.#onUpdate(update);
    this.#record(update);
  }

  #record(update: OperationUpdate): void {
    this.#updates.push(update);
    const forgotten = this.#updates.splice(0, this.#updates.length - MAX_UPDATES);
    this.#latest.set(update.id, update);
    for (const old of forgotten) {
      if (this.#latest.get(old.id) === old) {
        this.#latest.delete(old.id);
      }
    }
  }
}
