import type { Diagnosis, DiagnosisPoint } from '../transactional/diagnosis.js';
import { ProblemError } from './api.js';
import type { Command, Invocation } from './command.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { describeLoad, errorLines } from './load-report.js';
import { formatFacts, toJson } from './output.js';

const isUnknown = (error: unknown): boolean =>
  error instanceof ProblemError && error.problem['code'] === 'NOT_FOUND';

async function diagnose(invocation: Invocation): Promise<ExitCode> {
  const { api, deps, json, positionals } = invocation;
  const id = positionals[0] as string;
  const path = `/loads/${encodeURIComponent(id)}/diagnosis`;
  try {
    const diagnosis = (await api.call({ method: 'GET', path })).json as Diagnosis;
    if (json) deps.output.out(toJson(diagnosis));
    else tell(invocation, diagnosis);
    return exitCodes.ok;
  } catch (error) {
    if (!isUnknown(error)) throw error;
    return diagnoseBody(invocation, id, error as ProblemError);
  }
}

/** What a body became that was sent with `ingest`. @throws ProblemError when the id is neither */
async function diagnoseBody(
  { api, deps, json }: Invocation,
  id: string,
  unknown: ProblemError,
): Promise<ExitCode> {
  try {
    const path = `/operations/${encodeURIComponent(id)}`;
    const operation = (await api.call({ method: 'GET', path })).json as Readonly<Record<string, unknown>>;
    if (json) {
      deps.output.out(toJson({ operation }));
    } else {
      deps.output.out(`${id} is no load, but a body that was sent to be ingested:`);
      deps.output.out(formatFacts(operation));
    }
    return exitCodes.ok;
  } catch (error) {
    if (!isUnknown(error)) throw error;
    throw new ProblemError(unknown.status, {
      ...unknown.problem,
      detail: `${id}: neither a load nor an operation has this id, or its record has expired`,
      nextCommand: 'kusto-functions load list',
    });
  }
}

function tell({ deps: { output } }: Invocation, { load, points }: Diagnosis): void {
  output.out(describeLoad(load));
  for (const line of errorLines(load)) output.out(line);
  for (const point of points) output.out(pointLines(point).join('\n'));
}

function pointLines({ number, name, finding, command, rows = [] }: DiagnosisPoint): string[] {
  return [
    '',
    `${number}. ${name}: ${finding}`,
    ...(command === undefined ? [] : [`   ${command}`]),
    ...rows.map((row) => `     ${shortRow(row)}`),
  ];
}

/** Widest row that is shown; --json has all of it. */
const MAX_ROW_CHARS = 400;

function shortRow(row: Readonly<Record<string, unknown>>): string {
  const known = Object.entries(row).filter(([, value]) => value !== null && value !== '');
  const line = JSON.stringify(Object.fromEntries(known));
  return line.length > MAX_ROW_CHARS ? `${line.slice(0, MAX_ROW_CHARS - 1)}…` : line;
}

export const diagnoseCommand: Command = {
  name: 'diagnose',
  usage: 'diagnose ID',
  summary: 'Ask the cluster everything that tells why a load failed or hangs; changes nothing.',
  details: [
    'Six points, each with the command to see it oneself: the commands sent under the request id, the operation of',
    'the commit, staging tables (hidden ones too), ingestion failures, batching policies, and where the log is.',
    'For the id of a body that was sent with ingest, what became of it is shown.',
  ],
  options: {},
  positionals: { min: 1, max: 1 },
  run: diagnose,
};
