import { KustoError } from '../errors.js';
import type { EngineClock, FaultHit } from './types.js';

const RETRY_AFTER_SECONDS = 1;

/** What becomes of a request that a fault may have struck. */
type FaultedOutcome<T> = { readonly kind: 'answer'; readonly value: T } | { readonly kind: 'drop' | 'hang' };

/**
 * Does `work` as the fault wants it: not at all, late, or without an answer.
 * @throws KustoError for faults that answer with an error.
 */
export async function underFault<T>(
  hit: FaultHit | undefined,
  clock: EngineClock,
  work: () => Promise<T>,
): Promise<FaultedOutcome<T>> {
  if (hit === undefined) {
    return { kind: 'answer', value: await work() };
  }
  switch (hit.action) {
    case 'slow':
      await new Promise<void>((resolve) => clock.after(hit.delayMs, resolve));
      return { kind: 'answer', value: await work() };
    case 'loseAnswer':
      await work();
      return { kind: 'drop' };
    case 'hang':
      return { kind: 'hang' };
    default:
      throw faultError(hit);
  }
}

/** The error answer of a fault of the engine or the data-management endpoint. */
function faultError({ action, code, message, id }: FaultHit): KustoError {
  const because = `fault ${id}`;
  switch (action) {
    case 'throttle':
      return new KustoError(message ?? `The request was throttled (${because})`, {
        status: 429,
        code: code ?? 'TooManyRequests',
        type: 'Kusto.DataNode.Exceptions.ThrottledException',
        permanent: false,
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    case 'forbid':
      return new KustoError(message ?? `Principal is not authorized (${because})`, {
        status: 403,
        code: code ?? 'Forbidden',
        type: 'Kusto.DataNode.Exceptions.UnauthorizedDatabaseAccessException',
      });
    case 'transient':
      return new KustoError(message ?? `The service is not available now (${because})`, {
        status: 503,
        code: code ?? 'General_InternalServerError',
        type: 'Kusto.DataNode.Exceptions.ServiceUnavailableException',
        permanent: false,
      });
    default:
      return new KustoError(message ?? `The request cannot be executed (${because})`, {
        status: 400,
        code: code ?? 'BadRequest',
      });
  }
}
