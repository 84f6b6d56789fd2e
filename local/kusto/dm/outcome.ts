import { KustoError } from '../errors.js';

export type FailureStatus = 'Permanent' | 'Transient' | 'Exhausted';

/** Why a source is not in its table. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly status: FailureStatus;
}

/** An error of any origin as a failure; what is not of the engine's own kind may pass when tried again. */
export function failureOf(error: unknown): Failure {
  if (error instanceof KustoError) {
    return { code: error.code, message: error.message, status: error.permanent ? 'Permanent' : 'Transient' };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'General_InternalServerError', message, status: 'Transient' };
}

/** The failure after the last attempt. */
export function exhausted(failure: Failure, attempts: number): Failure {
  return {
    code: 'General_RetryAttemptsExceeded',
    message: `Gave up after ${attempts} attempts; the last one failed with ${failure.code}: ${failure.message}`,
    status: 'Exhausted',
  };
}
