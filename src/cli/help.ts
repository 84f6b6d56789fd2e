import type { Command, OptionSpec } from './command.js';

export const globalOptions = {
  url: {
    type: 'string',
    value: 'URL',
    doc: 'The app. Default: KUSTO_FUNCTIONS_URL, else http://localhost:7071.',
  },
  key: { type: 'string', value: 'KEY', doc: 'A function key of the app. Default: KUSTO_FUNCTIONS_KEY.' },
  json: { type: 'boolean', doc: 'Print JSON instead of text.' },
  help: { type: 'boolean', doc: 'Show this.' },
} as const satisfies Record<string, OptionSpec>;

function optionLines(options: Readonly<Record<string, OptionSpec>>): string[] {
  const left = (name: string, { value }: OptionSpec): string =>
    `--${name}${value === undefined ? '' : ` ${value}`}`;
  const width = Math.max(...Object.entries(options).map(([name, option]) => left(name, option).length));
  return Object.entries(options).map(
    ([name, option]) => `  ${left(name, option).padEnd(width)}  ${option.doc}`,
  );
}

const exitLines = [
  'Exit codes',
  '  0  done',
  '  1  failed, or not all of it succeeded',
  '  2  the command line or the configuration is wrong',
  '  3  the app, or the cluster, cannot be reached',
];

/** The help of the whole command line. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ usage }) => usage.length));
  return [
    'kusto-functions: ingestion into Kusto on Azure Functions',
    '',
    'Usage: kusto-functions [--url URL] [--key KEY] [--json] COMMAND …',
    '',
    'Commands',
    ...commands.map(({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}`),
    '',
    'Options of every command',
    ...optionLines(globalOptions),
    '',
    ...exitLines,
    '',
    'kusto-functions COMMAND --help tells more about one.',
  ].join('\n');
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const { usage, summary, details = [], options } = command;
  return [
    `Usage: kusto-functions ${usage}`,
    '',
    summary,
    ...details,
    '',
    'Options',
    ...optionLines({ ...options, ...globalOptions }),
  ].join('\n');
}
