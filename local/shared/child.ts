import { type ChildProcess, spawn } from 'node:child_process';

/** How long a child may take to stop after SIGTERM before it is killed. */
const STOP_TIMEOUT_MS = 10_000;
/** How much of a child's last output is kept to explain a failure. */
const OUTPUT_TAIL_CHARS = 8_192;

const PARENT_WATCH_URL = new URL('./parent-watch.js', import.meta.url).href;

/** A Node process started by this one; it ends when this one does, however that happens. */
export interface NodeChild {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Resolves with the exit code (or the signal's name) once the process is gone. Never rejects. */
  readonly exited: Promise<number | string>;
  /** The end of what the child wrote to stdout and stderr. */
  outputTail(): string;
  /** SIGTERM, then SIGKILL after 10 s. Resolves once the process is gone; may be called repeatedly. */
  stop(): Promise<void>;
}

/** What to start and who wants to see its output, line by line. */
export interface NodeChildOptions {
  readonly script: string;
  readonly args?: readonly string[];
  readonly nodeFlags?: readonly string[];
  readonly env?: Record<string, string | undefined>;
  readonly cwd?: string;
  /** Keeps a Ctrl-C in the terminal from reaching the child, so that the parent decides the order of stopping. */
  readonly ownGroup?: boolean;
  readonly onStdoutLine?: (line: string) => void;
  readonly onStderrLine?: (line: string) => void;
}

/** Starts a Node script as a child that stops with its parent. */
export function startNodeChild(options: NodeChildOptions): NodeChild {
  const child = spawn(
    process.execPath,
    ['--import', PARENT_WATCH_URL, ...(options.nodeFlags ?? []), options.script, ...(options.args ?? [])],
    {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      // On Windows this would open a window for the child.
      detached: options.ownGroup === true && process.platform !== 'win32',
    },
  );
  child.stdin.on('error', () => undefined);
  let tail = '';
  const keep = (text: string) => {
    tail = (tail + text).slice(-OUTPUT_TAIL_CHARS);
  };
  readLines(child.stdout, keep, options.onStdoutLine);
  readLines(child.stderr, keep, options.onStderrLine);
  const exited = new Promise<number | string>((resolve) => {
    child.once('error', (error) => {
      keep(String(error));
      resolve(1);
    });
    child.once('close', (code, signal) => resolve(code ?? signal ?? 1));
  });
  return {
    process: child,
    pid: child.pid ?? -1,
    exited,
    outputTail: () => tail.trim(),
    stop: () => stopChild(child, exited),
  };
}

async function stopChild(child: ChildProcess, exited: Promise<number | string>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }
  await exited;
}

function readLines(
  stream: NodeJS.ReadableStream,
  keep: (text: string) => void,
  onLine: ((line: string) => void) | undefined,
): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    keep(text);
    if (onLine === undefined) return;
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  stream.on('end', () => {
    if (rest !== '') onLine?.(rest);
    rest = '';
  });
}
