import { randomUUID } from 'node:crypto';
import { entityNotFound } from '../catalog/errors.js';
import { KustoError } from '../errors.js';
import type { EngineClock, FaultHit, Faults } from '../faults/types.js';
import type { RowSet } from '../store/types.js';

/** `.show operations` without ids is a log of all updates; this many are remembered. */
const MAX_UPDATES = 20_000;
/** Finished operations whose result `.show operation id details` still has. */
export const MAX_RESULTS = 1_000;
/** With ids only operations younger than this are found. */
const OPERATION_LIFETIME_MS = 6 * 3600 * 1000;
/** The log of all updates reaches back this far. */
const OPERATION_LOG_MS = 14 * 24 * 3600 * 1000;

type OperationState = 'InProgress' | 'Completed' | 'Failed' | 'Canceled' | 'Abandoned';

/** One line of the operations log. */
export interface OperationUpdate {
  readonly id: string;
  readonly kind: string;
  readonly startedOn: bigint;
  readonly lastUpdatedOn: bigint;
  readonly state: OperationState;
  readonly status: string;
  readonly activityId: string;
  readonly shouldRetry: boolean;
  readonly database: string;
  readonly principal: string;
}

interface OperationRequest {
  readonly kind: string;
  readonly text: string;
  readonly database: string;
  readonly principal: string;
  readonly activityId: string;
}

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

  /** Runs `work` in the background. @returns the operation's id, which a restart then knows. */
  async start(request: OperationRequest, work: (signal: AbortSignal) => Promise<RowSet>): Promise<string> {
    const id = randomUUID();
    const now = this.#clock.now();
    const { kind, database, principal, activityId } = request;
    const hit = this.#faults.check('operation', `${kind} ${database} ${request.text}`);
    if (hit?.action === 'vanish') {
      return id;
    }
    await this.#put({
      ...{ id, kind, database, principal, activityId },
      ...{ startedOn: now, lastUpdatedOn: now, state: 'InProgress', status: '', shouldRetry: false },
    });
    if (hit?.action === 'hang') {
      return id;
    }
    const cancel = new AbortController();
    this.#cancels.set(id, cancel);
    const guarded = () => {
      cancel.signal.throwIfAborted();
      return work(cancel.signal);
    };
    const run = this.#run(id, () => this.#misbehave(hit, guarded)).finally(() => this.#running.delete(run));
    this.#running.add(run);
    return id;
  }

  /** Newest update per id; without ids every update, newest last. Lifetimes as the service has them. */
  updates(ids?: readonly string[]): readonly OperationUpdate[] {
    const now = this.#clock.now();
    const youngerThan = (ms: number) => (update: OperationUpdate) =>
      now - update.startedOn < BigInt(ms) * 10_000n;
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
      this.#cancels.get(id)?.abort();
      await this.#finish(id, { state: 'Canceled', status: reason, shouldRetry: false });
    }
    return this.#latest.get(id) ?? update;
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

  async #misbehave(hit: FaultHit | undefined, work: () => Promise<RowSet>): Promise<RowSet> {
    if (hit === undefined) {
      return work();
    }
    switch (hit.action) {
      case 'slow':
        await new Promise<void>((resolve) => this.#clock.after(hit.delayMs, resolve));
        return work();
      case 'duplicate':
        await work();
        return work();
      case 'loseAnswer':
        await work();
        throw failure(hit, true);
      default:
        throw failure(hit, hit.action === 'transient' || hit.action === 'throttle');
    }
  }

  async #run(id: string, work: () => Promise<RowSet>): Promise<void> {
    try {
      await this.#complete(id, await work());
    } catch (error) {
      const status = error instanceof Error ? error.message : String(error);
      const shouldRetry = error instanceof KustoError && !error.permanent;
      await this.#finish(id, { state: 'Failed', status, shouldRetry });
    } finally {
      this.#cancels.delete(id);
    }
  }

  async #complete(id: string, result: RowSet): Promise<void> {
    if (this.#latest.get(id)?.state !== 'InProgress' || this.#over.has(id)) {
      return;
    }
    await this.#onResult(id, result);
    this.#results.set(id, result);
    if (this.#results.size > MAX_RESULTS) {
      this.#results.delete(this.#results.keys().next().value as string);
    }
    await this.#finish(id, { state: 'Completed', status: '', shouldRetry: false });
  }

  /** The first end counts. */
  async #finish(id: string, end: Pick<OperationUpdate, 'state' | 'status' | 'shouldRetry'>): Promise<void> {
    const latest = this.#latest.get(id);
    if (latest?.state !== 'InProgress' || this.#over.has(id)) {
      return;
    }
    this.#over.add(id);
    try {
      await this.#put({ ...latest, ...end, lastUpdatedOn: this.#clock.now() });
    } finally {
      this.#over.delete(id);
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

function failure(hit: FaultHit, isTransient: boolean): KustoError {
  return new KustoError(hit.message ?? `The operation failed (${hit.code ?? hit.action}).`, {
    status: isTransient ? 500 : 400,
    code: hit.code ?? (isTransient ? 'General_InternalServerError' : 'BadRequest'),
    permanent: !isTransient,
  });
}
