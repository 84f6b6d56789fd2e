import { callApi } from './http.js';
import { ask, countRows } from './kusto.js';
import type { LoadFailure, LoadProgress } from './load-progress.js';
import type { LoadSample } from './load-samples.js';
import { withSlash } from './send.js';
import type { Endpoints } from './services.js';

/** Wait between two looks at a load and its table. */
const POLL_MS = 1_000;
/** Longest a load of the sample may take. */
const LOAD_TIMEOUT_MS = 180_000;
/** Longest a staging table may outlive its load: it is removed after the commit is recorded. */
const CLEAN_TIMEOUT_MS = 30_000;
/** What every staging table's name begins with. */
const STAGING_PREFIX = 'kf_load_';

/** The part of the app's answer that is shown. */
interface View {
  readonly state: string;
  readonly step: string;
  readonly createdAt: string;
  readonly endedAt?: string;
  readonly rows: { readonly staged?: number };
  readonly commit?: { readonly operationId?: string };
  readonly timing?: { readonly commitMs?: number };
  readonly error?: LoadFailure;
}

/** Starts a load and follows it to its end, looking at its table all the while. What goes wrong is kept with it. */
export async function runLoad(endpoints: Endpoints, { progress, putSources }: LoadSample): Promise<void> {
  try {
    const rest = await putSources(endpoints);
    const { id, database, table } = progress;
    const body = { requestId: id, database, table, ...rest };
    await callApi(new URL('api/loads', withSlash(endpoints.functions)), {
      method: 'POST',
      body: JSON.stringify(body),
    });
    await followToEnd(endpoints, progress);
    progress.rows = await countRows(endpoints.kusto, progress);
    progress.stagingTables = await stagingTablesLeft(endpoints, progress);
  } catch (error) {
    progress.problem = error instanceof Error ? error.message : String(error);
  }
}

async function followToEnd(endpoints: Endpoints, progress: LoadProgress): Promise<void> {
  const place = new URL(`api/loads/${progress.id}`, withSlash(endpoints.functions));
  const deadline = performance.now() + LOAD_TIMEOUT_MS;
  while (performance.now() < deadline) {
    // The table may not be there yet.
    const rows = await countRows(endpoints.kusto, progress).catch(() => 0);
    notePartial(progress, rows);
    note(progress, await callApi<View>(place, { method: 'GET' }));
    if (progress.state !== 'running') return;
    await sleep(POLL_MS);
  }
  throw new Error(`load ${progress.id} was not over within ${LOAD_TIMEOUT_MS / 1000} s`);
}

/** Neither nothing nor all: what an all-or-nothing load never shows. */
function notePartial(progress: LoadProgress, rows: number): void {
  progress.rows = rows;
  const whole = progress.intended === 'committed' ? progress.total : 0;
  if (rows !== 0 && rows !== whole) progress.partial = Math.max(progress.partial, rows);
}

function note(progress: LoadProgress, view: View): void {
  progress.state = view.state;
  progress.step = view.step;
  progress.staged = view.rows.staged;
  progress.error = view.error;
  if (view.endedAt !== undefined) progress.elapsedMs = Date.parse(view.endedAt) - Date.parse(view.createdAt);
  const operationId = view.commit?.operationId;
  if (operationId !== undefined) progress.commit = { operationId, elapsedMs: view.timing?.commitMs ?? 0 };
}

/** Staging tables of the target after the load, which is given some time to remove them. */
async function stagingTablesLeft({ kusto }: Endpoints, { database, table }: LoadProgress): Promise<number> {
  const prefix = `TableName startswith '${STAGING_PREFIX}' and TableName contains '_${table}_'`;
  const text = `.show tables with (IncludeHiddenTables=true) | where ${prefix} | count`;
  const deadline = performance.now() + CLEAN_TIMEOUT_MS;
  for (;;) {
    const left = Number((await ask({ kustoUrl: kusto, database, text }))[0]?.[0]);
    if (left === 0 || performance.now() > deadline) return left;
    await sleep(POLL_MS);
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
