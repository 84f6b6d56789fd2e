import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type NodeChild, startNodeChild } from '../shared/child.js';
import { LocalError } from '../shared/errors.js';

/** Longest a part may take to say that it is ready. */
const READY_TIMEOUT_MS = 60_000;
/** Exit code by which a part says that configuration or a port is wrong. */
const CONFIGURATION_EXIT_CODE = 2;

/** Folder of the compiled code. */
const DIST = fileURLToPath(new URL('../../', import.meta.url));
/** Folder of the app: the package's own. */
export const APP_ROOT = join(DIST, '..');

/** Environment of a child process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What to start: a script below `dist`, and who sees its log. */
export interface PartOptions {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly env?: Environment;
  readonly nodeFlags?: readonly string[];
  readonly onLog: (part: string, line: string) => void;
}

/** A running part and what its first line said. */
export interface Part {
  readonly name: string;
  readonly child: NodeChild;
  readonly ready: Readonly<Record<string, string>>;
}

/**
 * Starts a part of the stack and waits for its ready line (one JSON object, the first line of stdout).
 *
 * @throws LocalError `CONFIGURATION` when it ended with 2, `START_FAILED`, `START_TIMEOUT` (60 s)
 */
export async function startPart(options: PartOptions): Promise<Part> {
  let onFirstLine: ((line: string) => void) | undefined;
  const firstLine = new Promise<string>((resolve) => {
    onFirstLine = resolve;
  });
  const child = launch(options, (line) => {
    if (onFirstLine === undefined) options.onLog(options.name, line);
    else onFirstLine(line);
    onFirstLine = undefined;
  });
  try {
    const line = await orFailure(firstLine, child, options.name);
    return { name: options.name, child, ready: parseReady(options.name, line) };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** Runs a script below `dist` to its end. @throws LocalError when it does not end with 0 */
export async function runToEnd(options: PartOptions): Promise<void> {
  const child = launch(options, (line) => options.onLog(options.name, line));
  const code = await child.exited;
  if (code !== 0) throw endedWith(options.name, code, child);
}

function launch(options: PartOptions, onStdoutLine: (line: string) => void): NodeChild {
  return startNodeChild({
    script: join(DIST, options.script),
    args: options.args,
    nodeFlags: ['--enable-source-maps', ...(options.nodeFlags ?? [])],
    env: { ...process.env, ...options.env },
    cwd: APP_ROOT,
    ownGroup: true,
    onStdoutLine,
    onStderrLine: (line) => options.onLog(options.name, line),
  });
}

async function orFailure(firstLine: Promise<string>, child: NodeChild, name: string): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new LocalError('START_TIMEOUT', `${name} was not ready within ${READY_TIMEOUT_MS} ms`));
    }, READY_TIMEOUT_MS);
  });
  const gone = child.exited.then((code) => {
    throw endedWith(name, code, child);
  });
  try {
    return await Promise.race([firstLine, gone, late]);
  } finally {
    clearTimeout(timer);
    gone.catch(() => undefined);
  }
}

function endedWith(name: string, code: number | string, child: NodeChild): LocalError {
  const kind = code === CONFIGURATION_EXIT_CODE ? 'CONFIGURATION' : 'START_FAILED';
  return new LocalError(kind, `${name} ended with ${code}:\n${child.outputTail()}`);
}

function parseReady(name: string, line: string): Record<string, string> {
  try {
    return JSON.parse(line) as Record<string, string>;
  } catch (cause) {
    throw new LocalError(
      'START_FAILED',
      `${name} began with ${JSON.stringify(line)}, not with its ready line`,
      {
        cause,
      },
    );
  }
}
