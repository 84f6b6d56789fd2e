import { asKfError } from '../runtime/errors.js';
import type { Logger } from '../runtime/log.js';
import type { DeadLetter, DeadLetterFilter, DeadLetterStore } from './ports.js';

/** Letters of one call; the caller asks again for the rest. */
const MAX_LETTERS = 10_000;
const PAGE = 500;

export interface ReplaySummary {
  /** Went through the path and are marked. */
  readonly replayed: number;
  /** Could not be delivered, or are dead letters again; not marked. */
  readonly failed: number;
  /** Replayed before, or without a body that could be replayed. */
  readonly skipped: number;
  /** Where the next call goes on, when the selection holds more. */
  readonly continuation?: string;
}

export interface ReplayDeps {
  readonly store: DeadLetterStore;
  /** Sends letters through the ingest path; the ids of those that were shipped. */
  readonly ingest: (letters: readonly DeadLetter[], signal?: AbortSignal) => Promise<ReadonlySet<string>>;
  readonly logger: Logger;
}

/**
 * Sends a selection of dead letters back through the path and marks what succeeded. Nothing is deleted: a letter
 * that was shipped but could not be marked is replayed again by the next call.
 */
export async function replayDeadLetters(
  deps: ReplayDeps,
  filter: DeadLetterFilter,
  signal?: AbortSignal,
): Promise<ReplaySummary> {
  const limit = Math.min(filter.limit ?? MAX_LETTERS, MAX_LETTERS);
  const counts = { replayed: 0, failed: 0, skipped: 0 };
  const seen = new Set<string>();
  let continuation = filter.continuation;
  do {
    signal?.throwIfAborted();
    const page = await deps.store.list({
      ...filter,
      limit: Math.min(PAGE, limit - seen.size),
      ...(continuation === undefined ? {} : { continuation }),
    });
    const letters: DeadLetter[] = [];
    for (const letter of page.letters) {
      const isRepeat = seen.has(letter.id);
      seen.add(letter.id);
      if (isRepeat || letter.replayedAtMs !== undefined || !hasBody(letter)) counts.skipped++;
      else letters.push(letter);
    }
    await replayPage(deps, letters, { counts, ...(signal === undefined ? {} : { signal }) });
    continuation = page.continuation;
  } while (continuation !== undefined && seen.size < limit);
  return { ...counts, ...(continuation === undefined ? {} : { continuation }) };
}

/** A body too large for a letter lies in a blob that the letter names; it is loaded by hand. */
function hasBody(letter: DeadLetter): boolean {
  return !(letter.body.byteLength === 0 && typeof letter.properties['bodyBlob'] === 'string');
}

async function replayPage(
  deps: ReplayDeps,
  letters: readonly DeadLetter[],
  run: { readonly counts: { replayed: number; failed: number }; readonly signal?: AbortSignal },
): Promise<void> {
  if (letters.length === 0) return;
  try {
    const shipped = await deps.ingest(letters, run.signal);
    const ids = letters.map(({ id }) => id).filter((id) => shipped.has(id));
    run.counts.failed += letters.length - ids.length;
    await deps.store.markReplayed(ids);
    run.counts.replayed += ids.length;
  } catch (thrown) {
    const error = asKfError(thrown, 'INTERNAL', 'replay');
    run.counts.failed += letters.length;
    deps.logger.warn('deadLetter.replayFailed', {
      letters: letters.length,
      code: error.code,
      message: error.message,
    });
  }
}
