import { applies, type Fault, faultKinds } from './faults.js';
import type { Path } from './paths.js';

/** How many calls after it was lost the command that commits may still take effect. */
const LATE_BY = [1, 4, 9, 16, 25, 36, 49, 64];
/** Of a step that was lost: how many calls later it may still run, beside its repeat and those that follow. */
const STEP_LATE_BY = [3, 12, 30, 70];
/** Of a load that is cancelled meanwhile it is every call until the load is over. */
const LATE_BY_CANCELLED = Array.from({ length: 80 }, (_, calls) => calls + 1);
const commits = /\.move async|\.set-or-append/;

/** Of the cells at calls that were tried in full elsewhere, one of so many is tried. */
const REPEATS_ONE_OF = 16;

/** Where each call stands: in which step, as which call of it. The same place comes again with every look of a wait. */
function placesOf(calls: readonly string[]): string[] {
  let step = 'start';
  let position = 0;
  return calls.map((call) => {
    if (call.startsWith('step.')) {
      step = call;
      position = 0;
    }
    return `${step} ${position++} ${call}`;
  });
}

/**
 * The cells of a path that are run: all of a place where the load that succeeds never is, when the path is there for
 * the first time; a sample of the others, which `offset` chooses.
 */
export function sampled(
  path: Path,
  calls: readonly string[],
  success: { readonly calls: readonly string[]; readonly offset: number },
): Fault[] {
  const places = placesOf(calls);
  const known = new Set(calls === success.calls ? [] : placesOf(success.calls));
  return cellsOf(path, calls).filter(({ at, lateBy }, number) => {
    const place = places[at] as string;
    const isNew = calls === success.calls || (!known.has(place) && places.indexOf(place) === at);
    return (
      isNew ||
      (lateBy !== undefined && commits.test(calls[at] ?? '')) ||
      (number + success.offset) % REPEATS_ONE_OF === 0
    );
  });
}

/** Every fault at every call of a run. */
function cellsOf({ cancelAt }: Path, calls: readonly string[]): Fault[] {
  const commitLateBy = cancelAt === 'settle' ? LATE_BY_CANCELLED : LATE_BY;
  return calls.flatMap((call, at) =>
    faultKinds
      .filter((kind) => applies(kind, call))
      .flatMap((kind): Fault[] => {
        if (kind.startsWith('crash'))
          return [
            { at, kind },
            { at, kind, viaReaper: true },
          ];
        if (kind === 'late' && call.startsWith('step.'))
          return STEP_LATE_BY.map((lateBy) => ({ at, kind, lateBy }));
        if (kind === 'late' && commits.test(call))
          return commitLateBy.map((lateBy) => ({ at, kind, lateBy }));
        return [{ at, kind }];
      }),
  );
}
