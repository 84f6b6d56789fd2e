import type { DeadLetter, DeadLetterStore } from '../deadletter/ports.js';
import type { Clock } from '../runtime/clock.js';
import { asKfError, KfError } from '../runtime/errors.js';
import { type RetryPolicy, retry } from '../runtime/retry.js';
import { createDeadline, orAbort } from './deadline.js';
import type { IngestTelemetry } from './telemetry.js';

/** Letters per write of the store, and their bytes; one larger letter goes alone. */
const MAX_LETTERS_PER_WRITE = 1000;
const MAX_BYTES_PER_WRITE = 16 * 1024 * 1024;

export interface LetterBoxDeps {
  readonly clock: Clock;
  readonly store: DeadLetterStore;
  readonly policy: RetryPolicy;
  readonly telemetry: IngestTelemetry;
}

/** Writes dead letters until they are durable; the last resort of every record. */
export interface LetterBox {
  /** @throws KfError the store's, or DEADLINE_EXCEEDED at `endByMs`: the letters may not be stored. */
  write(letters: readonly DeadLetter[], endByMs: number): Promise<void>;
}

function pages(letters: readonly DeadLetter[]): DeadLetter[][] {
  const all: DeadLetter[][] = [];
  let page: DeadLetter[] = [];
  let bytes = 0;
  for (const letter of letters) {
    const full = page.length >= MAX_LETTERS_PER_WRITE || bytes + letter.body.byteLength > MAX_BYTES_PER_WRITE;
    if (full && page.length > 0) {
      all.push(page);
      page = [];
      bytes = 0;
    }
    page.push(letter);
    bytes += letter.body.byteLength;
  }
  return page.length === 0 ? all : [...all, page];
}

function countByCode(letters: readonly DeadLetter[], telemetry: IngestTelemetry): void {
  const counts = new Map<string, number>();
  for (const { kind, code } of letters) {
    counts.set(`${kind} ${code}`, (counts.get(`${kind} ${code}`) ?? 0) + 1);
  }
  for (const [name, count] of counts) {
    const [kind = '', code = ''] = name.split(' ');
    telemetry.add('deadLettered', count, { kind, code });
  }
}

export function createLetterBox({ clock, store, policy, telemetry }: LetterBoxDeps): LetterBox {
  const writePage = (page: readonly DeadLetter[], endByMs: number, signal: AbortSignal): Promise<void> =>
    retry(
      () =>
        orAbort(store.write(page, signal), signal).catch((error: unknown) => {
          throw asKfError(error, 'STORAGE_TRANSIENT', 'dead letters');
        }),
      {
        clock,
        signal,
        policy: { ...policy, maxElapsedMs: Math.max(0, endByMs - clock.now()) },
        onRetry: (error) => telemetry.add('retries', 1, { code: error.code, step: 'deadLetter' }),
      },
    );
  return {
    write: async (letters, endByMs) => {
      if (letters.length === 0) {
        return;
      }
      const deadline = createDeadline({ clock, atMs: endByMs, place: 'dead letters' });
      try {
        for (const page of pages(letters)) {
          await writePage(page, endByMs, deadline.signal);
          countByCode(page, telemetry);
        }
      } catch (error) {
        throw deadline.signal.aborted
          ? new KfError('DEADLINE_EXCEEDED', 'dead letters: not stored within the deadline', { cause: error })
          : error;
      } finally {
        deadline.dispose();
      }
    },
  };
}
