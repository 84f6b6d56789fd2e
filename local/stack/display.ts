import type { LoadProgress } from './load-progress.js';
import type { TableProgress } from './progress.js';
import type { SampleProgress } from './sample.js';
import { columns, count } from './text.js';

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
  progress(progress: SampleProgress): void {
    if (this.#screen.isTerminal) this.#live(progress);
    else this.#plain(progress);
  }

  #live({ tables, loads }: SampleProgress): void {
    const lines = [
      ...(tables.length === 0 ? [] : tableLines(tables)),
      ...(tables.length === 0 || loads.length === 0 ? [] : ['']),
      ...(loads.length === 0 ? [] : loadLines(loads)),
    ];
    const back = this.#liveLines === 0 ? '' : `\u001b[${this.#liveLines}A`;
    this.#screen.write(`${back}${lines.map((line) => `\u001b[2K${line}\n`).join('')}`);
    this.#liveLines = lines.length;
  }

  #plain({ tables, loads }: SampleProgress): void {
    const parts = [
      ...tables.map(
        ({ table, sent, queryable }) => `${table} ${count(sent)} sent ${count(queryable)} queryable`,
      ),
      ...loads.map((load) => `load ${load.table} ${doing(load)}`),
    ];
    const text = parts.join(', ');
    if (text === this.#lastPlainText || this.#now() - this.#lastPlainMs < PLAIN_EVERY_MS) return;
    this.#lastPlainMs = this.#now();
    this.#lastPlainText = text;
    this.#screen.write(`${text}\n`);
  }
}

function tableLines(tables: readonly TableProgress[]): string[] {
  return columns([
    ['table', 'how', 'sent', 'queryable', 'dead letters'],
    ...tables.map((table) => [
      `${table.database}.${table.table}`,
      table.way,
      count(table.sent),
      count(table.queryable),
      count(table.deadLettered),
    ]),
  ]);
}

function loadLines(loads: readonly LoadProgress[]): string[] {
  return columns([
    ['load into', 'how', 'staged', 'visible', 'state'],
    ...loads.map((load) => [
      `${load.database}.${load.table}`,
      load.way,
      load.staged === undefined ? '-' : count(load.staged),
      count(load.rows),
      doing(load),
    ]),
  ]);
}

/** The step of a load that runs; the state of one that does not. */
function doing({ state, step, problem }: LoadProgress): string {
  if (problem !== undefined) return 'stopped';
  return state === 'running' ? step : state;
}
