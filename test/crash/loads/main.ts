import { fork } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runHostKills } from '../host/kills.js';
import { openGround, runCell } from './cell.js';
import { enumerate } from './enumerate.js';
import type { Fault, FaultKind } from './faults.js';
import { runSeed } from './pairs.js';
import { paths } from './paths.js';
import { regressions } from './regressions.js';
import { add, newTally, type Tally } from './report.js';

/**
 * `npm run test:crash`: a load ends as one of its states, with all rows or none, whatever call of it fails. Exit 1 when
 * a promise is broken or the run was vacuous.
 */
const USAGE = `npm run test:crash -- [options]
  --seed N    first seed of the pairs of faults; chooses samples (1)
  --count N   seeds to run (500); given, only the load that succeeds is enumerated
  --json      one JSON document
  --path P --at N --kind K [--reaper] [--late-by N]   one cell again`;

const PAIRS = 500;
/** Many short lives, and errors of which only the message is wanted. */
const FLAGS = ['--max-semi-space-size=64', '--stack-trace-limit=0'];

const { values } = parseArgs({
  options: {
    ...{
      seed: { type: 'string' },
      count: { type: 'string' },
      path: { type: 'string' },
      at: { type: 'string' },
    },
    ...{ kind: { type: 'string' }, 'late-by': { type: 'string' }, share: { type: 'string' } },
    ...{ json: { type: 'boolean' }, reaper: { type: 'boolean' }, help: { type: 'boolean' } },
  },
});

const seed = Number(values.seed ?? 1);
const count = Number(values.count ?? PAIRS);
const isWhole = values.count === undefined;

/** One share of all cells and seeds. */
async function runShare(index: number, of: number): Promise<Tally> {
  const ground = await openGround();
  const tally = newTally();
  const seeds = Array.from({ length: count }, (_, number) => seed + number);
  const all = [...new Set([...regressions(), ...seeds])];
  for (const one of all.filter((_, number) => number % of === index)) await runSeed(ground, one, tally);
  const wanted = paths.filter(({ name }, at) =>
    values.path === undefined ? isWhole || at === 0 : name === values.path,
  );
  const say = (what: string): void => {
    const seconds = Math.round(performance.now() / 1000);
    console.error(`${String(seconds).padStart(4)} s  ${what}, ${tally.broken.length} broken so far`);
  };
  say(`${tally.pairs} pairs`);
  for (const path of wanted) {
    await enumerate(ground, path, tally, { index, of, turn: seed - 1 });
    say(`${tally.perPath[path.name]} cells of: ${path.name}`);
  }
  return tally;
}

async function runAll(): Promise<Tally> {
  const of = Math.max(1, Math.min(4, cpus().length));
  const total = newTally();
  const parts = Array.from({ length: of }, (_, index) => {
    const args = [...process.argv.slice(2), '--share', `${index}/${of}`];
    const child = fork(fileURLToPath(import.meta.url), args, { execArgv: FLAGS });
    return new Promise<Tally>((resolve, reject) => {
      child.once('message', (part) => resolve(part as Tally));
      child.once('exit', (code) => reject(new Error(`a share ended with ${code} and without a result`)));
    });
  });
  for (const part of await Promise.all(parts)) add(total, part);
  if (isWhole && values.path === undefined) await killHosts(total);
  return total;
}

/** The same through the real host: its worker, and now and then the host itself, killed at the calls of a load. */
async function killHosts(total: Tally): Promise<void> {
  const { cells, unreached, kills, problems } = await runHostKills((line) => console.error(line));
  const path = 'worker or host killed';
  total.cells += cells;
  total.unreached += unreached.length;
  total.perPath[path] = cells;
  total.faultsFired['killWorker'] = kills.workers;
  total.faultsFired['killHost'] = kills.hosts;
  for (const name of unreached) console.error(`never reached: ${name}`);
  if (problems.length === 0) return;
  total.problems.state += problems.length;
  const found = problems.map((text) => ({ kind: 'state' as const, text }));
  total.broken.push({ path, faults: [], calls: [], problems: found, again: 'npm run test:crash' });
}

async function runOne(): Promise<Tally> {
  const path = paths.find(({ name }) => name === values.path);
  if (path === undefined) throw new Error(`--path: one of ${paths.map(({ name }) => name).join(', ')}`);
  const fault: Fault = {
    at: Number(values.at),
    kind: values.kind as FaultKind,
    ...(values.reaper === true ? { viaReaper: true } : {}),
    ...(values['late-by'] === undefined ? {} : { lateBy: Number(values['late-by']) }),
  };
  const { calls, problems, state } = await runCell(await openGround(), path, [fault]);
  console.log(calls.map((call, at) => `${at === fault.at ? '>' : ' '}${at} ${call}`).join('\n'));
  console.log(state, JSON.stringify(problems, undefined, 1));
  const tally = newTally();
  tally.problems.state = problems.length;
  return { ...tally, cells: 1, pairs: 1, replays: 1, faultsFired: { [fault.kind]: 1 } };
}

/** What the run did not show, though it should. */
function vacuous({ cells, pairs, unreached, replays, faultsFired }: Tally): string[] {
  return [
    ...(cells === 0 ? ['no cell was run'] : []),
    ...(pairs === 0 && count > 0 ? ['no pair was run'] : []),
    ...(unreached > 0 ? [`${unreached} cells were never reached`] : []),
    ...(replays === 0 || Object.keys(faultsFired).length === 0 ? ['no fault fired'] : []),
  ];
}

function tell(total: Tally, elapsedMs: number): boolean {
  const { cells, pairs, unreached, replays, problems, broken, perPath, states, faultsFired } = total;
  const empty = vacuous(total);
  const { lost, doubled, visibleEarly, leftovers, secret, state, repair, unbounded } = problems;
  const counts = { lost, doubled, visibleEarly, leftovers, secret, state, repair, unbounded };
  const line = { seed, cells, unreached, pairs, ...counts, faultsFired, states, perPath, replays, elapsedMs };
  if (values.json === true) {
    console.log(JSON.stringify({ ...line, vacuous: empty, broken }));
  } else {
    for (const { path, faults, calls, problems: found, again } of broken) {
      const where = faults.map(({ kind, at }, index) => `${kind} at ${at} (${calls[index]})`).join(', ');
      console.log(
        `BROKEN ${path}: ${where}\n${found.map(({ kind, text }) => `  ${kind}: ${text}`).join('\n')}\n  ${again}`,
      );
    }
    for (const text of empty) console.log(`VACUOUS ${text}`);
    for (const [path, number] of Object.entries(perPath))
      console.log(`${String(number).padStart(6)} cells  ${path}`);
    console.log(JSON.stringify({ ...line, perPath: undefined }));
  }
  return broken.length + empty.length + Object.values(problems).reduce((sum, one) => sum + one, 0) === 0;
}

const startedMs = Date.now();
if (values.help === true) {
  console.log(USAGE);
} else if (values.share !== undefined) {
  const [index = 0, of = 1] = values.share.split('/').map(Number);
  process.send?.(await runShare(index, of), () => process.exit(0));
} else {
  const total = values.at === undefined ? await runAll() : await runOne();
  process.exitCode = tell(total, Date.now() - startedMs) ? 0 : 1;
}
