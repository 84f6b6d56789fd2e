import { KustoError } from '../errors.js';
import type { Keeper } from './keeper.js';
import { MAX_TRACKED_OPERATIONS } from './limits.js';

export type SourceStatus = 'Queued' | 'InProgress' | 'Succeeded' | 'Failed' | 'Skipped' | 'Canceled';

export interface TrackedSource {
  readonly sourceId: string;
  /** Without its SAS. */
  readonly url: string;
  readonly status: SourceStatus;
  /** ISO times of the engine's clock. */
  readonly startTime: string;
  readonly lastUpdated: string;
  readonly errorCode?: string;
  readonly failureStatus?: string;
  readonly details?: string;
}

/** One request of the REST form. Plain JSON. */
export interface TrackedOperation {
  readonly id: string;
  readonly database: string;
  readonly table: string;
  readonly startTime: string;
  readonly lastUpdated: string;
  readonly sources: readonly TrackedSource[];
}

export type SourceChange = Pick<TrackedSource, 'status' | 'errorCode' | 'failureStatus' | 'details'>;

/** What is known of the operations of the REST form. */
export class Operations {
  private readonly known = new Map<string, TrackedOperation>();
  private readonly keeper: Keeper<TrackedOperation>;
  private readonly nowIso: () => string;

  constructor(keeper: Keeper<TrackedOperation>, nowIso: () => string) {
    this.keeper = keeper;
    this.nowIso = nowIso;
  }

  async load(): Promise<void> {
    for (const operation of await this.keeper.load()) this.known.set(operation.id, operation);
  }

  async begin(operation: TrackedOperation): Promise<void> {
    this.known.set(operation.id, operation);
    await this.keeper.put(operation.id, operation);
    if (this.known.size > MAX_TRACKED_OPERATIONS) {
      const oldest = this.known.keys().next().value!;
      this.known.delete(oldest);
      await this.keeper.remove(oldest);
    }
  }

  /** @throws KustoError 404 */
  get(database: string, table: string, id: string): TrackedOperation {
    const operation = this.known.get(id);
    if (operation === undefined || operation.database !== database || operation.table !== table) {
      throw new KustoError(`Ingestion operation '${id}' of table '${table}' was not found`, {
        status: 404,
        code: 'BadRequest_EntityNotFound',
        type: 'Kusto.Data.Exceptions.EntityNotFoundException',
      });
    }
    return operation;
  }

  async change(id: string, sourceId: string, change: SourceChange): Promise<void> {
    const before = this.known.get(id);
    if (before === undefined) return;
    const lastUpdated = this.nowIso();
    const sources = before.sources.map((source) =>
      source.sourceId === sourceId && !isFinal(source.status)
        ? { ...source, ...change, lastUpdated }
        : source,
    );
    const after = { ...before, sources, lastUpdated };
    this.known.set(id, after);
    if (isFinal(change.status)) await this.keeper.put(id, after);
  }
}

function isFinal(status: SourceStatus): boolean {
  return status !== 'Queued' && status !== 'InProgress';
}

/** The answer of the status call: counters, and with `withDetails` each source. */
export function describeOperation(
  operation: TrackedOperation,
  withDetails: boolean,
): Record<string, unknown> {
  const count = (...statuses: readonly SourceStatus[]) =>
    operation.sources.filter(({ status }) => statuses.includes(status)).length;
  const { startTime, lastUpdated, sources } = operation;
  return {
    startTime,
    lastUpdated,
    status: {
      succeeded: count('Succeeded', 'Skipped'),
      failed: count('Failed'),
      inProgress: count('Queued', 'InProgress'),
      canceled: count('Canceled'),
    },
    ...(withDetails && {
      // Documentation and client differ in the names of the two times: both are given.
      details: sources.map((source) => ({
        ...source,
        startedAt: source.startTime,
        lastUpdateTime: source.lastUpdated,
        errorCode: source.errorCode ?? '',
        failureStatus: source.failureStatus ?? '',
        details: source.details ?? '',
      })),
    }),
  };
}
