import { KustoError } from '../errors.js';
import type { EngineClock, FaultHit } from '../faults/types.js';
import type { RowSet } from '../store/types.js';

/** Does the work of an asynchronous command as the fault wants it. @throws KustoError for faults that fail it. */
export async function underOperationFault(
  hit: FaultHit | undefined,
  clock: EngineClock,
  work: () => Promise<RowSet>,
): Promise<RowSet> {
  if (hit === undefined) {
    return work();
  }
  switch (hit.action) {
    case 'slow':
      await new Promise<void>((resolve) => clock.after(hit.delayMs, resolve));
      return work();
    case 'duplicate':
      await work();
      return work();
    case 'loseAnswer':
      await work();
      throw failure(hit, 'General_InternalServerError', false);
    case 'transient':
      throw failure(hit, 'General_InternalServerError', false);
    case 'throttle':
      throw failure(hit, THROTTLED, false);
    default:
      throw failure(hit, 'BadRequest', true);
  }
}

const THROTTLED = 'General_Throttled';

/** Whether a command was turned away for lack of room, so that its operation ends as `Throttled`. */
export function isThrottled(error: unknown): boolean {
  return error instanceof KustoError && (error.status === 429 || error.code === THROTTLED);
}

function failure({ action, code, message }: FaultHit, usualCode: string, permanent: boolean): KustoError {
  return new KustoError(message ?? `The operation failed (${code ?? action}).`, {
    status: permanent ? 400 : action === 'throttle' ? 429 : 500,
    code: code ?? usualCode,
    permanent,
  });
}
