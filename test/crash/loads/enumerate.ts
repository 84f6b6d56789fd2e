import { type Ground, runCell } from './cell.js';
import { cellsOf } from './cells.js';
import type { Fault } from './faults.js';
import type { Path } from './paths.js';
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

export interface Share {
  readonly index: number;
  readonly of: number;
}

/** Every fault at every call of one path; of a share of them where several processes divide the work. */
export async function enumerate(
  ground: Ground,
  path: Path,
  tally: Tally,
  { index, of }: Share = { index: 0, of: 1 },
): Promise<void> {
  const base = await runCell(ground, path);
  const again = `npm run test:crash -- --path '${path.name}' --at 100000 --kind cancel`;
  take(tally, { path: path.name, faults: [], result: base, again });
  if (base.calls.length < MIN_CALLS) throw new Error(`${path.name}: only ${base.calls.length} calls`);
  const cells = cellsOf(base.calls).filter((_, number) => number % of === index);
  for (const fault of cells) {
    const result = await runCell(ground, path, [fault]);
    tally.cells++;
    tally.perPath[path.name] = (tally.perPath[path.name] ?? 0) + 1;
    if (result.fired.length === 0) tally.unreached++;
    take(tally, { path: path.name, faults: [fault], result, again: commandOf(path, fault) });
  }
}
