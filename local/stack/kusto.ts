import { withSlash } from './send.js';

const REQUEST_TIMEOUT_MS = 30_000;
/** Characters of an error body that are shown. */
const ERROR_TEXT_CHARS = 600;

/** An answer that is none of those expected. */
export class Refused extends Error {
  readonly status: number;

  constructor(what: string, status: number, text: string) {
    super(`${what} was answered ${status}: ${text.slice(0, ERROR_TEXT_CHARS)}`);
    this.status = status;
  }
}

/** Where and what to ask: a query, or a management command. */
export interface Question {
  readonly kustoUrl: string;
  readonly database: string;
  readonly text: string;
}

/** Rows of the first table of the answer. @throws Refused */
export async function ask({ kustoUrl, database, text: csl }: Question): Promise<unknown[][]> {
  const kind = csl.startsWith('.') ? 'mgmt' : 'query';
  const answer = await fetch(new URL(`v1/rest/${kind}`, withSlash(kustoUrl)), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ db: database, csl }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Refused(csl, answer.status, text);
  return (JSON.parse(text) as { Tables: { Rows: unknown[][] }[] }).Tables[0]?.Rows ?? [];
}

/** Rows that queries see. @throws Refused */
export async function countRows(
  kustoUrl: string,
  { database, table }: { readonly database: string; readonly table: string },
): Promise<number> {
  const rows = await ask({ kustoUrl, database, text: `['${table}'] | count` });
  return Number(rows[0]?.[0]);
}
