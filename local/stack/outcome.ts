import { countRows, Refused } from './kusto.js';
import { isAccountedFor, type TableProgress } from './progress.js';
import { withSlash } from './send.js';

/** Wait between two looks at the tables. */
const POLL_MS = 500;
/** Every how many looks the dead letters are counted. */
const DEAD_LETTER_EVERY = 6;
/** Without any change for this long the sample counts as stuck. */
const STALL_TIMEOUT_MS = 120_000;
/** Letters per page (the app's maximum) and pages read at most. */
const PAGE_SIZE = 1_000;
const MAX_PAGES = 300;
const REQUEST_TIMEOUT_MS = 30_000;
const FIRST_SERVER_ERROR = 500;
const TOO_MANY_REQUESTS = 429;

/** Where to look. */
export interface OutcomeSources {
  readonly kustoUrl: string;
  readonly functionsUrl: string;
}

/**
 * Looks at the tables until all rows are accounted for, sending has failed, or nothing changes for two minutes.
 * `sending` tells whether rows are still on their way to the app.
 */
export async function followOutcome(
  tables: readonly TableProgress[],
  sources: OutcomeSources,
  sending: () => boolean,
): Promise<void> {
  let changedMs = performance.now();
  let before = '';
  for (let look = 0; performance.now() - changedMs < STALL_TIMEOUT_MS; look++) {
    await tolerateOutage(() => countQueryable(tables, sources.kustoUrl));
    if (look % DEAD_LETTER_EVERY === DEAD_LETTER_EVERY - 1) {
      await tolerateOutage(() => countDeadLetters(tables, sources.functionsUrl));
    }
    noteCompletion(tables);
    if (!sending() && tables.every((table) => isAccountedFor(table) || table.error !== undefined)) break;
    const now = JSON.stringify(
      tables.map(({ sent, queryable, deadLettered }) => [sent, queryable, deadLettered]),
    );
    if (now !== before) changedMs = performance.now();
    before = now;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  await countDeadLetters(tables, sources.functionsUrl);
}

/** A part that is busy or does not answer is asked again at the next look; a wrong question is an error. */
async function tolerateOutage(look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (error instanceof Refused && error.status < FIRST_SERVER_ERROR && error.status !== TOO_MANY_REQUESTS) {
      throw error;
    }
  }
}

function noteCompletion(tables: readonly TableProgress[]): void {
  for (const table of tables) {
    if (table.completedMs === undefined && isAccountedFor(table)) table.completedMs = performance.now();
  }
}

async function countQueryable(tables: readonly TableProgress[], kustoUrl: string): Promise<void> {
  for (const table of tables) {
    if (table.startedMs === undefined || table.completedMs !== undefined) continue;
    table.queryable = await countRows(kustoUrl, table);
  }
}

interface Letters {
  readonly letters: readonly {
    readonly database: string;
    readonly table: string;
    /** Set once it was sent again with success; its row is then in the table. */
    readonly replayedAtMs?: number;
  }[];
  readonly continuation?: string;
}

async function countDeadLetters(tables: readonly TableProgress[], functionsUrl: string): Promise<void> {
  const counts = new Map<string, number>();
  let continuation: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await deadLetterPage(functionsUrl, continuation);
    for (const { database, table, replayedAtMs } of answer.letters) {
      if (replayedAtMs !== undefined) continue;
      counts.set(`${database}.${table}`, (counts.get(`${database}.${table}`) ?? 0) + 1);
    }
    continuation = answer.continuation;
    if (continuation === undefined) break;
  }
  for (const table of tables) table.deadLettered = counts.get(`${table.database}.${table.table}`) ?? 0;
}

async function deadLetterPage(functionsUrl: string, continuation: string | undefined): Promise<Letters> {
  const url = new URL('api/dead-letters', withSlash(functionsUrl));
  url.searchParams.set('limit', String(PAGE_SIZE));
  if (continuation !== undefined) url.searchParams.set('continuation', continuation);
  const answer = await fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  const text = await answer.text();
  if (!answer.ok) throw new Refused('listing dead letters', answer.status, text);
  return JSON.parse(text) as Letters;
}
