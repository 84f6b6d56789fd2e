import { type Azurite, startAzurite } from '../../../local/shared/azurite.js';
import { eventually, type RunningHost, startHostProcess, writeApp } from './app-host.js';
import { RECORDER } from './recorder.js';

export interface Status {
  name: string;
  instanceId: string;
  runtimeStatus: string;
  input: unknown;
  output: unknown;
  customStatus: unknown;
  createdTime: string;
  historyEvents?: { EventType: string; FunctionName?: string; Result?: unknown }[];
}

/** An app on one or more hosts that share a hub. */
export interface DurableWorld {
  storage: Azurite;
  folder: string;
  /** Starts a host, on any free port or on this one. */
  startHost(port?: number): Promise<RunningHost>;
  stop(): Promise<void>;
}

/** Settings of a hub that notices lost hosts and new messages sooner. */
export const QUICK = {
  storageProvider: {
    controlQueueVisibilityTimeout: '00:00:02',
    workItemQueueVisibilityTimeout: '00:00:02',
    maxQueuePollingInterval: '00:00:00.2',
  },
};

/** What a world may have besides an app. */
interface WorldOptions {
  /** Further files of the app. */
  files?: Record<string, string>;
  /** Storage of another world, which outlives this one: both share the hub. */
  storage?: Azurite;
}

/** Starts Azurite and writes the app; hosts are started by the test. */
export async function durableWorld(
  source: string,
  durableTask: Record<string, unknown> = {},
  options: WorldOptions = {},
): Promise<DurableWorld> {
  const storage = options.storage ?? (await startAzurite());
  const app = writeApp({
    hostJson: { extensions: { durableTask: { hubName: 'TestHub', ...durableTask } } },
    values: { AzureWebJobsStorage: storage.connectionString },
    files: { 'recorder.js': RECORDER, 'app.js': source, ...options.files },
  });
  const hosts: RunningHost[] = [];
  return {
    storage,
    folder: app.folder,
    async startHost(port = 0) {
      const host = await startHostProcess(app.folder, { args: ['--port', String(port)] });
      hosts.push(host);
      return host;
    },
    async stop() {
      for (const host of hosts) if (host.process.exitCode === null && !host.process.killed) await host.kill();
      app.remove();
      if (!options.storage) await storage.stop();
    },
  };
}

const json = { 'content-type': 'application/json' };

/** Starts an orchestration through the management API. */
export async function start(
  host: RunningHost,
  name: string,
  options: { id?: string; input?: unknown } = {},
): Promise<string> {
  const path = options.id === undefined ? name : `${name}/${options.id}`;
  const response = await fetch(`${host.url}/runtime/webhooks/durabletask/orchestrators/${path}`, {
    method: 'POST',
    headers: json,
    body: options.input === undefined ? '' : JSON.stringify(options.input),
  });
  const body = (await response.json()) as { id: string; Message?: string };
  if (response.status !== 202) throw new Error(`${response.status}: ${body.Message}`);
  return body.id;
}

/** A call of the management API below `instances/`. */
export function manage(host: RunningHost, method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`${host.url}/runtime/webhooks/durabletask/${path}`, {
    method,
    headers: json,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

/** Status of an instance; undefined when there is none. */
export async function statusOf(host: RunningHost, id: string, query = ''): Promise<Status | undefined> {
  const response = await manage(host, 'GET', `instances/${id}${query}`);
  return response.status === 404 ? undefined : ((await response.json()) as Status);
}

/** Waits until an instance is in this state (default: has ended) and returns its status. */
export function untilStatus(host: RunningHost, id: string, wanted?: string): Promise<Status> {
  return eventually(`${id} becomes ${wanted ?? 'final'}`, async () => {
    const status = await statusOf(host, id);
    const state = status?.runtimeStatus ?? '';
    const there = wanted ? state === wanted : ['Completed', 'Failed', 'Terminated'].includes(state);
    return there ? status : undefined;
  });
}
