/** Why a load failed, as the app says it. */
export interface LoadFailure {
  readonly code: string;
  readonly message: string;
  /** The blob it is about. */
  readonly source?: string;
  readonly cause: string;
  readonly nextCommand: string;
}

/** The state in which a load of the sample is meant to end. */
export type IntendedState = 'committed' | 'rolledBack';

/** How far one load of the sample has got. */
export interface LoadProgress {
  readonly id: string;
  readonly database: string;
  readonly table: string;
  /** Where its rows come from, for people. */
  readonly way: string;
  readonly intended: IntendedState;
  /** Rows of its sources; known once they are read. */
  total: number;
  /** The app's word; `sending` until it has the load. */
  state: string;
  step: string;
  /** Rows that were counted in the staging table. */
  staged: number | undefined;
  /** Rows that queries see. */
  rows: number;
  /** The most rows that were seen in the table which were neither none nor all. */
  partial: number;
  /** Staging tables found after its end. */
  stagingTables: number | undefined;
  commit: { readonly operationId: string; readonly elapsedMs: number } | undefined;
  elapsedMs: number | undefined;
  error: LoadFailure | undefined;
  /** Why it could not be run or looked at, if so. */
  problem: string | undefined;
}

/** A load that has not begun. */
export function newLoad(
  load: Pick<LoadProgress, 'id' | 'database' | 'table' | 'way' | 'intended'>,
): LoadProgress {
  return {
    ...load,
    total: 0,
    state: 'sending',
    step: '',
    staged: undefined,
    rows: 0,
    partial: 0,
    stagingTables: undefined,
    commit: undefined,
    elapsedMs: undefined,
    error: undefined,
    problem: undefined,
  };
}

/** What of a load is not as it is meant to be; empty when all is. */
export function wrongWith(load: LoadProgress): string[] {
  if (load.problem !== undefined) return [load.problem];
  const wanted = load.intended === 'committed' ? load.total : 0;
  return [
    ...(load.state === load.intended ? [] : [`it is ${load.state}, and was to be ${load.intended}`]),
    ...(load.rows === wanted ? [] : [`${load.rows} rows are visible instead of ${wanted}`]),
    ...(load.partial === 0 ? [] : [`${load.partial} rows were visible meanwhile`]),
    ...(load.stagingTables === 0 ? [] : [`staging tables that are left: ${load.stagingTables ?? 'unknown'}`]),
  ];
}
