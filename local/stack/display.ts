import type { TableProgress } from './progress.js';
import { columns, count } from './report.js';

/** Wait between two lines of progress where lines cannot be overwritten. */
const PLAIN_EVERY_MS = 5_000;

/** Where progress is shown; `isTerminal` allows to overwrite lines. */
export interface Screen {
  readonly isTerminal: boolean;
  write(text: string): void;
}

/** Shows steps and the live progress of the sample. */
export class Display {
  readonly #screen: Screen;
  readonly #now: () => number;
  #liveLines = 0;
  #lastPlainMs = Number.NEGATIVE_INFINITY;
  #lastPlainText = '';

  constructor(screen: Screen, now: () => number) {
    this.#screen = screen;
    this.#now = now;
  }

  /** A line that stays. */
  line(text: string): void {
    this.#liveLines = 0;
    this.#screen.write(`${text}\n`);
  }

  /** Overwrites the progress shown before on a terminal; elsewhere a line every five seconds. */
  progress(tables: readonly TableProgress[]): void {
    if (this.#screen.isTerminal) this.#live(tables);
    else this.#plain(tables);
  }

  #live(tables: readonly TableProgress[]): void {
    const lines = columns([
      ['table', 'how', 'sent', 'queryable', 'dead letters'],
      ...tables.map((table) => [
        `${table.database}.${table.table}`,
        table.way,
        count(table.sent),
        count(table.queryable),
        count(table.deadLettered),
      ]),
    ]);
    const back = this.#liveLines === 0 ? '' : `\u001b[${this.#liveLines}A`;
    this.#screen.write(`${back}${lines.map((line) => `\u001b[2K${line}\n`).join('')}`);
    this.#liveLines = lines.length;
  }

  #plain(tables: readonly TableProgress[]): void {
    const parts = tables.map(
      ({ table, sent, queryable }) => `${table} ${count(sent)} sent ${count(queryable)} queryable`,
    );
    const text = parts.join(', ');
    if (text === this.#lastPlainText || this.#now() - this.#lastPlainMs < PLAIN_EVERY_MS) return;
    this.#lastPlainMs = this.#now();
    this.#lastPlainText = text;
    this.#screen.write(`${text}\n`);
  }
}
