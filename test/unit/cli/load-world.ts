import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { report } from '../../../src/checks/codes.js';
import { createApi } from '../../../src/cli/api.js';
import type { CliDeps } from '../../../src/cli/command.js';
import { runCli } from '../../../src/cli/run.js';
import { hostFactsOf } from '../../../src/config/host-facts.js';
import { fakeKusto, healthy } from '../checks/fakes.js';
import { kustoPart, settings } from '../config/fixture.js';

export interface Seen {
  /** `METHOD /path?query`. */
  readonly what: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Reply {
  readonly status?: number;
  readonly body?: unknown;
}

/** An answer, or `lost`: the request has arrived and its answer never comes. */
type Route = Reply | 'lost' | ((seen: Seen) => Reply | 'lost');

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Every text of the progress line. */
  readonly progress: readonly string[];
  readonly waitedMs: number;
}

/** An app of which a test says what it answers, and the command line against it with a clock of its own. */
export interface LoadWorld {
  readonly url: string;
  readonly folder: string;
  readonly seen: Seen[];
  /** Answers by the beginning of `METHOD /path`; several in their order, the last again and again. */
  routes: Record<string, Route | Route[]>;
  file(name: string, content: string | Buffer): string;
  run(args: readonly string[], more?: Partial<CliDeps>): Promise<Outcome>;
  stop(): void;
}

export async function startLoadWorld(): Promise<LoadWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'kusto-functions-load-'));
  const world = {
    url: '',
    folder,
    seen: [] as Seen[],
    routes: {} as LoadWorld['routes'],
    file: (name: string, content: string | Buffer): string => {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    },
    run: (args: readonly string[], more: Partial<CliDeps> = {}) => run(world.url, args, more),
    stop: () => {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true });
    },
  };
  const server: Server = createServer((request, response) => {
    serve(world, request, response).catch(() => request.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  world.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return world;
}

async function serve(
  world: Pick<LoadWorld, 'seen' | 'routes'>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let body = '';
  for await (const chunk of request) body += chunk;
  const seen = { what: `${request.method} ${request.url}`, headers: request.headers, body };
  world.seen.push(seen);
  const route = Object.keys(world.routes)
    .sort((a, b) => b.length - a.length)
    .find((one) => seen.what.startsWith(one));
  const answers = route === undefined ? undefined : world.routes[route];
  const next = Array.isArray(answers) ? (answers.length > 1 ? answers.shift() : answers[0]) : answers;
  const reply = typeof next === 'function' ? next(seen) : next;
  if (reply === 'lost') {
    request.socket.destroy();
    return;
  }
  const { status = 200, body: answer = {} } = reply ?? { status: 404, body: { code: 'NOT_FOUND' } };
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
  response.writeHead(status, { 'content-type': 'application/json' }).end(text);
}

async function run(url: string, args: readonly string[], more: Partial<CliDeps>): Promise<Outcome> {
  const out: string[] = [];
  const err: string[] = [];
  const progress: string[] = [];
  let nowMs = 0;
  let ids = 0;
  const code = await runCli(args, {
    output: {
      out: (line) => out.push(line),
      err: (line) => err.push(line),
      progress: (text) => progress.push(text),
    },
    clock: {
      now: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
      },
      newId: () => `id-${++ids}`,
    },
    environment: { KUSTO_FUNCTIONS_URL: url },
    openApi: createApi,
    readConfig: () => ({
      path: 'pipeline.yaml',
      yamlText: kustoPart,
      settings,
      host: hostFactsOf({}, {}),
    }),
    openKusto: async () => fakeKusto(healthy),
    runChecks: async () => report([]),
    onInterrupt: () => () => undefined,
    ...more,
  });
  return { code, out: out.join('\n'), err: err.join('\n'), progress, waitedMs: nowMs };
}

/** A load as the app answers it. */
export function viewOf(more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    id: 'l1',
    requestId: 'l1',
    state: 'running',
    step: 'wait',
    writeMode: 'Transactional',
    database: 'D',
    table: 'T',
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
    deadline: '2026-01-03T00:00:00.000Z',
    cancelRequested: false,
    counts: {},
    rows: {},
    bytes: {},
    extents: {},
    ...more,
  };
}
