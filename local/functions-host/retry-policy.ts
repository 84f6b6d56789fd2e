import type { RetryOptions, RpcDuration } from './protocol.js';

/** A function's retry policy with times in ms. */
export interface RetryPolicy {
  strategy: 'fixedDelay' | 'exponentialBackoff';
  /** -1 = for ever. */
  maxRetryCount: number;
  /** Fixed delay, or the first delay of the exponential strategy. */
  firstDelayMs: number;
  maxDelayMs: number;
}

/** Least wait between two attempts, in ms: the library rounds to whole seconds, so a short delay arrives as 0. */
const MIN_RETRY_DELAY_MS = 50;
/** Longest exponential delay when the app names none, in ms. */
const DEFAULT_MAX_DELAY_MS = 120_000;
/** Share by which an exponential delay varies. */
const JITTER = 0.2;

function toMs(duration: RpcDuration | undefined): number | undefined {
  if (!duration) return undefined;
  return (duration.seconds ?? 0) * 1000 + (duration.nanos ?? 0) / 1e6;
}

/** Reads the registered retry options; undefined when the function has none. */
export function readRetryPolicy(options: RetryOptions | undefined): RetryPolicy | undefined {
  if (!options) return undefined;
  const exponential = options.retryStrategy?.toLowerCase() === 'exponentialbackoff';
  const firstMs = toMs(exponential ? options.minimumInterval : options.delayInterval) ?? 0;
  return {
    strategy: exponential ? 'exponentialBackoff' : 'fixedDelay',
    maxRetryCount: options.maxRetryCount ?? 0,
    firstDelayMs: Math.max(MIN_RETRY_DELAY_MS, firstMs),
    maxDelayMs: Math.max(MIN_RETRY_DELAY_MS, toMs(options.maximumInterval) ?? DEFAULT_MAX_DELAY_MS),
  };
}

/** Largest exponent used, so that the power stays finite in an endless retry. */
const MAX_EXPONENT = 30;

/**
 * Wait before a retry.
 * @param retry 1 for the first retry
 * @param random a number in [0, 1)
 * @returns milliseconds, or undefined when the policy allows no further retry
 */
export function retryDelayMs(policy: RetryPolicy, retry: number, random: number): number | undefined {
  if (policy.maxRetryCount >= 0 && retry > policy.maxRetryCount) return undefined;
  if (policy.strategy === 'fixedDelay') return policy.firstDelayMs;
  const grown = policy.firstDelayMs * 2 ** Math.min(retry - 1, MAX_EXPONENT);
  const varied = grown * (1 - JITTER + 2 * JITTER * random);
  return Math.min(Math.max(varied, policy.firstDelayMs), policy.maxDelayMs);
}
