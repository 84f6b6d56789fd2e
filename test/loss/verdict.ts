import type { Explanation } from './explain.js';
import { type Hits, leastHits, poisonCode } from './faults.js';
import type { Kill } from './kills.js';
import type { Verdict } from './oracle.js';
import type { HandOver } from './positions.js';

export type Scenario = 'chaos' | 'clean' | 'two-hosts';

export const wantedKills = 12;
const leastKills = 10;
const leastKillsDuringFlush = 5;

/** What one scenario came to. */
export interface Ending {
  readonly scenario: Scenario;
  readonly wantedEvents: number;
  readonly accepted: number;
  readonly poison: number;
  readonly verdict: Verdict;
  readonly explanation: Explanation;
  readonly kills: readonly Kill[];
  readonly hits: Hits;
  readonly handOvers: readonly HandOver[];
  /** Hosts that owned partitions: before one was stopped, after, and once it was started again. */
  readonly owners: readonly number[];
}

type Demand = readonly [holds: boolean, text: string];

/** Runs of numbers that a message names. */
const shownRuns = 8;

/** `3 (2/0-1 4/7)`: how many, and the first runs of them. */
function some(keys: readonly string[]): string {
  const places = keys.map((key) => key.split('/').map(Number) as [number, number]);
  const runs: { partition: number; first: number; last: number }[] = [];
  for (const [partition, n] of places.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    const run = runs.at(-1);
    if (run?.partition === partition && run.last === n - 1) {
      run.last = n;
    } else {
      runs.push({ partition, first: n, last: n });
    }
  }
  const named = runs.map(({ partition, first, last }) =>
    first === last ? `${partition}/${first}` : `${partition}/${first}-${last}`,
  );
  return `${keys.length} (${named.slice(0, shownRuns).join(' ')}${named.length > shownRuns ? ' …' : ''})`;
}

/** What was promised and does not hold, or was not tried; empty when all is well. Pure. */
export function brokenPromises(ending: Ending): string[] {
  const own = { chaos: chaosDemands, clean: cleanDemands, 'two-hosts': twoHostsDemands }[ending.scenario];
  return [...commonDemands(ending), ...own(ending)].filter(([holds]) => !holds).map(([, text]) => text);
}

function commonDemands({ accepted, wantedEvents, verdict, explanation }: Ending): Demand[] {
  const { lost, corrupted, foreign, both, poisonMistreated } = verdict;
  const { unexplained } = explanation;
  return [
    [accepted >= wantedEvents && wantedEvents > 0, `vacuous: ${accepted} events accepted of ${wantedEvents}`],
    [verdict.stored > 0, 'vacuous: the table is empty'],
    [lost.length === 0, `lost ${some(lost)}`],
    [corrupted.length === 0, `rows that differ from what was sent: ${some(corrupted)}`],
    [foreign.length === 0, `rows or letters that nobody sent: ${some(foreign)}`],
    [both.length === 0, `both stored and dead-lettered: ${some(both)}`],
    [poisonMistreated.length === 0, `poison without a letter with ${poisonCode}: ${some(poisonMistreated)}`],
    [unexplained.length === 0, `repeats without a cause: ${some(unexplained)}`],
  ];
}

function chaosDemands({ verdict, poison, kills, hits }: Ending): Demand[] {
  const during = kills.filter((kill) => kill.during !== undefined).length;
  const kinds = new Set(kills.map(({ what }) => what));
  return [
    [poison > 0, 'vacuous: no record was to be refused'],
    [verdict.deadLettered === poison, `${verdict.deadLettered} dead letters for ${poison} poison records`],
    [kills.length >= leastKills, `vacuous: ${kills.length} kills`],
    [kinds.size === 2, `vacuous: only ${[...kinds].join()} kills`],
    [during >= leastKillsDuringFlush, `vacuous: ${during} kills during a flush`],
    [Object.keys(hits).length > 0, 'vacuous: no faults'],
    ...Object.entries(hits).map(
      ([name, count]): Demand => [count >= leastHits, `vacuous: fault ${name} fired ${count} times`],
    ),
  ];
}

function cleanDemands({ verdict, kills, hits }: Ending): Demand[] {
  return [
    [kills.length === 0 && Object.keys(hits).length === 0, 'the clean run was disturbed'],
    ...undisturbed(verdict),
    [verdict.duplicated.length === 0, `repeated without kill or fault: ${some(verdict.duplicated)}`],
  ];
}

function twoHostsDemands({ verdict, handOvers, owners }: Ending): Demand[] {
  return [
    ...undisturbed(verdict),
    [owners.join() === '2,1,2', `vacuous: ${owners.join(', ')} hosts owned partitions, not 2, 1, 2`],
    [handOvers.length > 0, 'vacuous: no partition went to another host'],
  ];
}

function undisturbed(verdict: Verdict): Demand[] {
  return [[verdict.deadLettered === 0, `${verdict.deadLettered} dead letters although nothing was refused`]];
}
