import type { Clock } from '../runtime/clock.js';
import { asKfError } from '../runtime/errors.js';
import type { Logger } from '../runtime/log.js';

/** A refused resource or a failed refresh leads to at most one early refresh in this time. */
const EARLY_REFRESH_PAUSE_MS = 60_000;

export interface CachedOptions<T> {
  readonly name: string;
  readonly ttlMs: number;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger?: Logger;
  load(): Promise<T>;
}

/** A value that is fetched by one call at a time, kept for `ttlMs`, and kept longer while it cannot be renewed. */
export interface Cached<T> {
  get(): Promise<T>;
  /** The value was refused (403, 404): the next `get` fetches it, but not more than once a minute. */
  refreshEarly(): void;
}

export function createCached<T>(options: CachedOptions<T>): Cached<T> {
  const { clock } = options;
  let held: { readonly value: T; readonly sinceMs: number } | undefined;
  let pending: Promise<T> | undefined;
  let dueMs = 0;
  const refresh = async (): Promise<T> => {
    try {
      const value = await options.load();
      held = { value, sinceMs: clock.now() };
      dueMs = clock.now() + options.ttlMs;
      return value;
    } catch (thrown) {
      if (held === undefined) throw thrown;
      dueMs = clock.now() + EARLY_REFRESH_PAUSE_MS;
      const error = asKfError(thrown, 'KUSTO_TRANSIENT', options.name);
      options.logger?.warn('cache.refreshFailed', {
        name: options.name,
        code: error.code,
        message: error.message,
      });
      return held.value;
    } finally {
      pending = undefined;
    }
  };
  return {
    get: async () => {
      if (held !== undefined && clock.now() < dueMs) return held.value;
      pending ??= refresh();
      return pending;
    },
    refreshEarly: () => {
      if (held !== undefined && clock.now() - held.sinceMs >= EARLY_REFRESH_PAUSE_MS) dueMs = 0;
    },
  };
}
