import type { LoadView, SourceView } from '../transactional/view.js';
import type { Invocation } from './command.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { formatFacts, formatTable, toJson } from './output.js';

/** Ends after which the table holds what the load was to bring. */
const goodStates: ReadonlySet<string> = new Set(['committed', 'skipped']);

export const isOver = ({ state }: Pick<LoadView, 'state'>): boolean => state !== 'running';

/** A load that runs is no failure. */
export function exitOf(view: Pick<LoadView, 'state'>): ExitCode {
  return isOver(view) && !goodStates.has(view.state) ? exitCodes.failed : exitCodes.ok;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** `3 expected, 2 staged`; undefined when nothing is known. */
function listed(facts: Readonly<Record<string, number | undefined>>): string | undefined {
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  return known.length === 0 ? undefined : known.map(([name, value]) => `${value} ${name}`).join(', ');
}

function timeOf({ timing }: LoadView): string | undefined {
  if (timing === undefined) return undefined;
  const { totalMs = 0, handOverMs = 0, ingestionMs = 0, commitMs = 0, ownMs = 0 } = timing;
  return (
    `${seconds(totalMs)}: until all was handed over ${seconds(handOverMs)}, ingestion ${seconds(ingestionMs)}, ` +
    `commit ${seconds(commitMs)}; all that is not the service ${seconds(ownMs)}`
  );
}

function commitOf({ commit }: LoadView): string | undefined {
  if (commit === undefined) return undefined;
  const { form, operationId, moveBatches } = commit;
  return [form, operationId, moveBatches > 1 ? `in ${moveBatches} batches` : undefined]
    .filter((part) => part !== undefined)
    .join(', ');
}

/** What is to be known of a load, in lines. */
export function describeLoad(view: LoadView): string {
  const { counts, rows, bytes, extents } = view;
  return [
    formatFacts({
      load: view.id,
      state: view.state,
      step: isOver(view) ? undefined : view.step,
      table: `${view.database}.${view.table} (${view.writeMode})`,
      created: view.createdAt,
      ended: view.endedAt,
      deadline: isOver(view) ? undefined : view.deadline,
      cancelling: view.cancelRequested && !isOver(view) ? 'yes' : undefined,
      blobs: listed({
        planned: counts.blobs,
        'handed over': counts.sent,
        succeeded: counts.succeeded,
        failed: counts.failed,
      }),
      rows: listed({ ...rows }),
      extents: listed({ ...extents }),
      bytes: listed({ ...bytes }),
      commit: commitOf(view),
      'staged anew': view.stagedAnew,
      'possible duplicates':
        view.possibleDuplicates === undefined ? undefined : `blobs: ${view.possibleDuplicates}`,
      'skipped by': view.skippedBy,
      time: timeOf(view),
    }),
    ...(view.warnings ?? []).map((warning) => `warning: ${warning}`),
  ].join('\n');
}

/** The files of this command line, by the ids of their uploads. */
export type UploadedFiles = ReadonlyMap<string, string>;

/** Code, message, source, what to look at, how to mend it, and what to run next. */
export function errorLines({ error, repair }: LoadView, files: UploadedFiles = new Map()): string[] {
  if (error === undefined) return [];
  const service = error.serviceCode === undefined ? '' : ` (${error.serviceCode})`;
  const file = files.get(error.source?.replace(/^upload /, '') ?? '');
  const line = (name: string, value: string): string => `  ${name.padEnd(7)}  ${value}`;
  return [
    `${error.code}${service}: ${error.message}`,
    line('cause', error.cause),
    ...(error.source === undefined ? [] : [line('source', error.source)]),
    ...(file === undefined ? [] : [line('file', file)]),
    ...error.lookAt.map((command) => line('look at', command)),
    ...(repair?.split('\n') ?? []).map((command) => line('repair', command)),
    line('next', error.nextCommand),
  ];
}

/** Shows a load as it is; its exit code. */
export function reportLoad(
  { deps, json }: Pick<Invocation, 'deps' | 'json'>,
  view: LoadView,
  files?: UploadedFiles,
): ExitCode {
  if (json) {
    deps.output.out(toJson(view));
  } else {
    deps.output.out(describeLoad(view));
    for (const line of errorLines(view, files)) deps.output.err(line);
  }
  return exitOf(view);
}

export function formatLoads(loads: readonly LoadView[]): string {
  const headings = ['ID', 'STATE', 'STEP', 'TARGET', 'BLOBS', 'ROWS', 'CREATED', 'ENDED', 'ERROR'];
  const rows = loads.map((view) => [
    view.id,
    view.cancelRequested && !isOver(view) ? 'cancelling' : view.state,
    isOver(view) ? '' : view.step,
    `${view.database}.${view.table}`,
    view.counts.blobs,
    view.rows.committed ?? view.rows.staged ?? view.rows.expected,
    view.createdAt,
    view.endedAt,
    view.error?.code,
  ]);
  return formatTable(headings, rows);
}

export function formatSources(sources: readonly SourceView[]): string {
  const headings = ['#', 'STATE', 'ROWS', 'CODE', 'BLOB', 'DETAILS'];
  const rows = sources.map((source) => [
    source.index,
    source.state,
    source.rows,
    source.errorCode,
    source.address,
    source.details,
  ]);
  return formatTable(headings, rows);
}
