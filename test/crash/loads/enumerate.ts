import { type Ground, runCell } from './cell.js';
import { sampled } from './cells.js';
import type { Fault } from './faults.js';
import { type Path, paths } from './paths.js';
import { type Tally, take } from './report.js';

/** Fewer calls than any load makes: the enumeration would be vacuous. */
const MIN_CALLS = 15;

function commandOf(path: Path, { at, kind, viaReaper, lateBy }: Fault): string {
  const more = [
    ...(viaReaper === true ? ['--reaper'] : []),
    ...(lateBy === undefined ? [] : [`--late-by ${lateBy}`]),
  ];
  return [`npm run test:crash -- --path '${path.name}' --at ${at} --kind ${kind}`, ...more].join(' ');
}

/** The part of the cells that this process runs. `turn` chooses other samples of those that are not run in full. */
export interface Share {
  readonly index: number;
  readonly of: number;
  readonly turn: number;
}

/** Every fault at every call of one path; of a share of them where several processes divide the work. */
export async function enumerate(
  ground: Ground,
  path: Path,
  tally: Tally,
  { index, of, turn }: Share = { index: 0, of: 1, turn: 0 },
): Promise<void> {
  const base = await runCell(ground, path);
  const again = `npm run test:crash -- --path '${path.name}' --at 100000 --kind cancel`;
  take(tally, { path: path.name, faults: [], result: base, again });
  if (base.calls.length < MIN_CALLS) throw new Error(`${path.name}: only ${base.calls.length} calls`);
  const number = paths.indexOf(path);
  const { calls } = number === 0 ? base : await runCell(ground, paths[0] as Path);
  const cells = sampled(path, base.calls, { calls, offset: number + turn }).filter(
    (_, at) => at % of === index,
  );
  for (const fault of cells) {
    const result = await runCell(ground, path, [fault]);
    tally.cells++;
    tally.perPath[path.name] = (tally.perPath[path.name] ?? 0) + 1;
    if (result.fired.length === 0) tally.unreached++;
    take(tally, { path: path.name, faults: [fault], result, again: commandOf(path, fault) });
  }
}
