import { createReadStream, statSync } from 'node:fs';
import { extname } from 'node:path';
import { pipeline } from 'node:stream';
import { dataFormats } from '../config/types.js';
import { parseDuration } from '../config/units.js';
import { type Command, type Invocation, requiredText, text, UsageError } from './command.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { meter } from './meter.js';
import { formatFacts, toJson } from './output.js';

const formatsByEnding: Readonly<Record<string, string>> = {
  '.json': 'json',
  '.jsonl': 'json',
  '.ndjson': 'json',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.psv': 'psv',
  '.txt': 'txt',
  '.avro': 'avro',
  '.parquet': 'parquet',
  '.orc': 'orc',
};

/** Format and compression of a file, from its name. */
export function kindOfFile(file: string): { readonly format: string | undefined; readonly gzip: boolean } {
  const lower = file.toLowerCase();
  const gzip = lower.endsWith('.gz');
  return { format: formatsByEnding[extname(gzip ? lower.slice(0, -3) : lower)], gzip };
}

/** `Database.Table`. @throws UsageError */
export function targetOf(table: string): { readonly database: string; readonly name: string } {
  const dot = table.indexOf('.');
  if (dot < 1 || dot === table.length - 1) {
    throw new UsageError(`--table ${table}: write DATABASE.TABLE`);
  }
  return { database: table.slice(0, dot), name: table.slice(dot + 1) };
}

/** States after which nothing more happens to what was sent; everything else is still on its way. */
const finalStates = new Set(['succeeded', 'settled', 'failed', 'partiallySucceeded', 'skipped', 'unknown']);
const goodStates = new Set(['succeeded', 'settled', 'skipped']);
const pollMs = 2_000;

interface Operation extends Record<string, unknown> {
  readonly operationId?: string;
  readonly state?: string;
}

const waitOptions = {
  wait: { type: 'boolean', doc: 'Wait until the service has ingested or refused it.' },
  timeout: { type: 'string', value: 'TIME', doc: 'Longest wait, such as 90s or 10m. Default 15m.' },
} as const;

/** Asks for the operation, until it is final when `--wait` is given; shows it and tells the exit code. */
async function showOperation(invocation: Invocation, id: string): Promise<ExitCode> {
  const { deps, api, values, json } = invocation;
  const timeoutMs = parseDuration(text(values, 'timeout') ?? '15m');
  if (timeoutMs === undefined) {
    throw new UsageError(`--timeout ${text(values, 'timeout')}: write a duration such as 90s or 10m`);
  }
  const ask = async (): Promise<Operation> =>
    (await api.call({ method: 'GET', path: `/operations/${encodeURIComponent(id)}` })).json as Operation;
  const startedMs = deps.clock.now();
  let operation = await ask();
  while (values['wait'] === true && !finalStates.has(String(operation.state))) {
    if (deps.clock.now() - startedMs >= timeoutMs) {
      deps.output.err(`not settled yet; ask again with: kusto-functions operation show ${id} --wait`);
      break;
    }
    await deps.clock.sleep(pollMs);
    operation = await ask();
  }
  deps.output.out(json ? toJson(operation) : formatFacts(operation));
  const isFinal = finalStates.has(String(operation.state));
  const isBad = isFinal ? !goodStates.has(String(operation.state)) : values['wait'] === true;
  return isBad ? exitCodes.failed : exitCodes.ok;
}

function sizeOf(file: string): number | undefined {
  if (file === '-') {
    return undefined;
  }
  const facts = statSync(file, { throwIfNoEntry: false });
  if (facts === undefined || !facts.isFile()) {
    throw new UsageError(`${file}: there is no such file`);
  }
  return facts.size;
}

async function ingest(invocation: Invocation): Promise<ExitCode> {
  const { deps, api, positionals, values, json } = invocation;
  const file = positionals[0] as string;
  const { database, name } = targetOf(requiredText(values, 'table'));
  const kind = kindOfFile(file);
  const format = text(values, 'format') ?? kind.format;
  if (format === undefined || !(dataFormats as readonly string[]).includes(format)) {
    throw new UsageError(`--format is needed for ${file}: one of ${dataFormats.join(', ')}`);
  }
  const sizeBytes = sizeOf(file);
  const key = text(values, 'idempotency-key');
  const source = file === '-' ? process.stdin : createReadStream(file);
  const answer = await api.call({
    method: 'POST',
    path: `/ingest/${encodeURIComponent(database)}/${encodeURIComponent(name)}`,
    query: {
      format,
      mapping: text(values, 'mapping'),
      tags: text(values, 'tags'),
      ignoreFirstRecord: values['ignore-first-record'] === true ? 'true' : undefined,
    },
    headers: {
      'content-type': 'application/octet-stream',
      ...(kind.gzip || values['gzip'] === true ? { 'content-encoding': 'gzip' } : {}),
      ...(sizeBytes === undefined ? {} : { 'content-length': String(sizeBytes) }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    // A failure to read ends the request too; the request itself tells it.
    body: pipeline(
      source,
      meter(invocation, sizeBytes === undefined ? {} : { totalBytes: sizeBytes }),
      () => undefined,
    ),
  });
  const operation = answer.json as Operation;
  if (values['wait'] === true && operation.operationId !== undefined) {
    return showOperation(invocation, operation.operationId);
  }
  deps.output.out(json ? toJson(operation) : formatFacts(operation));
  if (!json) {
    deps.output.out(`Next: kusto-functions operation show ${operation.operationId} --wait`);
  }
  return exitCodes.ok;
}

export const ingestCommand: Command = {
  name: 'ingest',
  usage: 'ingest FILE --table DATABASE.TABLE [options]',
  summary: 'Send a file to a table through the app.',
  details: [
    'FILE is streamed, whatever its size; - reads from standard input. The format follows from the ending (.json,',
    '.jsonl, .csv, .tsv, .psv, .txt, .avro, .parquet, .orc, each also with .gz) unless --format says it.',
    'Example: kusto-functions ingest zipcodes.csv --table Samples.ZipCodes --ignore-first-record --wait',
  ],
  options: {
    table: { type: 'string', value: 'DB.T', doc: 'Target; http.tables must allow it.' },
    format: { type: 'string', value: 'NAME', doc: `One of ${dataFormats.join(', ')}.` },
    mapping: { type: 'string', value: 'NAME', doc: 'Ingestion mapping of the table.' },
    tags: { type: 'string', value: 'A,B', doc: 'Extent tags.' },
    'ignore-first-record': { type: 'boolean', doc: 'The first row is a header.' },
    gzip: { type: 'boolean', doc: 'The file is gzipped though its name does not say so.' },
    'idempotency-key': { type: 'string', value: 'KEY', doc: 'Makes a repeat with the same key harmless.' },
    ...waitOptions,
  },
  positionals: { min: 1, max: 1 },
  run: ingest,
};

export const operationShowCommand: Command = {
  name: 'operation show',
  usage: 'operation show ID [--wait]',
  summary: 'Show what became of a body that was sent.',
  options: waitOptions,
  positionals: { min: 1, max: 1 },
  run: (invocation) => showOperation(invocation, invocation.positionals[0] as string),
};
