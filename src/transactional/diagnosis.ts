import * as commands from '../kusto/load-commands.js';
import type { Row } from '../kusto/rows.js';
import { KfError } from '../runtime/errors.js';
import { scrub } from '../runtime/redact.js';
import { showFailuresOf } from './advice.js';
import { engineOf } from './engine.js';
import { stagingTableOf } from './names.js';
import type { LoadDeps } from './ports.js';
import type { Load } from './types.js';
import { type LoadView, viewOf } from './view.js';

/** Longest time for all questions of one diagnosis. */
const DIAGNOSE_MS = 60_000;
const MAX_ROWS = 20;

/** One point of the checklist: what was asked, and what came of it. */
export interface DiagnosisPoint {
  /** 1 commands, 2 the commit's operation, 3 the log, 4 staging tables, 5 ingestion failures, 6 batching. */
  readonly number: number;
  readonly name: string;
  readonly finding: string;
  /** The command to see it oneself. */
  readonly command?: string;
  readonly rows?: readonly Row[];
}

export interface Diagnosis {
  readonly load: LoadView;
  readonly points: readonly DiagnosisPoint[];
}

interface Question {
  readonly number: number;
  readonly name: string;
  readonly command: string;
  /** Asked when the first command finds nothing. */
  readonly otherwise?: string;
  tell(rows: readonly Row[]): string;
  /** Columns that are shown; all when absent. */
  readonly columns?: readonly string[];
  /** The rows that matter, when it is not the first ones. */
  pick?(rows: readonly Row[]): readonly Row[];
}

type Ask = (text: string) => Promise<Row[]>;

/** Answers the questions that one asks about a load that failed or hangs; reads only. */
export function createDiagnosis(deps: LoadDeps): (id: string) => Promise<Diagnosis> {
  return async (id) => {
    const load = await deps.store.get(id);
    if (load === undefined) throw new KfError('NOT_FOUND', `load ${id}: unknown, or its record has expired`);
    // What the diagnosis asks must not appear among the commands of the load.
    const asker = { id: 'diagnosis', options: load.options };
    const { command } = engineOf(deps, asker, AbortSignal.timeout(DIAGNOSE_MS));
    const points: DiagnosisPoint[] = [];
    for (const question of pointsOf(deps, load)) {
      points.push('tell' in question ? await answer(question, command) : question);
    }
    return { load: viewOf(load), points };
  };
}

async function answer(question: Question, ask: Ask): Promise<DiagnosisPoint> {
  const { number, name, command, otherwise, columns } = question;
  try {
    let rows = await ask(command);
    if (rows.length === 0 && otherwise !== undefined) rows = await ask(otherwise);
    const picked = (question.pick?.(rows) ?? rows).slice(0, MAX_ROWS);
    const shown = picked.map((row) => scrubbed(row, columns));
    return {
      number,
      name,
      command,
      finding: scrub(question.tell(rows)),
      ...(shown.length === 0 ? {} : { rows: shown }),
    };
  } catch (error) {
    const why = scrub(error instanceof Error ? error.message : String(error));
    return { number, name, command, finding: `could not be asked: ${why}` };
  }
}

/** What the service tells may name addresses with their queries. */
function scrubbed(row: Row, columns: readonly string[] = Object.keys(row)): Row {
  const known = columns.filter((name) => row[name] !== undefined && row[name] !== null && row[name] !== '');
  return Object.fromEntries(
    known.map((name) => {
      const value = row[name];
      if (typeof value === 'string') return [name, scrub(value)];
      return [name, typeof value === 'object' ? scrub(JSON.stringify(value)) : value];
    }),
  );
}

function pointsOf(deps: LoadDeps, load: Load): (Question | DiagnosisPoint)[] {
  const staging = stagingTableOf(deps.stagingPrefix, load);
  const isStaged = load.options.writeMode === 'Transactional';
  return [
    commandsPoint(load),
    commitPoint(load),
    logPoint(load),
    stagingPoint(deps.stagingPrefix, isStaged ? staging : undefined),
    failuresPoint(load),
    batchingPoint(load.options.table, isStaged),
    ...(isStaged && load.state === 'running' ? [batchingPoint(staging, false)] : []),
  ];
}

function commandsPoint({ id }: Load): Question {
  const failed = (row: Row): boolean => String(row['state']) === 'Failed';
  const asks = (row: Row): boolean => String(row['text']).startsWith('.show');
  return {
    number: 1,
    name: 'commands of this load',
    command: commands.showCommandsHaving(id),
    columns: ['startedon', 'state', 'commandtype', 'text', 'failurereason', 'rootactivityid'],
    // What changes something, and what failed, says more than what was only asked.
    pick: (rows) => [
      ...rows.filter(failed),
      ...rows.filter((row) => !failed(row) && !asks(row)),
      ...rows.filter((row) => !failed(row) && asks(row)),
    ],
    tell: (rows) => {
      if (rows.length === 0) return 'none; the cluster keeps them for 30 days';
      const bad = rows.filter((row) => failed(row) && !asks(row));
      const unanswered = rows.filter((row) => failed(row) && asks(row)).length;
      const why = bad.length === 0 ? '' : `: ${scrub(String(bad.at(-1)?.['failurereason'] ?? ''))}`;
      const besides = unanswered === 0 ? '' : `; besides, ${unanswered} that only asked got no answer`;
      return `${rows.length} commands, ${bad.length} failed${why}${besides}`;
    },
  };
}

/** By its id, in the log of updates after six hours; by the commit's own request id when the answer was lost. */
function commitPoint({ options, state, step, commit }: Load): Question | DiagnosisPoint {
  const name = 'operation of the commit';
  if (commit === undefined) {
    const why =
      options.writeMode === 'Queued'
        ? 'none: with writeMode Queued every blob is visible once it is ingested'
        : state === 'running'
          ? `none yet: the load is at its step ${step}`
          : 'none: the load ended before its commit';
    return { number: 2, name, finding: why };
  }
  const { operationId, attempt, clientRequestId } = commit;
  if (operationId === undefined) {
    return {
      number: 2,
      name,
      command: commands.showCommandsOf(clientRequestId),
      tell: (rows) =>
        `attempt ${attempt} was sent, and its answer with the operation id lost; ${rows.length} commands bear its request id`,
    };
  }
  return {
    number: 2,
    name,
    command: commands.showOperation(operationId),
    otherwise: commands.showOperationLog(operationId),
    columns: ['operationid', 'operation', 'startedon', 'lastupdatedon', 'state', 'status', 'shouldretry'],
    tell: ([row]) =>
      row === undefined
        ? `attempt ${attempt}: neither found by its id nor in the log of two weeks`
        : `attempt ${attempt}: ${row['state']} ${row['status'] ?? ''}`.trim(),
  };
}

function logPoint({ id }: Load): DiagnosisPoint {
  return {
    number: 3,
    name: 'log of the app',
    finding:
      `every line of this load has "load":"${id}"; app setting LOG_LEVEL=debug adds each step, poll and retry. ` +
      `In Application Insights: traces | where message has "${id}"`,
  };
}

function stagingPoint(prefix: string, own: string | undefined): Question {
  return {
    number: 4,
    name: 'staging tables of this app, hidden ones included',
    command: commands.showStagingTables(prefix),
    tell: (rows) => {
      const isThere = own !== undefined && rows.some((row) => String(row['tablename']) === own);
      const mine = isThere
        ? `that of this load is there: ${own}; once the load has ended: ${commands.dropTable(own)}`
        : 'none of this load';
      return `${mine}; ${rows.length} in all`;
    },
  };
}

function failuresPoint(load: Load): Question {
  return {
    number: 5,
    name: 'ingestion failures',
    command: showFailuresOf(load),
    columns: [
      'failedon',
      'table',
      'errorcode',
      'failurekind',
      'details',
      'ingestionsourcepath',
      'operationid',
    ],
    tell: (rows) =>
      rows.length === 0 ? 'none' : `${rows.length}, the newest: ${scrub(String(rows[0]?.['details'] ?? ''))}`,
  };
}

function batchingPoint(table: string, isTargetOfStaged: boolean): Question {
  const effect = isTargetOfStaged
    ? '; it does not hold this load, whose staging table waits 30 s at most'
    : '; a blob may wait that long before it is ingested';
  return {
    number: 6,
    name: `batching policy of ${table}`,
    command: commands.showPolicy(table, 'ingestionbatching'),
    tell: ([row]) => {
      const policy = row?.['policy'];
      const isNone = policy === undefined || policy === null || policy === 'null';
      return `${isNone ? 'none of its own: that of the database, or five minutes' : policy}${effect}`;
    },
  };
}
