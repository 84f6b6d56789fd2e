import { KustoError } from '../errors.js';
import { breathe } from '../slices.js';
import { parseTimespan } from '../values/timespan.js';
import { limitExceeded } from './failures.js';
import type { Run } from './plan/types.js';

/** How long a query may hold the event loop, in milliseconds. */
const SLICE_MS = 10;
/** Default of `servertimeout`, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 4 * 60_000;
/** Largest `servertimeout` accepted, in milliseconds. */
const MAX_TIMEOUT_MS = 60 * 60_000;

/** Milliseconds of the option `servertimeout` in any of the spellings the SDKs send. */
export function timeoutOf(option: unknown): number {
  if (typeof option === 'number' && option > 0) return Math.min(option, MAX_TIMEOUT_MS);
  const ticks = typeof option === 'string' ? parseTimespan(option) : null;
  if (ticks === null || ticks <= 0n) return DEFAULT_TIMEOUT_MS;
  return Math.min(Number(ticks / 10_000n), MAX_TIMEOUT_MS);
}

/** The run of a query that ends with its signal or its time. */
export function createRun(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  clock = () => performance.now(),
): Run {
  const started = clock();
  let last = started;
  return {
    async pause() {
      const now = clock();
      if (signal?.aborted === true) throw aborted();
      if (now - started > timeoutMs) {
        throw limitExceeded(`the query ran longer than its server timeout of ${timeoutMs} ms`);
      }
      if (now - last < SLICE_MS) return;
      await breathe();
      last = clock();
    },
  };
}

function aborted(): KustoError {
  return new KustoError('Query execution was cancelled by the client', {
    status: 400,
    code: 'General_QueryCanceled',
    type: 'Kusto.Data.Exceptions.KustoRequestCanceledException',
  });
}
