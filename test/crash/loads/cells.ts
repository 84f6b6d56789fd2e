import { type Fault, type FaultKind, faultKinds } from './faults.js';

/** Calls that change nothing: of those there is no before and after. */
const reads =
  /^(?:table\.(?:get|list)|blob\.(?:get|range|facts|list|stream|readUrl)|sources\.|queued\.status|starter\.state|kusto\.\w+ \.show)/;
const ofReads: ReadonlySet<FaultKind> = new Set(['failBefore', 'refuse', 'throttle', 'crashBefore', 'cancel']);
/** A step as a whole is answered by the platform, which neither refuses nor throttles. */
const ofSteps: ReadonlySet<FaultKind> = new Set([
  'failBefore',
  'failAfter',
  'crashBefore',
  'crashAfter',
  'duplicate',
  'late',
  'cancel',
]);

function applies(kind: FaultKind, call: string): boolean {
  if (call.startsWith('step.')) return ofSteps.has(kind);
  if (kind === 'throttle' && !/^(?:kusto|queued)\./.test(call)) return false;
  return !reads.test(call) || ofReads.has(kind);
}

/** Of the command that commits: how many calls later it may still take effect. */
const COMMIT_LATE_BY = [1, 2, 3, 6, 8, 12, 16, 20, 25, 30, 40];
const commits = /\.move async|\.set-or-append/;

/** Every fault at every call of a run. */
export function cellsOf(calls: readonly string[]): Fault[] {
  return calls.flatMap((call, at) =>
    faultKinds
      .filter((kind) => applies(kind, call))
      .flatMap((kind): Fault[] => {
        if (kind.startsWith('crash'))
          return [
            { at, kind },
            { at, kind, viaReaper: true },
          ];
        if (kind === 'late' && commits.test(call))
          return COMMIT_LATE_BY.map((lateBy) => ({ at, kind, lateBy }));
        return [{ at, kind }];
      }),
  );
}
