import type { CellResult } from './cell.js';
import type { Fault } from './faults.js';
import { type ProblemKind, problemKinds } from './oracle.js';

export interface Broken {
  readonly path: string;
  readonly faults: readonly Fault[];
  readonly calls: readonly string[];
  readonly problems: CellResult['problems'];
  /** One command that shows it again. */
  readonly again: string;
}

/** What a part of the run has seen; parts add up. */
export interface Tally {
  cells: number;
  pairs: number;
  unreached: number;
  replays: number;
  readonly perPath: Record<string, number>;
  readonly states: Record<string, number>;
  readonly faultsFired: Record<string, number>;
  readonly problems: Record<ProblemKind, number>;
  readonly broken: Broken[];
}

export function newTally(): Tally {
  return {
    ...{ cells: 0, pairs: 0, unreached: 0, replays: 0 },
    ...{ perPath: {}, states: {}, faultsFired: {}, broken: [] },
    problems: Object.fromEntries(problemKinds.map((kind) => [kind, 0])) as Record<ProblemKind, number>,
  };
}

const count = (counts: Record<string, number>, key: string, by = 1): void => {
  counts[key] = (counts[key] ?? 0) + by;
};

interface Seen {
  readonly path: string;
  readonly faults: readonly Fault[];
  readonly result: CellResult;
  readonly again: string;
}

export function take(tally: Tally, { path, faults, result, again }: Seen): void {
  tally.replays += result.replays;
  count(tally.states, result.state);
  for (const { kind } of result.fired) count(tally.faultsFired, kind);
  if (result.problems.length === 0) return;
  for (const { kind } of result.problems) tally.problems[kind]++;
  const calls = faults.map(({ at }) => result.calls[at] ?? '');
  tally.broken.push({ path, faults, calls, problems: result.problems, again });
}

export function add(total: Tally, part: Tally): void {
  for (const key of ['cells', 'pairs', 'unreached', 'replays'] as const) total[key] += part[key];
  for (const key of ['perPath', 'states', 'faultsFired', 'problems'] as const) {
    for (const [name, value] of Object.entries(part[key])) count(total[key], name, value);
  }
  total.broken.push(...part.broken);
}
