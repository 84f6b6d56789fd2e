import { helpText, reportFailure, stopOnSignal } from '../shared/cli.js';
import { Display } from './display.js';
import { type MemoryWatch, watchMemory } from './memory.js';
import { readOptions, STACK_FLAGS, type StackOptions } from './options.js';
import { checkPorts } from './ports.js';
import { isComplete, nextLines, reportDocument, reportLines } from './report.js';
import { runSample } from './sample.js';
import { FLIGHTS_HUB, FLIGHTS_PARTITIONS } from './sample-files.js';
import { RunningParts, startServices } from './services.js';

const NAME = 'npm start --';
const SUMMARY = 'starts the local stack, runs the sample on real data, and stays up';

/** Runs `npm start`; the exit code is set when it returns. */
async function run(argv: readonly string[]): Promise<void> {
  const options = readOptions(argv);
  if (options.help) {
    console.log(helpText({ name: NAME, summary: SUMMARY, flags: STACK_FLAGS }));
    return;
  }
  const memory = watchMemory();
  // With --json, stdout holds one document and nothing else.
  const stream = options.json ? process.stderr : process.stdout;
  const screen = { isTerminal: stream.isTTY === true, write: (text: string) => void stream.write(text) };
  const display = new Display(screen, () => performance.now());
  await checkPorts(options.ports);
  const running = new RunningParts();
  stopOnSignal({ stop: () => running.stop() });
  try {
    await runAndStay(running, { options, display, memory });
  } finally {
    memory.stop();
    await running.stop();
  }
}

/** Errors of a part are shown also without --verbose: the host's form, and the app's JSON lines. */
function isProblem(line: string): boolean {
  return line.includes('[error]') || line.includes('"level":"error"');
}

interface Context {
  readonly options: StackOptions;
  readonly display: Display;
  readonly memory: MemoryWatch;
}

async function runAndStay(running: RunningParts, { options, display, memory }: Context): Promise<void> {
  const endpoints = await startServices({
    ports: options.ports,
    hubs: `${FLIGHTS_HUB}:${FLIGHTS_PARTITIONS}`,
    running,
    onLog: (part, line) => {
      if (options.verbose || isProblem(line)) process.stderr.write(`[${part}] ${line}\n`);
    },
    onStep: (text) => display.line(text),
  });
  display.line(options.only === 'load' ? 'running the loads of the sample' : 'sending the sample');
  const sample = runSample(endpoints, options.only, (progress) => display.progress(progress));
  const came = await Promise.race([sample, running.failure]);
  const result = { ...came, endpoints, peakRssBytes: memory.peakBytes(), elapsedMs: performance.now() };
  if (options.json) console.log(JSON.stringify(reportDocument(result)));
  else for (const line of ['', ...reportLines(result)]) display.line(line);
  if (options.once) {
    process.exitCode = isComplete(result) ? 0 : 1;
    return;
  }
  for (const line of ['', ...nextLines(result)]) display.line(line);
  await running.failure;
}

run(process.argv.slice(2)).then(
  () => process.exit(),
  (error: unknown) => {
    reportFailure(NAME, error);
    process.exit();
  },
);
