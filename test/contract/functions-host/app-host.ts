import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const MAIN = resolve(ROOT, 'dist/local/functions-host/main.js');

/** Files of a fixture app; host.json and package.json have defaults. */
export interface AppFiles {
  /** Merged into `{version: "2.0"}`. */
  hostJson?: Record<string, unknown>;
  packageJson?: Record<string, unknown>;
  /** `Values` of local.settings.json. */
  values?: Record<string, string>;
  /** Further files by path. */
  files: Record<string, string>;
}

/** Writes a function app to a temporary folder, with the packages of this checkout. */
export function writeApp(app: AppFiles): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'functions-app-'));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  write('host.json', JSON.stringify({ version: '2.0', ...app.hostJson }));
  write('package.json', JSON.stringify({ type: 'module', main: 'app.js', ...app.packageJson }));
  if (app.values) write('local.settings.json', JSON.stringify({ IsEncrypted: false, Values: app.values }));
  for (const [path, text] of Object.entries(app.files)) write(path, text);
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

interface HostStatus {
  state: string;
  errors: string[];
  workers: { pid: number }[];
}

export interface RunningHost {
  url: string;
  admin: string;
  process: ChildProcess;
  /** Log lines so far. */
  log: string[];
  status(): Promise<HostStatus>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Polls until `check` gives something; fails with `what` after 60 s. */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  limitMs = 60_000,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((next) => setTimeout(next, 25));
  }
}

/** Starts the host's command line on an app folder and waits for its first line. */
export async function startHostProcess(
  folder: string,
  options: { args?: string[]; env?: Record<string, string> } = {},
): Promise<RunningHost> {
  const child = spawn(
    process.execPath,
    [MAIN, '--app', folder, '--port', '0', '--json', ...(options.args ?? [])],
    {
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const log: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  const exited = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  const first = await Promise.race([
    new Promise<string>((done) => createInterface({ input: child.stdout }).once('line', done)),
    exited.then((code) => {
      throw new Error(`host ended with ${code}: ${log.join('\n')}`);
    }),
  ]);
  const { url, admin } = JSON.parse(first) as { url: string; admin: string };
  return {
    url,
    admin,
    process: child,
    log,
    status: async () => (await (await fetch(`${admin}/host/status`)).json()) as HostStatus,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Runs the command line to its end. */
export async function runToEnd(
  args: string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, stdout, stderr };
}
