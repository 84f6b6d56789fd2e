import { type LoadProgress, wrongWith } from './load-progress.js';
import { zipCodesBlob } from './load-samples.js';
import { isAccountedFor, rowsPerSecond, type TableProgress } from './progress.js';
import { HTTP_SAMPLES, SAMPLE_DATABASE } from './sample-files.js';
import { withSlash } from './send.js';
import type { Endpoints } from './services.js';
import { columns, count } from './text.js';

const MB = 1024 * 1024;

/** What the sample came to. */
export interface SampleResult {
  readonly tables: readonly TableProgress[];
  readonly loads: readonly LoadProgress[];
  readonly endpoints: Endpoints;
  readonly peakRssBytes: number | undefined;
  readonly elapsedMs: number;
}

/** The document of `--json`. `peakRssBytes` is null where the system does not tell. */
export function reportDocument(result: SampleResult): Record<string, unknown> {
  return {
    tables: result.tables.map((table) => ({
      table: table.table,
      database: table.database,
      sent: table.sent,
      queryable: table.queryable,
      deadLettered: table.deadLettered,
      rowsPerSecond: rowsPerSecond(table),
      ...(table.error === undefined ? {} : { error: table.error }),
    })),
    loads: result.loads.map(loadDocument),
    endpoints: result.endpoints,
    peakRssBytes: result.peakRssBytes ?? null,
    elapsedMs: Math.round(result.elapsedMs),
  };
}

/** `error` is null for a load that did not fail; `rows` are those that queries see after its end. */
function loadDocument(load: LoadProgress): Record<string, unknown> {
  const { id, table, database, state, rows, staged, partial, stagingTables, commit, elapsedMs } = load;
  return {
    id,
    table,
    database,
    state,
    rows,
    error: load.error ?? null,
    elapsedMs: elapsedMs ?? null,
    intended: load.intended,
    sent: load.total,
    staged: staged ?? null,
    partial,
    stagingTables: stagingTables ?? null,
    commit: commit ?? null,
    wrong: wrongWith(load),
  };
}

/** True when no table misses a row, and every load ended as it was meant to. */
export function isComplete(result: Pick<SampleResult, 'tables' | 'loads'>): boolean {
  return result.tables.every(isAccountedFor) && result.loads.every((load) => wrongWith(load).length === 0);
}

/** The result for people: tables and loads, then what is missing, then time and memory. */
export function reportLines(result: SampleResult): string[] {
  const memory =
    result.peakRssBytes === undefined ? '' : `, ${count(result.peakRssBytes / MB)} MB of memory at most`;
  return [
    ...(result.tables.length === 0 ? [] : [...tableLines(result.tables), '']),
    ...result.tables.flatMap(problemLines),
    ...(result.loads.length === 0 ? [] : [...loadLines(result), '']),
    ...(isComplete(result) ? [] : ['npm start -- --verbose prints the log of every part']),
    `${(result.elapsedMs / 1000).toFixed(1)} s from start to end${memory}`,
  ];
}

function tableLines(tables: readonly TableProgress[]): string[] {
  const rows = tables.map((table) => [
    `${table.database}.${table.table}`,
    table.way,
    count(table.sent),
    count(table.queryable),
    count(table.deadLettered),
    count(rowsPerSecond(table)),
  ]);
  return columns([['table', 'how', 'sent', 'queryable', 'dead letters', 'rows/s'], ...rows]);
}

function loadLines({ loads, endpoints }: SampleResult): string[] {
  const rows = loads.map((load) => [
    `${load.database}.${load.table}`,
    load.way,
    load.state,
    load.staged === undefined ? '-' : count(load.staged),
    count(load.rows),
    load.elapsedMs === undefined ? '-' : (load.elapsedMs / 1000).toFixed(1),
  ]);
  const table = columns([['load into', 'how', 'state', 'staged', 'visible', 's'], ...rows]);
  return [...table, '', ...loads.flatMap((load) => outcomeLines(load, endpoints.functions))];
}

/** What became of a load, in words: what one would look up first. */
function outcomeLines(load: LoadProgress, functionsUrl: string): string[] {
  const name = `${load.database}.${load.table}`;
  const wrong = wrongWith(load).map((text) => `${name}: ${text}`);
  if (load.error !== undefined) {
    const { code, source = '', message, nextCommand } = load.error;
    const why = message.startsWith(`${source}: `) ? message.slice(source.length + 2) : message;
    const asMeant = `${name}: taken back as intended; ${count(load.rows)} rows are visible and no staging table is left`;
    return [
      ...(wrong.length > 0 ? wrong : [asMeant]),
      `  ${code} ${source}`.trimEnd(),
      `  ${why}`,
      // In a checkout the command line is a script of the package.
      `  next: ${nextCommand.replace(/^kusto-functions /, `npm run -s cli -- --url ${functionsUrl} `)}`,
    ];
  }
  if (wrong.length > 0 || load.commit === undefined) return wrong;
  const { operationId, elapsedMs } = load.commit;
  return [
    `${name}: ${count(load.rows)} rows, visible at once by operation ${operationId} in ${elapsedMs} ms`,
  ];
}

function problemLines(table: TableProgress): string[] {
  const name = `${table.database}.${table.table}`;
  if (table.error !== undefined) return [`${name}: ${table.error}`];
  const accounted = table.queryable + table.deadLettered;
  if (accounted < table.sent) return [`${name}: ${count(table.sent - accounted)} rows are missing`];
  if (accounted > table.sent)
    return [`${name}: ${count(accounted - table.sent)} rows more than sent (repeats)`];
  return [];
}

/** Addresses and commands to try next, on what the sample has brought. */
export function nextLines({ endpoints, tables, loads }: SampleResult): string[] {
  const functions = withSlash(endpoints.functions);
  const flights = tables.length > 0 ? 'Flights3M' : 'FlightsLoaded';
  const query = {
    db: SAMPLE_DATABASE,
    csl: `${flights} | summarize flights = count() by origin | top 5 by flights`,
  };
  const movies = HTTP_SAMPLES.find((sample) => sample.table === 'Movies')!;
  const options = new URLSearchParams(movies.query).toString();
  return [
    'Running:',
    `  functions  ${endpoints.functions}`,
    `  Kusto      ${endpoints.kusto}`,
    `  Event Hubs ${endpoints.eventHubs}`,
    `  storage    ${endpoints.blob}`,
    '',
    'Try:',
    `  curl -s ${withSlash(endpoints.kusto)}v1/rest/query -H 'content-type: application/json' -d '${JSON.stringify(query)}'`,
    `  curl -s -X POST '${functions}api/ingest/${SAMPLE_DATABASE}/Movies?${options}' -d '{"Title":"My film","US Gross":1}'`,
    ...(loads.length === 0 ? [] : loadCommands(endpoints)),
    `  curl -s ${functions}api/health`,
    `  curl -s ${functions}api/pipelines`,
    `  curl -s ${functions}api/dead-letters`,
    '',
    'Ctrl-C stops everything.',
  ];
}

/** Two of the good blobs again, and the load that failed with each of its blobs. */
function loadCommands(endpoints: Endpoints): string[] {
  const functions = withSlash(endpoints.functions);
  const load = {
    database: SAMPLE_DATABASE,
    table: 'ZipCodesLoaded',
    format: 'csv',
    sources: [1, 2].map((part) => ({ url: zipCodesBlob(endpoints.blob, part) })),
  };
  return [
    `  curl -s -X POST ${functions}api/loads -H 'prefer: wait=60' -d '${JSON.stringify(load)}'`,
    `  curl -s ${functions}api/loads/sample-zipcodes`,
  ];
}
