import { type ErrorCode, errorCodes } from '../runtime/error-codes.js';
import { ProblemError, UnreachableError } from './api.js';
import type { CliDeps } from './command.js';

/** Waits before the further tries of a call that may be repeated. */
const WAITS_MS = [1_000, 2_000, 4_000, 8_000];

/** Gateways and hosts that restart; an answer of the app itself says by its code. */
const passingStatuses = new Set([408, 429, 500, 502, 503, 504]);

/** May the same call succeed a little later? */
export function isPassing(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  if (!(error instanceof ProblemError)) return false;
  const code = error.problem['code'];
  return typeof code === 'string' && Object.hasOwn(errorCodes, code)
    ? errorCodes[code as ErrorCode].retryable
    : passingStatuses.has(error.status);
}

/** The request cannot have arrived: there was nobody to take it. */
function neverArrived(error: unknown): boolean {
  const cause = error instanceof UnreachableError ? (error.cause as NodeJS.ErrnoException) : undefined;
  return ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'].includes(cause?.code ?? '');
}

/**
 * A call that does the same when it is repeated, a few times until it is answered. An app that is not there at the
 * first try is told at once.
 */
export async function repeated<T>({ clock }: Pick<CliDeps, 'clock'>, action: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await action();
    } catch (error) {
      const waitMs = WAITS_MS[tries];
      if (waitMs === undefined || !isPassing(error) || (tries === 0 && neverArrived(error))) throw error;
      await clock.sleep(waitMs);
    }
  }
}
