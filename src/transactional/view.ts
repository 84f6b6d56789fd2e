import { diagnosisOf } from './advice.js';
import type { LoadStore } from './store.js';
import type { Load, LoadError } from './types.js';

/** A load as its callers see it; times are ISO 8601, sizes bytes. */
export interface LoadView {
  readonly id: string;
  readonly requestId: string;
  readonly state: string;
  readonly step: string;
  readonly writeMode: string;
  readonly database: string;
  readonly table: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly endedAt?: string;
  readonly deadline: string;
  readonly cancelRequested: boolean;
  /** Blobs: planned, handed over, and what the service said. */
  readonly counts: {
    readonly blobs?: number;
    readonly sent?: number;
    readonly succeeded?: number;
    readonly failed?: number;
  };
  /** `expected` is left out where nobody knows it. */
  readonly rows: { readonly expected?: number; readonly staged?: number; readonly committed?: number };
  readonly bytes: { readonly stored?: number; readonly raw?: number };
  readonly extents: { readonly staged?: number; readonly committed?: number };
  readonly commit?: { readonly form: string; readonly operationId?: string; readonly moveBatches: number };
  readonly stagedAnew?: number;
  readonly possibleDuplicates?: number;
  readonly skippedBy?: string;
  readonly warnings?: readonly string[];
  readonly error?: LoadError & {
    readonly cause: string;
    readonly lookAt: readonly string[];
    readonly nextCommand: string;
  };
  readonly repair?: string;
  /** Where the time went, in ms: ours and the service's. */
  readonly timing?: Readonly<Record<string, number>>;
}

export interface SourceView {
  readonly index: number;
  readonly address: string;
  readonly state: string;
  readonly rows?: number;
  readonly errorCode?: string;
  readonly details?: string;
}

export interface LoadDetails extends LoadView {
  readonly sources: readonly SourceView[];
  readonly continuation?: string;
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** Without members that have no value. */
function known<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}

export function viewOf(load: Load): LoadView {
  const { options, progress, sources, plan, commit, verified, committed, error } = load;
  return known({
    id: load.id,
    requestId: load.id,
    state: load.state,
    step: load.step,
    writeMode: options.writeMode,
    database: options.database,
    table: options.table,
    createdAt: iso(load.createdAtMs),
    updatedAt: iso(load.updatedAtMs),
    endedAt: load.endedAtMs === undefined ? undefined : iso(load.endedAtMs),
    deadline: iso(load.deadlineMs),
    cancelRequested: load.cancelRequested,
    counts: known({ blobs: sources?.blobs, ...progress }),
    rows: known({
      expected: options.expectedRows ?? sources?.rows,
      staged: verified?.rows,
      committed: committed?.rows,
    }),
    bytes: known({ stored: sources?.sizeBytes, raw: sources?.rawBytes }),
    extents: known({ staged: verified?.extents, committed: committed?.extents }),
    commit:
      commit === undefined
        ? undefined
        : known({
            form: commit.form,
            operationId: commit.operationId,
            moveBatches: load.state === 'committed' ? Math.max(1, commit.moveBatches) : commit.moveBatches,
          }),
    stagedAnew: load.generation === 0 ? undefined : load.generation,
    possibleDuplicates: load.possibleDuplicates === 0 ? undefined : load.possibleDuplicates,
    skippedBy: load.state === 'skipped' ? load.skippedBy : undefined,
    warnings: plan === undefined || plan.warnings.length === 0 ? undefined : plan.warnings,
    error: error === undefined ? undefined : { ...error, ...diagnosisOf(load, error) },
    repair: load.repair,
    timing: timingOf(load),
  }) as LoadView;
}

/** Between the last hand-over and the last status it is the service's time, and while its commit operation runs. */
function timingOf({
  createdAtMs,
  endedAtMs,
  times,
  commit,
}: Load): Readonly<Record<string, number>> | undefined {
  const { lastSentMs, lastStatusMs } = times;
  if (endedAtMs === undefined || lastSentMs === undefined || lastStatusMs === undefined) return undefined;
  const totalMs = endedAtMs - createdAtMs;
  const serviceMs = Math.max(0, lastStatusMs - lastSentMs) + (commit?.serviceMs ?? 0);
  return {
    totalMs,
    handOverMs: lastSentMs - createdAtMs,
    ingestionMs: Math.max(0, lastStatusMs - lastSentMs),
    commitMs: commit?.serviceMs ?? 0,
    ownMs: totalMs - serviceMs,
  };
}

/** A page of blobs, in the order of the calls. `continuation` is a position. */
export async function sourcesPage(
  store: LoadStore,
  load: Load,
  page: { readonly limit: number; readonly continuation?: string },
): Promise<Pick<LoadDetails, 'sources' | 'continuation'>> {
  const from = Number(page.continuation ?? 0);
  const sources: SourceView[] = [];
  let position = 0;
  for await (const call of store.calls(load.id, load.generation)) {
    for (const { index, address, state, rows, errorCode, details } of call.sources) {
      if (position++ < from) continue;
      if (sources.length >= page.limit) return { sources, continuation: String(from + page.limit) };
      sources.push(known({ index, address, state, rows, errorCode, details }) as SourceView);
    }
  }
  return { sources };
}
