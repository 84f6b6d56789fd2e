import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createAdmin } from './admin.js';
import { settledWithin, systemClock } from './clock.js';
import { createDurableHub, type DurableHub } from './durable/hub.js';
import { HostError, messageOf } from './errors.js';
import { defineFunction, inFunction, isDisabled } from './functions.js';
import { type HostConfig, loadHostConfig } from './host-config.js';
import { type Entry, type Host, type HostOptions, listFunctions, status } from './host-state.js';
import { openFrontend, type PathHandler } from './http/server.js';
import { createInvoker, type Invoker } from './invoker.js';
import { type LocalSettings, loadLocalSettings } from './local-settings.js';
import { createLogger } from './log.js';
import type { FunctionMetadata, WorkerMessage } from './protocol.js';
import { createSettings } from './settings.js';
import { createSupervisor, type Supervisor } from './supervisor.js';
import { TRIGGER_KINDS } from './triggers/kinds.js';
import type { TriggerContext } from './triggers/trigger.js';
import { spawnWorker } from './worker-process.js';

/** Port when neither the caller nor local.settings.json names one, as with Core Tools. */
const DEFAULT_PORT = 7071;
/** How long the app-terminate hooks may run before the worker is killed, in ms. */
const TERMINATE_GRACE_MS = 10_000;
/** How long a listener may need to wind up after its running work was cut off, in ms. */
const CUT_GRACE_MS = 5_000;

/** Length of the hash in a host id, in characters; ids have at most 32. */
const HOST_ID_HASH_CHARS = 20;

/** A running host. */
export interface FunctionsHost {
  readonly url: string;
  readonly adminUrl: string;
  /** Takes no new work, lets running invocations finish, writes checkpoints, ends the worker. */
  stop(): Promise<void>;
}

function logFromWorker(host: Host, message: Extract<WorkerMessage, { kind: 'log' }>): void {
  const category = message.functionName
    ? `Function.${message.functionName}${message.category === 'user' ? '.User' : ''}`
    : 'Worker';
  host.log.write(message.level, category, message.message);
}

function workerEnvironment(host: Host, url: string): Record<string, string> {
  return {
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    FUNCTIONS_WORKER_RUNTIME: 'node',
    FUNCTIONS_EXTENSION_VERSION: '~4',
    ...host.settings.environment(),
    AzureWebJobsScriptRoot: resolve(host.options.appFolder),
    WEBSITE_HOSTNAME: new URL(url).host,
  };
}

function makeSupervisor(host: Host, url: string): Supervisor {
  return createSupervisor({
    clock: host.clock,
    log: host.log,
    onLog: (message) => logFromWorker(host, message),
    spawn: () =>
      spawnWorker({
        appFolder: resolve(host.options.appFolder),
        env: workerEnvironment(host, url),
        onOutput: (line) => host.log.write('information', 'Worker.Output', line),
      }),
  });
}

function report(host: Host, error: unknown): string {
  const text = messageOf(error);
  host.errors.push(text);
  host.log.write('error', 'Host.Startup', text);
  return text;
}

function prepare(host: Host, metadata: FunctionMetadata, context: TriggerContext): Entry {
  const disabled = isDisabled(metadata.name, host.settings);
  const entry: Entry = { metadata, disabled, errors: [] };
  if (disabled) {
    host.log.write('information', 'Host.Startup', `function "${metadata.name}" is disabled`);
    return entry;
  }
  try {
    const supported = new Set(TRIGGER_KINDS.map((kind) => kind.type));
    const definition = defineFunction(metadata, host.settings, supported);
    const kind = TRIGGER_KINDS.find((one) => one.type === definition.triggerType);
    entry.definition = definition;
    if (definition.inputs.length > 0) context.durable.need();
    entry.listener = kind?.create(definition, context);
  } catch (error) {
    entry.errors.push(report(host, entry.definition ? inFunction(metadata.name, error) : error));
  }
  return entry;
}

async function startListeners(host: Host): Promise<void> {
  const routes = host.entries.flatMap((entry) => entry.listener?.route ?? []);
  host.frontend?.setRoutes(routes);
  host.durable?.start();
  for (const entry of host.entries) {
    try {
      await entry.listener?.start();
    } catch (error) {
      entry.errors.push(report(host, inFunction(entry.metadata.name, error)));
    }
  }
}

/** `AzureFunctionsWebHost:hostid` when set; else a name that is the same for every host of this folder. */
function hostIdOf(host: Host): string {
  const given = host.settings.get('AzureFunctionsWebHost__hostid');
  const folder = resolve(host.options.appFolder);
  return given ?? `local-${createHash('sha256').update(folder).digest('hex').slice(0, HOST_ID_HASH_CHARS)}`;
}

function makeInvoker(host: Host, supervisor: Supervisor): { invoker: Invoker; durable: DurableHub } {
  const { clock, config, log, settings } = host;
  const invoker = createInvoker({
    supervisor,
    clock,
    log,
    functionTimeoutMs: config.functionTimeoutMs,
    inputs: (fn) => host.durable?.inputs(fn) ?? [],
  });
  const origin = host.frontend?.url ?? '';
  const durable = createDurableHub({ clock, config: config.durableTask, log, settings, invoker, origin });
  host.durable = durable;
  return { invoker, durable };
}

async function loadApp(host: Host, supervisor: Supervisor): Promise<void> {
  try {
    const app = await supervisor.start();
    const { invoker, durable } = makeInvoker(host, supervisor);
    const context: TriggerContext = {
      config: host.config,
      settings: host.settings,
      clock: host.clock,
      log: host.log,
      hostId: hostIdOf(host),
      worker: () => supervisor.ready(),
      capabilities: () => app.capabilities,
      invoker,
      durable,
    };
    host.entries = app.functions.map((metadata) => prepare(host, metadata, context));
    await startListeners(host);
  } catch (error) {
    report(host, error);
  }
  host.state = host.errors.length > 0 ? 'Error' : 'Running';
}

async function stop(host: Host): Promise<void> {
  host.state = 'Stopping';
  const cut = new AbortController();
  const listeners = host.entries.flatMap((entry) => entry.listener ?? []);
  const stopped = Promise.all([
    host.frontend?.drain().then(() => host.durable?.stop(cut.signal)),
    ...listeners.map((listener) =>
      listener
        .stop(cut.signal)
        .catch((error: unknown) => host.log.write('error', 'Host.Stop', messageOf(error))),
    ),
  ]);
  if (!(await settledWithin(stopped, host.options.drainMs))) {
    host.log.write('warning', 'Host.Stop', `work still running after ${host.options.drainMs} ms is cut off`);
    cut.abort();
  }
  await host.supervisor?.stop(TERMINATE_GRACE_MS);
  await host.frontend?.close();
  await settledWithin(stopped, CUT_GRACE_MS);
}

function checkFolder(appFolder: string): void {
  if (!existsSync(appFolder) || !statSync(appFolder).isDirectory()) {
    throw new HostError('app-not-found', `there is no folder ${appFolder}; pass the function app with --app`);
  }
}

/** Names what the app configures and this host does not do. */
function warnOfUnused(host: Host): void {
  const warn = (text: string) =>
    host.log.write('warning', 'Host.Startup', `${text} has no effect in the local host`);
  for (const setting of host.config.notApplied) warn(`host.json: ${setting}`);
  if (Number(host.settings.get('FUNCTIONS_WORKER_PROCESS_COUNT') ?? 1) > 1) {
    warn('FUNCTIONS_WORKER_PROCESS_COUNT (there is one worker process)');
  }
}

function makeHost(options: HostOptions, config: HostConfig, local: LocalSettings): Host {
  const clock = options.clock ?? systemClock;
  const settings = createSettings(options.env, local.values);
  return {
    options,
    config,
    settings,
    clock,
    log: createLogger(config.logLevels, options.emit, clock.now),
    startedMs: clock.now(),
    state: 'Initializing',
    errors: [],
    entries: [],
  };
}

/**
 * Starts a host for one function app. An app that cannot be loaded does not stop the host: its status says why.
 * @throws HostError `app-not-found`, `config-invalid`, `port-taken`
 */
export async function startHost(options: HostOptions): Promise<FunctionsHost> {
  checkFolder(options.appFolder);
  const local = loadLocalSettings(options.appFolder);
  const host = makeHost(options, loadHostConfig(options.appFolder), local);
  warnOfUnused(host);
  const admin = createAdmin({
    functions: () => listFunctions(host),
    status: () => status(host),
    log: (message) => host.log.write('error', 'Host.Admin', message),
  });
  const own: PathHandler = async (path, call) =>
    (await admin(path, call)) || ((await host.durable?.handler(path, call)) ?? false);
  const frontend = await openFrontend(options.port ?? local.port ?? DEFAULT_PORT, own);
  host.frontend = frontend;
  host.supervisor = makeSupervisor(host, frontend.url);
  await loadApp(host, host.supervisor);
  return { url: frontend.url, adminUrl: `${frontend.url}/admin`, stop: () => stop(host) };
}
