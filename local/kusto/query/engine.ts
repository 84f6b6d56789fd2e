import type { Catalog } from '../catalog/types.js';
import { notSupported } from '../errors.js';
import { inSlices } from '../slices.js';
import { concatSteps } from '../store/concat.js';
import type { RowSet } from '../store/types.js';
import { parseDatetime } from '../values/datetime-parse.js';
import { queryBinder } from './bind/binder.js';
import { type CursorOptions, type Env, Scope, type Session } from './bind/env.js';
import { bindStatements, setOptions } from './bind/statements.js';
import { limitExceeded } from './failures.js';
import { parseQuery } from './parser/parse.js';
import type { Syntax } from './parser/syntax.js';
import type { Batch, Rel, Run, Vector } from './plan/types.js';
import { createRun, timeoutOf } from './run.js';
import type { QueryEngine, QueryRequest, QueryResult } from './types.js';

/** Rows an answer may have unless `notruncation` or `truncationmaxrecords` say otherwise. */
const DEFAULT_MAX_RECORDS = 500_000;
/** Bytes an answer may have, as estimated in memory. */
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

const EXTENT_WORDS = /\b(?:ingestion_time|extent_id|extentid|extent_tags|cursor_after|cursor_before_or_at)\b/;

interface ResultLimits {
  readonly rows: number;
  readonly bytes: number;
}

function isOn(value: unknown): boolean {
  return value === true || value === 'true' || value === 1 || value === 1n;
}

function limitsOf(options: ReadonlyMap<string, unknown>): ResultLimits {
  if (isOn(options.get('notruncation'))) {
    return { rows: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };
  }
  const number = (name: string, fallback: number) => {
    const value = Number(options.get(name) ?? Number.NaN);
    return Number.isFinite(value) && value >= 0 ? value : fallback;
  };
  return {
    rows: number('truncationmaxrecords', DEFAULT_MAX_RECORDS),
    bytes: number('truncationmaxsize', DEFAULT_MAX_BYTES),
  };
}

function tooLarge(what: string): Error {
  return limitExceeded(
    `Query result set has exceeded the internal ${what} (E_QUERY_RESULT_SET_TOO_LARGE). ` +
      'Use take, summarize, or the option notruncation',
  );
}

/** Reads a table to its end into one row set, within the limits of an answer. */
async function readResult(rel: Rel, run: Run, limits: ResultLimits): Promise<RowSet> {
  const columns = rel.schema
    .map((column, index) => ({ column, index }))
    .filter(({ column }) => column.hidden !== true);
  const batches: Batch[] = [];
  let rowCount = 0;
  for await (const batch of rel.open(run)) {
    rowCount += batch.rowCount;
    if (rowCount > limits.rows) throw tooLarge(`record count limit ${limits.rows}`);
    if (batch.rowCount > 0) batches.push(batch);
    for (const { index } of columns) batch.column(index);
    await run.pause();
  }
  const vectors: Vector[] = [];
  for (const { column, index } of columns) {
    const parts = batches.map((batch) => batch.column(index));
    vectors.push(await inSlices(concatSteps(column.type, parts), () => run.pause()));
  }
  const bytes = vectors.reduce((sum, vector) => sum + vector.byteSize, 0);
  // A dictionary shared with the table is no part of a small answer.
  if (bytes > limits.bytes && rowCount > SMALL_RESULT_ROWS)
    throw tooLarge(`data size limit ${limits.bytes} (in bytes)`);
  return {
    schema: columns.map(({ column }) => ({ name: column.name, type: column.type })),
    columns: vectors,
    rowCount,
  };
}

const SMALL_RESULT_ROWS = 10_000;

function queryText(request: QueryRequest): string {
  const text = request.text.trim();
  return request.input !== undefined && text.startsWith('|') ? `$command_results ${text}` : request.text;
}

function nowOf(option: unknown, catalog: Catalog): bigint {
  if (typeof option === 'bigint') return option;
  const ticks = typeof option === 'string' ? parseDatetime(option.replace(/^datetime\((.*)\)$/, '$1')) : null;
  return ticks ?? catalog.now();
}

/** Options that would change the rows of an answer and are not implemented. */
const REFUSED_OPTIONS = ['query_datetimescope_column', 'query_datetimescope_from', 'query_datetimescope_to'];

/** Options of the request, over those of `set` statements, by lower-case name. */
function mergedOptions(request: QueryRequest, root: Syntax): ReadonlyMap<string, unknown> {
  const given = Object.entries(request.options ?? {}).filter(
    ([, value]) => value !== undefined && value !== null,
  );
  const options = new Map([
    ...setOptions(root),
    ...given.map(([name, value]) => [name.toLowerCase(), value] as const),
  ]);
  for (const name of REFUSED_OPTIONS) if (options.has(name)) throw notSupported(`option '${name}'`);
  return options;
}

function cursorsOf(options: ReadonlyMap<string, unknown>, cursor: bigint): CursorOptions {
  const text = (name: string) => (options.has(name) ? String(options.get(name)) : undefined);
  return {
    current: text('query_cursor_current') ?? cursor.toString(),
    after: text('query_cursor_after_default'),
    beforeOrAt: text('query_cursor_before_or_at_default'),
  };
}

function createSession(
  request: QueryRequest,
  catalog: Catalog,
  options: ReadonlyMap<string, unknown>,
): Session {
  const bodies = catalog.functions(request.database).map((fn) => fn.body);
  return {
    catalog,
    binder: queryBinder,
    now: nowOf(options.get('query_now'), catalog),
    cursors: cursorsOf(options, catalog.cursor()),
    input: request.input,
    parameters: request.parameters ?? {},
    usesExtents: [request.text, ...bodies].some((text) => EXTENT_WORDS.test(text)),
    preparations: [],
    visualization: undefined,
    usedCursor: false,
  };
}

async function execute(request: QueryRequest, catalog: Catalog): Promise<QueryResult> {
  const root = parseQuery(queryText(request));
  const options = mergedOptions(request, root);
  const session = createSession(request, catalog, options);
  const { database } = request;
  const env: Env = { session, scope: new Scope(), database, operator: 'query', columns: [], depth: 0 };
  const results = bindStatements(root, env);
  const run = createRun(timeoutOf(options.get('servertimeout')), request.signal);
  await run.pause();
  for (const prepare of session.preparations) await prepare(run);
  const limits = limitsOf(options);
  const tables: RowSet[] = [];
  for (const rel of results) tables.push(await readResult(rel, run, limits));
  return {
    tables,
    ...(session.visualization === undefined ? {} : { visualization: session.visualization }),
    ...(session.usedCursor ? { cursor: session.cursors.current } : {}),
  };
}

/** The query evaluator of the local engine. One instance may run any number of queries at the same time. */
export function createQueryEngine(): QueryEngine {
  return { execute };
}
