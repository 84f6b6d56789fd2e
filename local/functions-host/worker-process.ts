import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { settledWithin } from './clock.js';
import { type Channel, createChannel } from './framing.js';
import { CHANNEL_FD, type HostMessage, type WorkerFault, type WorkerMessage } from './protocol.js';

const WORKER_FILE = fileURLToPath(new URL('./worker/worker-main.js', import.meta.url));

/** How one start of a worker ended. */
export type WorkerStart =
  | { state: 'ready'; message: Extract<WorkerMessage, { kind: 'ready' }> }
  | { state: 'loadFailed'; error: WorkerFault }
  | { state: 'exited'; reason: string };

/** One running worker process. */
export interface WorkerProcess {
  readonly pid: number;
  /** Settles when the app is loaded, could not be, or the process ended before that. */
  readonly started: Promise<WorkerStart>;
  /** Settles with the reason when the process has ended. */
  readonly exited: Promise<string>;
  send(message: HostMessage): void;
  onMessage(listener: (message: WorkerMessage) => void): void;
  /** SIGKILL. */
  kill(): void;
  /** Runs the app-terminate hooks; kills what has not ended after `graceMs`. */
  terminate(graceMs: number): Promise<void>;
}

export interface WorkerProcessOptions {
  appFolder: string;
  env: NodeJS.ProcessEnv;
  /** Gets each line the app prints to its stdout and stderr. */
  onOutput(line: string): void;
}

/** Longest piece of output without a line break that is held back, in characters. */
const MAX_HELD_CHARS = 65_536;

function forwardLines(stream: Readable, onLine: (line: string) => void): void {
  let held = '';
  const pass = (line: string) => {
    if (line !== '') onLine(line.replace(/\r$/, ''));
  };
  stream.setEncoding('utf8').on('data', (text: string) => {
    const parts = (held + text).split('\n');
    held = parts.pop() ?? '';
    for (const line of parts) pass(line);
    if (held.length > MAX_HELD_CHARS) {
      pass(held);
      held = '';
    }
  });
  stream.on('end', () => pass(held));
}

function whenStarted(
  channel: Channel<WorkerMessage, HostMessage>,
  exited: Promise<string>,
): Promise<WorkerStart> {
  return new Promise((resolve) => {
    channel.onMessage((message) => {
      if (message.kind === 'ready') resolve({ state: 'ready', message });
      else if (message.kind === 'loadFailed') resolve({ state: 'loadFailed', error: message.error });
    });
    void exited.then((reason) => resolve({ state: 'exited', reason }));
  });
}

function whenExited(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
}

/** Starts the process that loads the function app. */
export function spawnWorker(options: WorkerProcessOptions): WorkerProcess {
  const child = spawn(process.execPath, ['--enable-source-maps', WORKER_FILE], {
    cwd: options.appFolder,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const exited = whenExited(child);
  const channel = createChannel<WorkerMessage, HostMessage>(child.stdio[CHANNEL_FD] as Duplex);
  if (child.stdout) forwardLines(child.stdout, options.onOutput);
  if (child.stderr) forwardLines(child.stderr, options.onOutput);
  void exited.then(() => channel.close());
  return {
    pid: child.pid ?? -1,
    started: whenStarted(channel, exited),
    exited,
    send: channel.send,
    onMessage: channel.onMessage,
    kill: () => void child.kill('SIGKILL'),
    async terminate(graceMs) {
      channel.send({ kind: 'terminate' });
      if (!(await settledWithin(exited, graceMs))) child.kill('SIGKILL');
      await exited;
    },
  };
}
