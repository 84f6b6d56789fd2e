import type { ListedFunction } from './admin.js';
import type { HostClock } from './clock.js';
import type { DurableHub } from './durable/hub.js';
import type { FunctionDefinition } from './functions.js';
import type { HostConfig } from './host-config.js';
import type { HttpFrontend } from './http/server.js';
import type { Logger } from './log.js';
import type { FunctionMetadata } from './protocol.js';
import type { Settings } from './settings.js';
import type { Supervisor } from './supervisor.js';
import type { TriggerListener } from './triggers/trigger.js';

export interface HostOptions {
  /** Folder of the function app. */
  appFolder: string;
  /** Port on 127.0.0.1; 0 = any free one; default: local.settings.json, then 7071. */
  port?: number;
  /** Process environment; wins over local.settings.json. */
  env: Readonly<Record<string, string | undefined>>;
  /** Longest wait for running invocations at stop, in ms. */
  drainMs: number;
  /** Gets each log line. */
  emit(line: string): void;
  clock?: HostClock;
}

/** One registered function and what became of it. */
export interface Entry {
  metadata: FunctionMetadata;
  disabled: boolean;
  errors: string[];
  definition?: FunctionDefinition;
  listener?: TriggerListener;
}

/** Everything a running host knows. */
export interface Host {
  readonly options: HostOptions;
  readonly config: HostConfig;
  readonly settings: Settings;
  readonly clock: HostClock;
  readonly log: Logger;
  readonly startedMs: number;
  state: 'Initializing' | 'Running' | 'Error' | 'Stopping';
  errors: string[];
  entries: Entry[];
  frontend?: HttpFrontend;
  supervisor?: Supervisor;
  durable?: DurableHub;
}

/** The functions as the admin API lists them. */
export function listFunctions(host: Host): ListedFunction[] {
  return host.entries.map((entry) => {
    const route = entry.listener?.route;
    return {
      metadata: entry.metadata,
      isDisabled: entry.disabled,
      errors: entry.errors,
      isHttp: Boolean(route),
      invokeUrl: route && `${host.frontend?.url}/${route.template.text}`,
      runNow: host.state === 'Stopping' ? undefined : entry.listener?.runNow,
    };
  });
}

/** The answer of `/admin/host/status`; `workers` is an addition of this host. */
export function status(host: Host): Record<string, unknown> {
  const problem = host.supervisor?.problem();
  const errors = [...host.errors, ...(problem && !host.errors.includes(problem) ? [problem] : [])];
  return {
    id: 'local',
    state: host.state === 'Running' && errors.length > 0 ? 'Error' : host.state,
    version: 'local',
    processUptime: host.clock.now() - host.startedMs,
    errors,
    workers: (host.supervisor?.pids() ?? []).map((pid) => ({ pid })),
  };
}
