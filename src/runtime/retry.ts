import type { Clock } from './clock.js';
import { asKfError, KfError } from './errors.js';

/** Bounds of a retry: whichever is reached first ends it. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly maxAttempts: number;
  /** First wait; it doubles each time, with full jitter on its upper half. */
  readonly baseMs: number;
  /** Longest single wait. */
  readonly maxMs: number;
  /** Longest time for all attempts and waits together. */
  readonly maxElapsedMs: number;
}

export interface RetryOptions {
  readonly clock: Clock;
  readonly policy: RetryPolicy;
  readonly signal?: AbortSignal;
  /** Told before each wait. */
  readonly onRetry?: (error: KfError, attempt: number, waitMs: number) => void;
}

/** The wait before attempt `attempt + 1` (attempts count from 1): between half of and the whole exponential step. */
export function backoffMs(policy: RetryPolicy, attempt: number, random: number): number {
  const step = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(step / 2 + (step / 2) * random);
}

/**
 * Calls `action` until it succeeds, fails for good, or the policy is used up.
 * @throws KfError the last failure, unchanged.
 */
export async function retry<T>(
  action: (attempt: number, signal?: AbortSignal) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const { clock, policy, signal } = options;
  const startedAt = clock.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return await action(attempt, signal);
    } catch (thrown) {
      const error = asKfError(thrown, 'INTERNAL', 'retry');
      const waitMs = Math.max(backoffMs(policy, attempt, clock.random()), error.retryAfterMs ?? 0);
      const spentMs = clock.now() - startedAt;
      const exhausted = attempt >= policy.maxAttempts || spentMs + waitMs > policy.maxElapsedMs;
      if (!error.retryable || exhausted || signal?.aborted === true) {
        throw error;
      }
      options.onRetry?.(error, attempt, waitMs);
      await clock.sleep(waitMs, signal).catch((cause: unknown) => {
        throw new KfError('CANCELLED', 'retry: cancelled while waiting', { cause });
      });
    }
  }
}
