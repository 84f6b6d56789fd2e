import { parseArgs } from 'node:util';
import { HostError, messageOf } from './errors.js';
import { startHost } from './host.js';

const HELP = `Runs a Node.js function app (programming model v4) on this machine.

usage: node dist/local/functions-host/main.js --app DIR [--port N] [--json] [--drain-seconds N]

  --app DIR          folder with host.json and package.json (default: the current folder)
  --port N           port on 127.0.0.1; 0 = any free one (default: local.settings.json, then 7071)
  --json             print {"url","admin"} as the first line of stdout once the app is loaded
  --drain-seconds N  at stop, wait this long for running invocations (default 30)
  --help             print this text

Settings come from host.json and local.settings.json ("Values"); the environment wins over Values.
The log goes to stderr. SIGTERM and SIGINT stop gracefully; a second one ends at once.
Exit codes: 0 stopped, 1 failed, 2 usage, configuration or port in use.
`;

/** Longest wait for running invocations that can be asked for, in seconds. */
const MAX_DRAIN_SECONDS = 86_400;

function wholeNumber(text: string, name: string, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new HostError('usage', `--${name} is "${text}"; expected a whole number from 0 to ${most}`);
  }
  return value;
}

function readOptions(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      options: {
        app: { type: 'string', default: '.' },
        port: { type: 'string' },
        json: { type: 'boolean', default: false },
        'drain-seconds': { type: 'string', default: '30' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new HostError('usage', `${messageOf(error)} (--help prints the options)`);
  }
}

async function untilSignal(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}

async function run(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const stopRequested = untilSignal();
  const starting = startHost({
    appFolder: options.app,
    port: options.port === undefined ? undefined : wholeNumber(options.port, 'port', 65_535),
    env: process.env,
    drainMs: wholeNumber(options['drain-seconds'], 'drain-seconds', MAX_DRAIN_SECONDS) * 1000,
    emit: (line) => process.stderr.write(`${line}\n`),
  });
  // A stop while the app still loads needs no winding up: the worker ends with its host.
  const host = await Promise.race([starting, stopRequested]);
  if (!host) return;
  const first = options.json
    ? JSON.stringify({ url: host.url, admin: host.adminUrl })
    : `Functions host on ${host.url}, admin on ${host.adminUrl}`;
  process.stdout.write(`${first}\n`);
  await stopRequested;
  await host.stop();
}

run().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(error instanceof HostError ? 2 : 1);
  },
);
