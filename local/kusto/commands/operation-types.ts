import { KustoError } from '../errors.js';
import type { RowSet } from '../store/types.js';
import { isThrottled } from './operation-faults.js';

type OperationState =
  | 'InProgress'
  | 'Completed'
  | 'Failed'
  | 'Throttled'
  | 'Skipped'
  | 'Canceled'
  | 'Abandoned';

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

/** How an operation ended. */
export type OperationEnd = Pick<OperationUpdate, 'state' | 'status' | 'shouldRetry'>;

/** What the work of an operation is given. */
export interface OperationRun {
  readonly signal: AbortSignal;
  /** By the command's own conditions there was nothing to do: the operation ends as `Skipped`. */
  skip(reason: string): void;
}

export type OperationWork = (run: OperationRun) => Promise<RowSet>;

export interface StartedOperation {
  readonly id: string;
  /** Never resolves when there is no end. */
  readonly over: Promise<OperationEnd>;
}

export interface OperationRequest {
  readonly kind: string;
  readonly text: string;
  readonly database: string;
  readonly principal: string;
  readonly activityId: string;
}

export const COMPLETED: OperationEnd = { state: 'Completed', status: '', shouldRetry: false };

export function skippedEnd(status: string): OperationEnd {
  return { state: 'Skipped', status, shouldRetry: false };
}

export function failedEnd(error: unknown): OperationEnd {
  return {
    state: isThrottled(error) ? 'Throttled' : 'Failed',
    status: error instanceof Error ? error.message : String(error),
    shouldRetry: error instanceof KustoError && !error.permanent,
  };
}
