import { parseArgs } from 'node:util';
import { nearest } from '../config/nearest.js';
import { KfError } from '../runtime/errors.js';
import { redact } from '../runtime/redact.js';
import { ProblemError, UnreachableError } from './api.js';
import { type CliDeps, type Command, type OptionSpec, text, UsageError, type Values } from './command.js';
import { applyCommand, checkCommand, doctorCommand } from './config-commands.js';
import { diagnoseCommand } from './diagnose-command.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { commandHelp, globalOptions, overview } from './help.js';
import { ingestCommand, operationShowCommand } from './ingest-command.js';
import { deadLetterCommands, shipmentCommands } from './ledger-commands.js';
import { loadCommand } from './load-command.js';
import { loadCommands } from './load-watch-commands.js';

export const commands: readonly Command[] = [
  checkCommand,
  applyCommand,
  doctorCommand,
  ingestCommand,
  operationShowCommand,
  loadCommand,
  ...loadCommands,
  diagnoseCommand,
  ...shipmentCommands,
  ...deadLetterCommands,
];

const defaultUrl = 'http://localhost:7071';

interface Parsed {
  readonly positionals: readonly string[];
  readonly values: Values;
}

function parse(args: readonly string[], options: Readonly<Record<string, OptionSpec>>): Parsed {
  const types = Object.fromEntries(Object.entries(options).map(([name, { type }]) => [name, { type }]));
  try {
    const { values, positionals, tokens } = parseArgs({
      args: [...args],
      options: types,
      allowPositionals: true,
      strict: true,
      tokens: true,
    });
    requireOnce(
      tokens.flatMap((token) => (token.kind === 'option' && token.value !== undefined ? [token.name] : [])),
    );
    return { positionals, values: values as Values };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const message = (error as Error).message;
    const unknown = /Unknown option '--([^']*)'/.exec(message)?.[1];
    if (unknown === undefined) {
      throw new UsageError(message.split('. ')[0] as string);
    }
    const close = nearest(unknown, Object.keys(options));
    const known = Object.keys(options).map((name) => `--${name}`);
    throw new UsageError(
      `there is no option --${unknown}; ${close ? `did you mean --${close}?` : known.join(', ')}`,
    );
  }
}

/** The last of several would win without a word. @throws UsageError */
function requireOnce(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UsageError(`--${twice} is given twice`);
}

/** Words of the command line that are no options and no values of options, in order. */
function wordsOf(args: readonly string[]): string[] {
  const options = Object.assign({}, ...commands.map((command) => command.options), globalOptions) as Record<
    string,
    OptionSpec
  >;
  const words: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string;
    if (arg.startsWith('--') && !arg.includes('=') && options[arg.slice(2)]?.type === 'string') {
      index++;
    } else if (!arg.startsWith('--')) {
      words.push(arg);
    }
  }
  return words;
}

/** The command that the words name, the longer name first. @throws UsageError */
function find(words: readonly string[]): Command {
  const byName = (name: string): Command | undefined => commands.find((command) => command.name === name);
  const found = byName(words.slice(0, 2).join(' ')) ?? byName(words[0] ?? '');
  if (found !== undefined) {
    return found;
  }
  const group = commands.filter(({ name }) => name.startsWith(`${words[0]} `)).map(({ name }) => name);
  if (group.length > 0) {
    throw new UsageError(`say which: ${group.join(', ')}`);
  }
  const close = nearest(words[0] ?? '', [
    ...new Set(commands.map(({ name }) => name.split(' ')[0] as string)),
  ]);
  throw new UsageError(
    `there is no command ${words[0]}${close ? `; did you mean ${close}?` : '; see --help'}`,
  );
}

function apiUrl(values: Values, deps: CliDeps): string {
  const url = text(values, 'url') ?? (deps.environment['KUSTO_FUNCTIONS_URL'] || defaultUrl);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError(`--url ${url}: write http://HOST:PORT or https://NAME.azurewebsites.net`);
  }
  return url;
}

async function dispatch(args: readonly string[], deps: CliDeps): Promise<ExitCode> {
  const words = wordsOf(args);
  if (words.length === 0) {
    const { values } = parse(args, globalOptions);
    (values['help'] === true ? deps.output.out : deps.output.err)(overview(commands));
    return values['help'] === true ? exitCodes.ok : exitCodes.usage;
  }
  const command = find(words);
  const { values, positionals: all } = parse(args, { ...command.options, ...globalOptions });
  if (values['help'] === true) {
    deps.output.out(commandHelp(command));
    return exitCodes.ok;
  }
  const positionals = all.slice(command.name.split(' ').length);
  const { min, max } = command.positionals;
  if (positionals.length < min || positionals.length > max) {
    throw new UsageError(`usage: kusto-functions ${command.usage}`);
  }
  const key = text(values, 'key') ?? (deps.environment['KUSTO_FUNCTIONS_KEY'] || undefined);
  const api = deps.openApi(apiUrl(values, deps), key);
  return command.run({ deps, positionals, values, api, json: values['json'] === true });
}

const configCodes = new Set(['CONFIG_INVALID', 'CONFIG_SETTING_MISSING', 'REQUEST_INVALID']);
const unreachableCodes = new Set(['KUSTO_UNREACHABLE', 'STORAGE_UNREACHABLE']);

function kfExit(error: KfError): ExitCode {
  return configCodes.has(error.code)
    ? exitCodes.usage
    : unreachableCodes.has(error.code)
      ? exitCodes.unreachable
      : exitCodes.failed;
}

function tellProblem(error: ProblemError, deps: CliDeps, json: boolean): ExitCode {
  const { problem, status } = error;
  if (json) {
    deps.output.out(JSON.stringify({ status, ...problem }, null, 2));
  }
  deps.output.err(`${problem['code'] ?? status}: ${error.message}`);
  const denied = status === 401 ? 'give a function key with --key' : undefined;
  const fix = problem['fix'] ?? denied;
  if (fix !== undefined) {
    deps.output.err(`  fix   ${fix}`);
  }
  if (problem['nextCommand'] !== undefined) {
    deps.output.err(`  next  ${problem['nextCommand']}`);
  }
  return problem['code'] === 'REQUEST_INVALID' ? exitCodes.usage : exitCodes.failed;
}

/** Runs one command line; never throws. */
export async function runCli(args: readonly string[], deps: CliDeps): Promise<ExitCode> {
  const json = args.includes('--json');
  try {
    return await dispatch(args, deps);
  } catch (error) {
    if (error instanceof UsageError) {
      deps.output.err(error.message);
      return exitCodes.usage;
    }
    if (error instanceof UnreachableError) {
      deps.output.err(redact(error.message));
      deps.output.err(
        '  next  start the app (npm start), name it with --url, or try: kusto-functions doctor --local',
      );
      return exitCodes.unreachable;
    }
    if (error instanceof ProblemError) {
      return tellProblem(error, deps, json);
    }
    if (error instanceof KfError) {
      deps.output.err(redact(`${error.code}: ${error.message}`));
      return kfExit(error);
    }
    deps.output.err(redact(error instanceof Error ? error.message || error.name : String(error)));
    return exitCodes.failed;
  }
}
