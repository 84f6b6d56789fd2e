import { createLoads } from '../../../src/transactional/loads.js';
import type { Load } from '../../../src/transactional/types.js';
import type { Run } from './cell.js';
import { DATABASE } from './engine.js';
import { FaultPlan } from './faults.js';
import { BEFORE, CANARY, type Site, STAGING, STAGING_PREFIX, UPLOADS, WANTED } from './site.js';

export const problemKinds = [
  'lost',
  'doubled',
  'visibleEarly',
  'leftovers',
  'secret',
  'state',
  'repair',
  'unbounded',
] as const;
export type ProblemKind = (typeof problemKinds)[number];

export interface Problem {
  readonly kind: ProblemKind;
  readonly text: string;
}

const inOrder = (a: number, b: number): number => a - b;

/** Rows of the load in the target, with repeats. */
function arrived({ engine, names }: Site): number[] {
  const before = new Set(BEFORE);
  return (engine.numbers(names.table, 'n') ?? []).filter((n) => !before.has(n));
}

/** At any moment all rows are there, or none; told once. */
export function sawTarget(site: Site, name: string, early: string[]): void {
  const { path } = site;
  if (path.isPartial === true || path.isQueued === true || early.length > 0) return;
  const rows = arrived(site).length;
  if (rows !== 0 && rows !== WANTED.length) early.push(`${rows} rows of ${WANTED.length} after ${name}`);
}

/** Everything that was promised of a load that is over. */
export async function judge(site: Site, run: Run): Promise<Problem[]> {
  const load = await run.load();
  const problems: Problem[] = [];
  const tell = (kind: ProblemKind, text: string): void => {
    problems.push({ kind, text });
  };
  const isUnsure = site.path.isUncounted === true && isSentTwice(run);
  if (!isUnsure) for (const text of run.early) tell('visibleEarly', text);
  judgeState(site, run, load, tell);
  if (load?.state === 'failedDirty') await repair(site, load, tell);
  judgeRows(site, run, load, tell);
  judgeLeftovers(site, run, load, tell);
  await judgeSecrets(site, run, tell);
  return problems;
}

type Tell = (kind: ProblemKind, text: string) => void;

/** Passing faults change nothing of the end; a refusal may, and a cancellation that comes in time. */
function judgeState({ path }: Site, run: Run, load: Load | undefined, tell: Tell): void {
  const state = load?.state ?? 'not accepted';
  const isRefused = run.plan.fired.some(({ kind }) => kind === 'refuse');
  const allowed = new Set<string>([path.ends, path.orEnds ?? path.ends]);
  if (isRefused || (path.doublesRows === true && isSentTwice(run))) {
    for (const one of ['rolledBack', 'committed']) allowed.add(one);
  }
  // A commit that comes late may do what the cluster of the path would not do in time.
  if (isCommitLate(run) || (path.isChance === true && run.plan.fired.length > 0)) allowed.add('committed');
  // Which of the two comes first is a matter of chance as soon as anything fails.
  if (run.isCancelled && run.plan.fired.length > 0)
    for (const one of ['cancelled', 'committed']) allowed.add(one);
  if (isRefused) for (const one of ['failedDirty', 'not accepted']) allowed.add(one);
  if (path.isQueued === true && allowed.size > 1) allowed.add('failedDirty');
  if (!allowed.has(state)) {
    const why = load?.error === undefined ? '' : `: ${load.error.code} ${load.error.message}`;
    tell('state', `${state} instead of ${[...allowed].join(' or ')}${why}`);
  }
  if (load?.state === 'rolledBack' && load.error === undefined) tell('state', 'rolled back without an error');
}

const isCommitLate = ({ plan }: Run): boolean =>
  plan.fired.some(
    ({ at, kind }) => kind === 'late' && /\.move async|\.set-or-append/.test(plan.calls[at] ?? ''),
  );

const isSentTwice = ({ plan }: Run): boolean =>
  plan.fired.some(({ at, kind }) => kind === 'duplicate' && plan.calls[at]?.startsWith('queued.submit'));

async function repair(site: Site, load: Load, tell: Tell): Promise<void> {
  for (const command of (load.repair ?? '').split('\n').filter((line) => line !== '')) {
    await site.outside(command).catch((error: unknown) => tell('repair', `${command}: ${String(error)}`));
  }
  if (load.repair === undefined) tell('repair', 'dirty, and no command that mends it');
}

function judgeRows(site: Site, run: Run, load: Load | undefined, tell: Tell): void {
  const rows = arrived(site).sort(inOrder);
  const before = (site.engine.numbers(site.names.table, 'n') ?? []).filter((n) => BEFORE.includes(n));
  if (site.path.losesTarget === true && load?.state === 'committed') return;
  if (site.path.hasTarget !== false && site.path.losesTarget !== true && before.length !== BEFORE.length)
    tell('lost', 'rows of before are gone');
  const wanted = load?.state === 'committed' ? WANTED : [];
  const missing = wanted.filter((n) => !rows.includes(n));
  const extra = rows.length - new Set(rows).size + rows.filter((n) => !wanted.includes(n)).length;
  if (missing.length > 0) tell('lost', `${load?.state}: rows ${missing.join(', ')} are missing`);
  const isUnsure =
    (site.path.isQueued === true && mayDouble(run, load)) ||
    (site.path.isUncounted === true && isSentTwice(run));
  if (extra > 0 && !isUnsure) tell('doubled', `${load?.state}: rows ${rows.join(', ')}`);
}

/** In the target itself the service is at least once; a load counts what it repeats. */
function mayDouble(run: Run, load: Load | undefined): boolean {
  return isSentTwice(run) || (load?.possibleDuplicates ?? 0) > 0;
}

/** Blobs that the service takes when the load is long over: nobody can keep them out of a table that stays. */
const cameLate = ({ plan }: Run): boolean =>
  plan.fired.some(
    ({ at, kind }) => /^(?:late|afterEnd)$/.test(kind) && plan.calls[at]?.startsWith('queued.submit'),
  );

/** A claim that is written when its load is over is taken over by the next load that wants it. */
function isExcused(left: string, { path }: Site, run: Run): boolean {
  if (left.startsWith('tag ')) return path.isQueued === true && cameLate(run);
  return left.startsWith('claim ') && run.plan.fired.some(({ kind }) => kind === 'afterEnd');
}

/** What nobody may have left behind. */
export function leftovers({ engine, names, own, table }: Site, load: Load | undefined): string[] {
  const claims = [...table.rows.values()].filter((row) => row.partitionKey === 'load-claim');
  const blobs = [...own.blobs.keys()];
  return [
    ...engine.tables().filter((name) => name.startsWith(STAGING_PREFIX)),
    ...blobs.filter((key) => key.startsWith(`${STAGING}/`)),
    ...(load === undefined ? [] : blobs.filter((key) => key.startsWith(`${UPLOADS}/`))),
    ...claims.map(({ rowKey }) => `claim ${rowKey}`),
    ...engine
      .tags(names.table)
      .filter((tag) => tag.includes(names.id))
      .map((tag) => `tag ${tag}`),
  ];
}

function judgeLeftovers(site: Site, run: Run, load: Load | undefined, tell: Tell): void {
  const { engine, names, path } = site;
  const left = leftovers(site, load).filter((one) => !isExcused(one, site, run));
  const isEmptied = load?.state === 'committed' && path.usesTemp === true && !cameLate(run);
  if (isEmptied && (engine.numbers(names.temp, 'n') ?? []).length > 0) left.push(names.temp);
  if (path.usesTemp === true && !engine.tables().includes(names.temp)) left.push(`${names.temp} was dropped`);
  if (left.length > 0) tell('leftovers', left.join(', '));
  if (load?.state !== 'committed' || path.losesTarget === true) return;
  const want = Object.values(load.options.tags.ingestBy).map((value) => `ingest-by:${value}`);
  const lost = want.filter((tag) => !engine.tags(names.table).includes(tag));
  if (lost.length > 0) tell('lost', `tags ${lost.join(', ')} are missing`);
}

async function judgeSecrets(site: Site, run: Run, tell: Tell): Promise<void> {
  const { leaks, logs, names } = site;
  for (const leak of leaks.slice(0, 3)) tell('secret', leak);
  const process = site.process(
    new FaultPlan(),
    { alive: true },
    {
      start: async () => undefined,
      wake: async () => undefined,
      state: async () => 'ended',
    },
  );
  const loads = createLoads(process.deps, { tables: [`${DATABASE}.*`], storage: [], allowSas: true });
  const view = (await run.load()) === undefined ? {} : await loads.details(names.id, { limit: 100 });
  const places: readonly (readonly [string, readonly string[]])[] = [
    ['log', logs],
    ['history', run.orchestration.written],
    ['view', [JSON.stringify(view)]],
  ];
  for (const [place, lines] of places) {
    const found = lines.find((line) => line.includes(CANARY));
    if (found !== undefined) tell('secret', `${place}: ${found.slice(0, 300)}`);
  }
}
