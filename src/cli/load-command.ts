import { dataFormats } from '../config/types.js';
import { KfError } from '../runtime/errors.js';
import { schemaAdjustments, writeModes } from '../transactional/types.js';
import type { LoadView } from '../transactional/view.js';
import { ProblemError } from './api.js';
import type { Command, Invocation } from './command.js';
import type { ExitCode } from './exit-codes.js';
import { followLoad, getLoad } from './load-follow.js';
import { isOver, reportLoad } from './load-report.js';
import { type CliLoad, planLoad } from './load-request.js';
import { repeated } from './repeat.js';
import { checkFiles, uploadFile } from './upload.js';

async function load(invocation: Invocation): Promise<ExitCode> {
  const { deps, json, values } = invocation;
  const plan = planLoad(invocation);
  const files = plan.sources.flatMap((source) => ('file' in source ? [source.file] : []));
  await checkFiles(files);
  const held =
    files.length > 0 && values['request-id'] !== undefined ? await heldLoad(invocation, plan) : undefined;
  const uploads = new Map<string, string>();
  const started = held ?? (await start(invocation, plan, uploads));
  if (values['no-wait'] !== true) {
    return reportLoad(invocation, await followLoad(invocation, started), uploads);
  }
  const code = reportLoad(invocation, started, uploads);
  if (!json && !isOver(started)) deps.output.out(`Next: kusto-functions load show ${started.id} --wait`);
  return code;
}

/**
 * The load that an earlier run of the same command line began. Its files are not uploaded again: under other
 * uploads the app would take it for another load.
 * @throws REQUEST_ID_REUSED
 */
async function heldLoad(invocation: Invocation, plan: CliLoad): Promise<LoadView | undefined> {
  const { deps } = invocation;
  try {
    const view = await repeated(deps, () => getLoad(invocation, plan.requestId));
    const isSame =
      view.database === plan.database && view.table === plan.table && view.writeMode === plan.writeMode;
    if (!isSame) {
      const what = `a ${view.writeMode} load into ${view.database}.${view.table}`;
      throw new KfError('REQUEST_ID_REUSED', `--request-id ${view.id}: ${what} has it`);
    }
    deps.output.err(`load ${view.id} was begun before; nothing is uploaded again`);
    return view;
  } catch (error) {
    if (error instanceof ProblemError && error.problem['code'] === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/** Uploads what is to be uploaded, then asks for the load until the app has answered. */
async function start(invocation: Invocation, plan: CliLoad, uploads: Map<string, string>): Promise<LoadView> {
  const { api, deps } = invocation;
  const sources: object[] = [];
  for (const source of plan.sources) {
    if ('file' in source) {
      const upload = await uploadFile(invocation, source.file, plan);
      uploads.set(upload, source.file);
      sources.push({ upload, ...(source.gzip ? { gzip: true } : {}) });
    } else {
      sources.push(source);
    }
  }
  const body = JSON.stringify({ ...plan.request, sources });
  const headers = { 'content-type': 'application/json' };
  const answer = await repeated(deps, () => api.call({ method: 'POST', path: '/loads', headers, body }));
  return answer.json as LoadView;
}

const valued = (value: string, doc: string) => ({ type: 'string', value, doc }) as const;
const flag = (doc: string) => ({ type: 'boolean', doc }) as const;

export const loadCommand: Command = {
  name: 'load',
  usage: 'load FILE|URL… --table DATABASE.TABLE [options]',
  summary: 'Load files and blobs into a table, all or nothing, and wait for the end.',
  details: [
    'FILEs are uploaded first. URLs are read by the app, which must allow their storage (load.storage); one that ends',
    'with / stands for every blob below it. The format follows from the endings, as with ingest, unless --format',
    'says it. A FILE called show, list, cancel or orphans is written ./show, since those words are commands.',
    'The load goes on when this command is stopped. The same --request-id again shows the load that there is.',
    'Exit code 0: committed, or skipped by --ingest-if-not-exists; 1: any other end; 2: usage; 3: unreachable.',
    'Example: kusto-functions load january.csv.gz february.csv.gz --table Samples.Flights --ignore-first-record',
  ],
  options: {
    table: valued('DB.T', 'Target; http.tables must allow it.'),
    prefix: valued('URL', 'Every blob whose address begins so, besides what else is named.'),
    format: valued('NAME', `One of ${dataFormats.join(', ')}.`),
    mapping: valued('NAME', 'Ingestion mapping of the table.'),
    'write-mode': valued('MODE', `${writeModes.join(' (default) or ')}, which is tracked but not atomic.`),
    'adjust-schema': valued('HOW', `One of ${schemaAdjustments.join(', ')}; the first is the default.`),
    schema: valued('A:T,B:T', 'Columns of the source and their types, in order.'),
    create: flag('Create the table from --schema when it does not exist.'),
    'ignore-first-record': flag('The first row of each file and blob is a header.'),
    'temp-table': valued('NAME', 'Your own staging table; it is kept, with its rows when the load fails.'),
    tags: valued('A,B', 'Tags of the extents.'),
    'ingest-by': valued('A,B', 'ingest-by values that the extents get.'),
    'ingest-if-not-exists': valued('A,B', 'Skip the load when the table has one of these ingest-by values.'),
    'creation-time': valued('TIME', 'The extents count as created then (ISO 8601).'),
    'expected-rows': valued('N', 'Commit only if exactly so many rows were staged.'),
    'client-batching-limit-mb': valued('N', 'Uncompressed MiB of one blob cut from a file. Default 300.'),
    'request-id': valued('ID', 'Makes a repeat harmless. Default: a new one.'),
    timeout: valued('TIME', 'Longest time of the load, such as 2h. Default 2d.'),
    'allow-partial-visibility': flag('Allow several moves for very many extents.'),
    'no-wait': flag('End as soon as the load is accepted.'),
  },
  positionals: { min: 0, max: Number.POSITIVE_INFINITY },
  run: load,
};
