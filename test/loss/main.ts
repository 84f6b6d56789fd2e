import { seeded, suiteOptions } from '../helpers/args.js';
import { runScenario, type ScenarioResult } from './scenario.js';
import type { Scenario } from './verdict.js';

/**
 * `npm run test:loss`: no record is lost while processes are killed and the service fails.
 * Exit 1 when a promise is broken or the run was vacuous.
 */
const scenarios: readonly Scenario[] = ['chaos', 'clean', 'two-hosts'];

const options = suiteOptions('test:loss', {
  events: 'events of each scenario (200000)',
  scenario: `one of ${scenarios.join(', ')} (all)`,
});
const events = Number(options.values.events ?? 200_000);
const wanted = options.values.scenario;
const startedMs = Date.now();
const say = (line: string): void => {
  const second = String(Math.round((Date.now() - startedMs) / 1000)).padStart(4);
  (options.json ? console.error : console.log)(`${second} s  ${line}`);
};

const results: ScenarioResult[] = [];
const broken: string[] = [];

function tell(result: ScenarioResult): void {
  const { scenario, accepted, stored, deadLettered, lost, duplicated, possibleDuplicates } = result;
  const seconds = Math.round(result.elapsedMs / 1000);
  say(
    `${scenario}: accepted ${accepted}, stored ${stored}, dead letters ${deadLettered}, lost ${lost}, ` +
      `duplicated ${duplicated} ${JSON.stringify(result.duplicatedByCause)} (possible ${possibleDuplicates}), ` +
      `kills ${result.kills} (${result.killsDuringFlush} during a flush), hand-overs ${result.handOvers}, ${seconds} s`,
  );
  if (Object.keys(result.faultsFired).length > 0) {
    say(`${scenario}: faults fired ${JSON.stringify(result.faultsFired)}`);
  }
}

for (const scenario of scenarios.filter((name) => wanted === undefined || name === wanted)) {
  say(`${scenario}: ${events} events over 8 partitions, seed ${options.seed}`);
  const random = seeded(options.seed);
  const found: string[] = [];
  try {
    const result = await runScenario({ scenario, events, partitions: 8, random, seed: options.seed, say });
    tell(result);
    results.push(result);
    found.push(...result.broken);
  } catch (error) {
    found.push(`did not come to its end: ${error instanceof Error ? error.message : String(error)}`);
  }
  for (const text of found) {
    say(`${scenario}: BROKEN ${text}`);
    broken.push(`${scenario}: ${text}`);
  }
}

const sum = (pick: (result: ScenarioResult) => number): number =>
  results.reduce((total, result) => total + pick(result), 0);
if (options.json) {
  console.log(
    JSON.stringify({
      seed: options.seed,
      accepted: sum((result) => result.accepted),
      stored: sum((result) => result.stored),
      deadLettered: sum((result) => result.deadLettered),
      lost: sum((result) => result.lost),
      duplicated: sum((result) => result.duplicated),
      possibleDuplicates: sum((result) => result.possibleDuplicates),
      faultsFired: results.find((result) => result.scenario === 'chaos')?.faultsFired ?? {},
      broken,
      scenarios: results,
    }),
  );
}
process.exitCode = broken.length > 0 || results.length === 0 ? 1 : 0;
