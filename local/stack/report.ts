import { isAccountedFor, rowsPerSecond, type TableProgress } from './progress.js';
import { HTTP_SAMPLES, SAMPLE_DATABASE } from './sample-files.js';
import { withSlash } from './send.js';
import type { Endpoints } from './services.js';

const MB = 1024 * 1024;

/** What the sample came to. */
export interface SampleResult {
  readonly tables: readonly TableProgress[];
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
    endpoints: result.endpoints,
    peakRssBytes: result.peakRssBytes ?? null,
    elapsedMs: Math.round(result.elapsedMs),
  };
}

/** True when no table misses a row. */
export function isComplete(result: SampleResult): boolean {
  return result.tables.every(isAccountedFor);
}

/** The result for people: one line per table, then what is missing, then time and memory. */
export function reportLines(result: SampleResult): string[] {
  const rows = result.tables.map((table) => [
    `${table.database}.${table.table}`,
    table.way,
    count(table.sent),
    count(table.queryable),
    count(table.deadLettered),
    count(rowsPerSecond(table)),
  ]);
  const memory =
    result.peakRssBytes === undefined ? '' : `, ${count(result.peakRssBytes / MB)} MB of memory at most`;
  return [
    ...columns([['table', 'how', 'sent', 'queryable', 'dead letters', 'rows/s'], ...rows]),
    '',
    ...result.tables.flatMap(problemLines),
    ...(isComplete(result) ? [] : ['npm start -- --verbose prints the log of every part']),
    `${(result.elapsedMs / 1000).toFixed(1)} s from start to end${memory}`,
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

/** Addresses and commands to try next. */
export function nextLines(endpoints: Endpoints): string[] {
  const functions = withSlash(endpoints.functions);
  const query = {
    db: SAMPLE_DATABASE,
    csl: 'Flights3M | summarize flights = count() by origin | top 5 by flights',
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
    `  curl -s ${functions}api/health`,
    `  curl -s ${functions}api/pipelines`,
    `  curl -s ${functions}api/dead-letters`,
    '',
    'Ctrl-C stops everything.',
  ];
}

/** Whole number with separators, the same in every locale. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Pads cells to columns: the first two to the left, numbers to the right. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_cell, index) =>
    Math.max(...rows.map((row) => row[index]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, index) => (index < 2 ? cell.padEnd(widths[index]!) : cell.padStart(widths[index]!)))
      .join('  ')
      .trimEnd(),
  );
}
