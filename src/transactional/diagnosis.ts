import * as commands from '../kusto/load-commands.js';
import type { Row } from '../kusto/rows.js';
import { KfError } from '../runtime/errors.js';
import { scrub } from '../runtime/redact.js';
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

/** Texts of the service may repeat what it was sent, links and tokens too. */
function scrubbed(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'string' || (typeof value === 'object' && value !== null)
        ? scrub(textOf(value))
        : value,
    ]),
  );
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

interface Question {
  readonly name: string;
  readonly command: string;
  tell(rows: readonly Row[]): string;
}

/** Answers the questions that one asks about a load that failed or hangs; reads only. */
export function createDiagnosis(deps: LoadDeps): (id: string) => Promise<Diagnosis> {
  return async (id) => {
    const load = await deps.store.get(id);
    if (load === undefined) throw new KfError('NOT_FOUND', `load ${id}: unknown, or its record has expired`);
    const engine = engineOf(deps, load, AbortSignal.timeout(DIAGNOSE_MS));
    const points: DiagnosisPoint[] = [];
    for (const question of questionsOf(deps, load)) points.push(await answer(question, engine.command));
    return { load: viewOf(load), points: [...points, logPoint(load)] };
  };
}

async function answer(
  { name, command, tell }: Question,
  ask: (text: string) => Promise<Row[]>,
): Promise<DiagnosisPoint> {
  try {
    const rows = await ask(command);
    return {
      name,
      command,
      finding: tell(rows),
      ...(rows.length === 0 ? {} : { rows: rows.slice(0, MAX_ROWS).map(scrubbed) }),
    };
  } catch (error) {
    return {
      name,
      command,
      finding: `could not be asked: ${scrub(error instanceof Error ? error.message : String(error))}`,
    };
  }
}

function questionsOf(deps: LoadDeps, load: Load): Question[] {
  const { table } = load.options;
  const staging = stagingTableOf(deps.stagingPrefix, load);
  const operationId = load.commit?.operationId;
  const batching = (name: string): Question => ({
    name: `batching policy of ${name}`,
    command: commands.showPolicy(name, 'ingestionbatching'),
    tell: ([row]) =>
      row === undefined || row['policy'] === 'null' || row['policy'] === null
        ? 'none of its own: that of the database, or five minutes'
        : scrub(textOf(row['policy'])),
  });
  const failures = (name: string): Question => ({
    name: `ingestion failures of ${name}`,
    command: commands.showTableFailures(name),
    tell: (rows) =>
      rows.length === 0 ? 'none' : `${rows.length}, the newest: ${scrub(String(rows[0]?.['details'] ?? ''))}`,
  });
  const isStaged = load.options.writeMode === 'Transactional';
  return [
    {
      name: 'commands of this load',
      command: commands.showCommandsHaving(load.id),
      tell: (rows) => {
        const bad = rows.filter((row) => row['state'] === 'Failed');
        return `${rows.length} commands, ${bad.length} failed${bad.length === 0 ? '' : `: ${scrub(String(bad.at(-1)?.['failurereason'] ?? ''))}`}`;
      },
    },
    ...(operationId === undefined
      ? []
      : [
          {
            name: 'operation of the commit',
            command: commands.showOperation(operationId),
            tell: ([row]: readonly Row[]) =>
              row === undefined
                ? `not found; older than six hours? ${commands.showOperationLog(operationId)}`
                : `${row['state']} ${row['status'] ?? ''}`.trim(),
          },
        ]),
    {
      name: 'staging tables of this app',
      command: commands.showStagingTables(deps.stagingPrefix),
      tell: (rows) => {
        const names = rows.map((row) => String(row['tablename']));
        const own =
          isStaged && names.includes(staging)
            ? `that of this load is there: ${staging}`
            : 'none of this load';
        return `${own}; ${names.length} in all`;
      },
    },
    failures(isStaged ? staging : table),
    batching(table),
    ...(isStaged && load.state === 'running' ? [batching(staging)] : []),
  ];
}

function logPoint({ id }: Load): DiagnosisPoint {
  return {
    name: 'log of the app',
    finding:
      `every line of this load has "load":"${id}"; app setting LOG_LEVEL=debug adds each step, poll and retry. ` +
      `In Application Insights: traces | where message has "${id}"`,
  };
}
