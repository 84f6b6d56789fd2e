import { seeded } from '../../helpers/args.js';
import { type Ground, runCell } from './cell.js';
import { type Fault, faultKinds } from './faults.js';
import { type Path, paths } from './paths.js';
import { type Tally, take } from './report.js';

/** A second fault may lie beyond the calls of an undisturbed load: the first makes it longer. */
const STRETCH = 1.3;
const MAX_LATE_BY = 50;

const lengths = new Map<string, number>();

async function lengthOf(ground: Ground, path: Path): Promise<number> {
  const known = lengths.get(path.name) ?? (await runCell(ground, path)).calls.length;
  lengths.set(path.name, known);
  return known;
}

/** The path and the two or three faults that a seed stands for. */
async function draw(
  ground: Ground,
  seed: number,
): Promise<{ readonly path: Path; readonly faults: readonly Fault[] }> {
  const random = seeded(seed);
  const whole = (below: number): number => Math.floor(random() * below);
  const path = paths[whole(paths.length)] as Path;
  const length = await lengthOf(ground, path);
  const faults = new Map<number, Fault>();
  const wanted = random() < 0.25 ? 3 : 2;
  while (faults.size < wanted) {
    const at = whole(faults.size === 0 ? length : Math.ceil(length * STRETCH));
    const kind = faultKinds[whole(faultKinds.length)] as Fault['kind'];
    faults.set(at, { at, kind, viaReaper: random() < 0.5, lateBy: 1 + whole(MAX_LATE_BY) });
  }
  return { path, faults: [...faults.values()] };
}

/** Several faults in one load. */
export async function runSeed(ground: Ground, seed: number, tally: Tally): Promise<void> {
  const { path, faults } = await draw(ground, seed);
  const result = await runCell(ground, path, faults);
  tally.pairs++;
  take(tally, { path: path.name, faults, result, again: `npm run test:crash -- --seed ${seed} --count 1` });
}
