import { dataFormats } from '../config/types.js';
import { parseDuration } from '../config/units.js';
import { KfError } from '../runtime/errors.js';
import { parseLoadRequest } from '../transactional/request.js';
import { type Invocation, requiredText, text, UsageError, type Values } from './command.js';
import { kindOfFile, targetOf } from './ingest-command.js';

/** What stands on the command line, in its order. */
export type CliSource =
  | { readonly file: string; readonly gzip: boolean }
  | { readonly url: string }
  | { readonly prefix: string };

/** A load as the command line names it; its files are not uploaded yet. */
export interface CliLoad {
  readonly sources: readonly CliSource[];
  /** The request without its sources. */
  readonly request: Readonly<Record<string, unknown>>;
  readonly requestId: string;
  readonly database: string;
  readonly table: string;
  readonly writeMode: string;
}

/** Option → member of the request, where they have other names. */
const members: Readonly<Record<string, string>> = {
  'write-mode': 'writeMode',
  'adjust-schema': 'adjustSchema',
  'ignore-first-record': 'ignoreFirstRecord',
  'temp-table': 'tempTableName',
  'client-batching-limit-mb': 'clientBatchingLimitMb',
  'creation-time': 'creationTime',
  'expected-rows': 'expectedRows',
  'request-id': 'requestId',
  timeout: 'timeoutMs',
  'allow-partial-visibility': 'allowPartialVisibility',
  'ingest-by': 'tags.ingestBy',
  'ingest-if-not-exists': 'tags.ingestIfNotExists',
  tags: 'tags.additional',
};

/** Stands for what is uploaded later, when the rest is checked before. */
const LATER = { upload: '00000000-0000-0000-0000-000000000000' };

/** Everything that can be said of a load before the app is asked. @throws UsageError */
export function planLoad({ deps, positionals, values }: Invocation): CliLoad {
  const { database, name: table } = targetOf(requiredText(values, 'table'));
  const prefix = text(values, 'prefix');
  const sources = [...positionals.map(sourceOf), ...(prefix === undefined ? [] : [{ prefix }])];
  if (sources.length === 0) throw new UsageError('name at least one FILE or URL, or a --prefix');
  const requestId = text(values, 'request-id') ?? deps.clock.newId();
  const writeMode = text(values, 'write-mode') ?? 'Transactional';
  const request = {
    requestId,
    database,
    table,
    writeMode,
    format: formatOf(values, sources),
    ...optionsOf(values),
  };
  checkRequest(request);
  return { sources, request, requestId, database, table, writeMode };
}

function sourceOf(argument: string): CliSource {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(argument)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    const { gzip } = kindOfFile(argument);
    if (argument === '-') throw new UsageError('- : a load needs files; ingest - reads from standard input');
    if (/\.zip$/i.test(argument)) throw new UsageError(`${argument}: unzip it first, or use gzip`);
    return { file: argument, gzip };
  }
  if ((scheme !== 'http' && scheme !== 'https') || !URL.canParse(argument)) {
    throw new UsageError(
      `${withoutQuery(argument)}: write https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB`,
    );
  }
  return new URL(argument).pathname.endsWith('/') ? { prefix: argument } : { url: argument };
}

/** What may be shown: a query can hold a signature. */
const withoutQuery = (address: string): string => address.replace(/\?.*$/s, '');

function formatOf(values: Values, sources: readonly CliSource[]): string {
  const given = text(values, 'format');
  const named = sources.flatMap((source) => {
    if ('prefix' in source) return [];
    const name = 'file' in source ? source.file : new URL(source.url).pathname;
    return [{ name, format: kindOfFile(name).format }];
  });
  const [first] = named;
  const format = given ?? first?.format;
  if (format === undefined || !(dataFormats as readonly string[]).includes(format)) {
    throw new UsageError(
      `--format is needed for ${first?.name ?? 'a prefix'}: one of ${dataFormats.join(', ')}`,
    );
  }
  const odd = given === undefined ? named.find((one) => one.format !== format) : undefined;
  if (odd !== undefined) {
    throw new UsageError(
      `${first?.name} is ${format} and ${odd.name} is ${odd.format ?? 'of no known ending'}: a load has one format; say it with --format`,
    );
  }
  return format;
}

const listOf = (values: Values, name: string): string[] =>
  text(values, name)?.split(',').filter(Boolean) ?? [];

function numberOf(values: Values, name: string): number | undefined {
  const given = text(values, name);
  if (given !== undefined && !/^\d{1,15}$/.test(given)) {
    throw new UsageError(`--${name} ${given}: write a whole number`);
  }
  return given === undefined ? undefined : Number(given);
}

function timeoutOf(values: Values): number | undefined {
  const given = text(values, 'timeout');
  const timeoutMs = given === undefined ? undefined : parseDuration(given);
  if (given !== undefined && timeoutMs === undefined) {
    throw new UsageError(`--timeout ${given}: write a duration such as 30m or 2h`);
  }
  return timeoutMs;
}

/** `name:type,…`, in the order of the source. */
function schemaOf(values: Values): Readonly<Record<string, string>> | undefined {
  const given = text(values, 'schema');
  if (given === undefined) return undefined;
  const columns = given.split(',').map((part): [string, string] => {
    const colon = part.lastIndexOf(':');
    if (colon < 1) throw new UsageError(`--schema ${part}: write NAME:TYPE,NAME:TYPE`);
    return [part.slice(0, colon).trim(), part.slice(colon + 1).trim()];
  });
  const twice = columns.find(([name], index) => columns.findIndex(([other]) => other === name) !== index);
  if (twice !== undefined) throw new UsageError(`--schema: the column ${twice[0]} is there twice`);
  return Object.fromEntries(columns);
}

/** Members that the command line gives; the app knows the defaults of the others. */
function optionsOf(values: Values): Record<string, unknown> {
  const all: Record<string, unknown> = {
    mapping: text(values, 'mapping'),
    adjustSchema: text(values, 'adjust-schema'),
    schema: schemaOf(values),
    tableCreateOptions: values['create'] === true ? 'CreateIfNotExist' : undefined,
    ignoreFirstRecord: values['ignore-first-record'],
    tempTableName: text(values, 'temp-table'),
    clientBatchingLimitMb: numberOf(values, 'client-batching-limit-mb'),
    tags: {
      additional: listOf(values, 'tags'),
      ingestBy: listOf(values, 'ingest-by'),
      ingestIfNotExists: listOf(values, 'ingest-if-not-exists'),
    },
    creationTime: text(values, 'creation-time'),
    expectedRows: numberOf(values, 'expected-rows'),
    timeoutMs: timeoutOf(values),
    allowPartialVisibility: values['allow-partial-visibility'],
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/**
 * The app's own rules on the options, so that no file is uploaded for a request that it would refuse. Which tables,
 * addresses and times it allows, it says itself.
 * @throws UsageError
 */
function checkRequest(request: Readonly<Record<string, unknown>>): void {
  const rules = { allow: { empty: false, allows: () => true }, storage: [], allowSas: false, maxSources: 1 };
  try {
    parseLoadRequest({ ...request, sources: [LATER] }, { ...rules, nowMs: Number.MAX_SAFE_INTEGER });
  } catch (error) {
    throw error instanceof KfError ? new UsageError(withOptions(error.message)) : error;
  }
}

/** Names the options as the command line has them. */
function withOptions(message: string): string {
  return Object.entries(members).reduce(
    (all, [option, member]) => all.replaceAll(new RegExp(`(^|; )${member}(?=[:.[])`, 'g'), `$1--${option}`),
    message.replaceAll(/(^|; )(schema|mapping)(?=[:.])/g, '$1--$2'),
  );
}
