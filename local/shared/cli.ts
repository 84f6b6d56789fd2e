import { parseArgs } from 'node:util';
import { exitCodeOf, LocalError } from './errors.js';

/** How long a service may take to stop before its process ends with an error. */
const STOP_TIMEOUT_MS = 15_000;
const LARGEST_PORT = 65_535;

/** One command-line option; `value` names what a string option takes, and its absence makes it a switch. */
export interface Flag {
  readonly value?: string;
  readonly help: string;
  readonly default?: string;
}

/** Option values as given; an option with a default is always there. */
export interface FlagValues {
  readonly strings: Readonly<Record<string, string | undefined>>;
  readonly switches: Readonly<Record<string, boolean>>;
}

/** A service that a command keeps running until it is asked to stop. */
export interface RunningService {
  /** Printed as the first line of stdout with `--json`. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Printed instead when a person reads. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** A command that starts a service. `--help` and `--json` are added to its flags. */
export interface ServiceCommand {
  readonly name: string;
  readonly summary: string;
  readonly flags: Readonly<Record<string, Flag>>;
  start(values: FlagValues): Promise<RunningService>;
}

const SHARED_FLAGS: Readonly<Record<string, Flag>> = {
  json: { help: 'print machine-readable output' },
  help: { help: 'show this help' },
};

/**
 * Runs a service command: reads the arguments, starts, prints the ready line, stops on SIGTERM or SIGINT.
 * Sets the exit code: 0 stopped or help, 1 failed, 2 usage, configuration or a taken port.
 */
export async function runService(command: ServiceCommand, argv = process.argv.slice(2)): Promise<void> {
  try {
    const values = parseFlags(command.flags, argv);
    if (values.switches['help'] === true) {
      console.log(helpText(command));
      return;
    }
    const service = await command.start(values);
    stopOnSignal(service);
    if (values.switches['json'] === true) console.log(JSON.stringify(service.ready));
    else for (const line of service.lines) console.log(line);
  } catch (error) {
    reportFailure(command.name, error);
  }
}

/** Writes an error and its way out to stderr and sets the exit code. */
export function reportFailure(name: string, error: unknown): void {
  const text = error instanceof LocalError ? `${error.code}: ${error.message}` : describe(error);
  console.error(`${name}: ${text}`);
  if (error instanceof LocalError && error.fix !== undefined) console.error(`  fix: ${error.fix}`);
  process.exitCode = exitCodeOf(error);
}

/**
 * Reads `--name value`, `--name=value` and switches.
 *
 * @throws LocalError `USAGE` for an unknown option or a missing value
 */
export function parseFlags(flags: Readonly<Record<string, Flag>>, argv: readonly string[]): FlagValues {
  const all = { ...flags, ...SHARED_FLAGS };
  const options: Record<string, { type: 'string' | 'boolean' }> = {};
  for (const [name, flag] of Object.entries(all)) {
    options[name] = { type: flag.value === undefined ? 'boolean' : 'string' };
  }
  const parsed = parse(options, argv);
  const strings: Record<string, string | undefined> = {};
  const switches: Record<string, boolean> = {};
  for (const [name, flag] of Object.entries(all)) {
    const value = parsed[name];
    if (flag.value === undefined) switches[name] = value === true;
    else strings[name] = typeof value === 'string' ? value : flag.default;
  }
  return { strings, switches };
}

function parse(
  options: Record<string, { type: 'string' | 'boolean' }>,
  argv: readonly string[],
): Record<string, unknown> {
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new LocalError('USAGE', describe(error), { fix: 'see --help' });
  }
}

/**
 * Reads a whole number option.
 *
 * @throws LocalError `USAGE` naming the option when the text is not a whole number within the bounds
 */
export function wholeNumber(
  name: string,
  text: string | undefined,
  bounds: { readonly min: number; readonly max: number },
): number {
  const value = Number(text);
  if (text === undefined || !/^\d+$/.test(text) || value < bounds.min || value > bounds.max) {
    const range = `a whole number from ${bounds.min} to ${bounds.max}`;
    throw new LocalError('USAGE', `--${name} must be ${range}, not ${JSON.stringify(text ?? '')}`);
  }
  return value;
}

/** Reads a port option, 0 meaning any free port. */
export function portNumber(name: string, text: string | undefined): number {
  return wholeNumber(name, text, { min: 0, max: LARGEST_PORT });
}

/** Help of a command: summary, then one line per option with its default. */
export function helpText(command: Pick<ServiceCommand, 'name' | 'summary' | 'flags'>): string {
  const rows = Object.entries({ ...command.flags, ...SHARED_FLAGS }).map(([name, flag]) => {
    const left = flag.value === undefined ? `--${name}` : `--${name} ${flag.value}`;
    const standard = flag.default === undefined || flag.default === '' ? '' : ` (default ${flag.default})`;
    return { left, right: `${flag.help}${standard}` };
  });
  const width = Math.max(...rows.map((row) => row.left.length));
  const options = rows.map((row) => `  ${row.left.padEnd(width)}  ${row.right}`);
  return [`${command.name}: ${command.summary}`, '', 'Options:', ...options].join('\n');
}

/** Calls `stop` once on SIGTERM, SIGINT or SIGHUP, then ends the process: 0, or 1 when stopping fails or hangs. */
export function stopOnSignal(service: Pick<RunningService, 'stop'>): void {
  let stopping = false;
  const onSignal = () => {
    if (stopping) return;
    stopping = true;
    const timer = setTimeout(() => process.exit(1), STOP_TIMEOUT_MS);
    service.stop().then(
      () => {
        clearTimeout(timer);
        process.exit(0);
      },
      (error: unknown) => {
        console.error(describe(error));
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, onSignal);
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
