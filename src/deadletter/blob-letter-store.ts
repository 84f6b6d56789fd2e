import { gzipBytes, inflateBody } from '../formats/gzip.js';
import type { Clock } from '../runtime/clock.js';
import { asKfError, KfError } from '../runtime/errors.js';
import type { Logger, Metrics } from '../runtime/log.js';
import type { BlobFacts, BlobStore, TableStore } from '../storage/ports.js';
import {
  decodeLetter,
  encodeLetter,
  LETTERS_PREFIX,
  letterBlobName,
  readBlobName,
  sourcePrefix,
} from './letter-codec.js';
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterKind,
  DeadLetterPage,
  DeadLetterStore,
} from './ports.js';

const LETTERS_PER_BLOB = 1_000;
const BODY_BYTES_PER_BLOB = 16 * 1024 * 1024;
/** A blob of letters, compressed and inflated; one letter may be larger than the others together. */
const MAX_BLOB_BYTES = 256 * 1024 * 1024;
const INFLATE = { maxInflatedBytes: 512 * 1024 * 1024, maxInflateRatio: 1_100 };
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;
const MAX_PAGE_BODY_BYTES = 32 * 1024 * 1024;
/** Blobs opened for one page; the page then ends with a continuation, however few letters it holds. */
const BLOBS_PER_PAGE = 200;
const CALLS_IN_FLIGHT = 16;
const HOUR_MS = 3_600_000;
const MARKS_PARTITION = 'replayed';

/** A second home for letters, such as an event hub. */
export interface LetterForwarder {
  forward(letters: readonly DeadLetter[], signal?: AbortSignal): Promise<void>;
}

export interface BlobLetterStoreOptions {
  readonly blobs: BlobStore;
  /** Keeps the marks of replayed letters. */
  readonly table: TableStore;
  readonly container: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly forward?: Partial<Readonly<Record<DeadLetterKind, LetterForwarder>>>;
}

/** Dead letters as gzipped JSON lines in a container, by source and UTC hour. */
export function createBlobLetterStore(options: BlobLetterStoreOptions): DeadLetterStore {
  return {
    write: async (letters, signal) => {
      for (const group of groupsOf(letters)) {
        const body = await gzipBytes(Buffer.from(`${group.map(encodeLetter).join('\n')}\n`));
        await options.blobs.put(
          options.container,
          letterBlobName(group),
          body,
          signal === undefined ? {} : { signal },
        );
        await forward(options, group, signal);
      }
    },
    list: (filter) => listLetters(options, filter),
    markReplayed: (ids) =>
      inParallel(ids, async (id) => {
        const properties = { ReplayedAtMs: options.clock.now() };
        await options.table.upsert({ partitionKey: MARKS_PARTITION, rowKey: id, properties });
      }),
  };
}

async function inParallel<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += CALLS_IN_FLIGHT) {
    await Promise.all(items.slice(at, at + CALLS_IN_FLIGHT).map(action));
  }
}

/** Letters of one source, kind and hour together, cut by number and size. */
function groupsOf(letters: readonly DeadLetter[]): DeadLetter[][] {
  const groups = new Map<string, { letters: DeadLetter[]; bytes: number }[]>();
  for (const letter of letters) {
    const key = JSON.stringify([letter.source, letter.kind, Math.floor(letter.timeMs / HOUR_MS)]);
    const parts = groups.get(key) ?? [];
    groups.set(key, parts);
    let part = parts.at(-1);
    if (
      part === undefined ||
      part.letters.length >= LETTERS_PER_BLOB ||
      part.bytes + letter.body.byteLength > BODY_BYTES_PER_BLOB
    ) {
      part = { letters: [], bytes: 0 };
      parts.push(part);
    }
    part.letters.push(letter);
    part.bytes += letter.body.byteLength;
  }
  return [...groups.values()].flat().map((part) => part.letters);
}

/** The letters are durable already: a second home that fails is reported, and holds nobody up. */
async function forward(
  options: BlobLetterStoreOptions,
  letters: readonly DeadLetter[],
  signal?: AbortSignal,
): Promise<void> {
  const kind = letters[0]?.kind;
  const second = kind === undefined ? undefined : options.forward?.[kind];
  if (second === undefined || kind === undefined) return;
  try {
    await second.forward(letters, signal);
  } catch (thrown) {
    const error = asKfError(thrown, 'INTERNAL', 'second home');
    options.metrics.add('kusto_functions.dead_letters.forward_failed', letters.length, { kind });
    options.logger.warn('deadLetter.forwardFailed', {
      kind,
      letters: letters.length,
      code: error.code,
      message: error.message,
    });
  }
}

interface Place {
  readonly blob: string;
  readonly line: number;
}

function readContinuation(text: string | undefined): Place {
  if (text === undefined) return { blob: '', line: 0 };
  const [line, ...blob] = Buffer.from(text, 'base64url').toString().split(' ');
  const place = { blob: blob.join(' '), line: Number(line) };
  if (!Number.isSafeInteger(place.line) || !place.blob.startsWith(LETTERS_PREFIX)) {
    throw new KfError('REQUEST_INVALID', 'continuation: not one that a list gave');
  }
  return place;
}

async function listLetters(
  options: BlobLetterStoreOptions,
  filter: DeadLetterFilter,
): Promise<DeadLetterPage> {
  const limit = Math.min(Math.max(1, filter.limit ?? DEFAULT_PAGE), MAX_PAGE);
  const from = readContinuation(filter.continuation);
  const letters = new Map<string, DeadLetter>();
  let next: Place | undefined;
  let bodyBytes = 0;
  let opened = 0;
  const prefix = filter.source === undefined ? LETTERS_PREFIX : sourcePrefix(filter.source);
  scan: for await (const blob of options.blobs.list(options.container, prefix)) {
    if (blob.name < from.blob || !mayHold(blob.name, filter)) continue;
    if (opened++ >= BLOBS_PER_PAGE) {
      next = { blob: blob.name, line: 0 };
      break;
    }
    const lines = await readLines(options, blob);
    for (let line = blob.name === from.blob ? from.line : 0; line < lines.length; line++) {
      const letter = decodeLetter(lines[line] ?? '');
      if (!matches(letter, filter)) continue;
      const isFull =
        letters.size >= limit ||
        (letters.size > 0 && bodyBytes + letter.body.byteLength > MAX_PAGE_BODY_BYTES);
      if (isFull) {
        next = { blob: blob.name, line };
        break scan;
      }
      // A record that came again later has the same id: it is one letter, its first.
      if (!letters.has(letter.id)) {
        letters.set(letter.id, letter);
        bodyBytes += letter.body.byteLength;
      }
    }
  }
  const continuation =
    next === undefined ? undefined : Buffer.from(`${next.line} ${next.blob}`).toString('base64url');
  return {
    letters: await withMarks(options, [...letters.values()]),
    ...(continuation === undefined ? {} : { continuation }),
  };
}

function mayHold(name: string, filter: DeadLetterFilter): boolean {
  const facts = readBlobName(name);
  if (facts === undefined) return false;
  if (filter.kind !== undefined && facts.kind !== filter.kind) return false;
  if (filter.fromMs !== undefined && facts.hourMs + HOUR_MS <= filter.fromMs) return false;
  return filter.toMs === undefined || facts.hourMs <= filter.toMs;
}

function matches(letter: DeadLetter, filter: DeadLetterFilter): boolean {
  return (
    (filter.source === undefined || letter.source === filter.source) &&
    (filter.kind === undefined || letter.kind === filter.kind) &&
    (filter.code === undefined || letter.code === filter.code || letter.serviceCode === filter.code) &&
    (filter.fromMs === undefined || letter.timeMs >= filter.fromMs) &&
    (filter.toMs === undefined || letter.timeMs < filter.toMs)
  );
}

async function readLines(options: BlobLetterStoreOptions, blob: BlobFacts): Promise<string[]> {
  const body = await options.blobs.get(options.container, blob.name, MAX_BLOB_BYTES);
  const text = (await inflateBody(body, INFLATE)).toString();
  return text.split('\n').filter((line) => line !== '');
}

async function withMarks(
  options: BlobLetterStoreOptions,
  letters: readonly DeadLetter[],
): Promise<DeadLetterPage['letters']> {
  const marked = new Map<string, number>();
  await inParallel(letters, async ({ id }) => {
    const row = await options.table.get(MARKS_PARTITION, id);
    const atMs = row?.properties['ReplayedAtMs'];
    if (typeof atMs === 'number') marked.set(id, atMs);
  });
  return letters.map((letter) => {
    const replayedAtMs = marked.get(letter.id);
    return replayedAtMs === undefined ? letter : { ...letter, replayedAtMs };
  });
}
