import { type HostClock, settledWithin } from './clock.js';
import { HostError } from './errors.js';
import type { Logger } from './log.js';
import type {
  FunctionMetadata,
  InvokeMessage,
  NamedData,
  TypedData,
  WorkerFault,
  WorkerMessage,
} from './protocol.js';
import type { WorkerProcess, WorkerStart } from './worker-process.js';

/** How one run of a function ended. */
export type InvocationResult =
  | { ok: true; returnValue?: TypedData | null; outputData: NamedData[] }
  | { ok: false; reason: 'failed' | 'timeout' | 'workerExited' | 'unavailable'; error: WorkerFault };

/** First wait before a worker that ended is started again, in ms; doubles with each failed start. */
const FIRST_RESTART_DELAY_MS = 50;
/** Longest wait between two starts of the worker, in ms. */
const MAX_RESTART_DELAY_MS = 5_000;
/** A worker that served for less than this ended early, in ms; several such in a row are started ever later. */
const EARLY_END_MS = 10_000;
/** Starts tried before an app that never came up is called broken. */
const MAX_FIRST_STARTS = 3;
/** How long an app may take to load, in ms. */
const MAX_LOAD_MS = 120_000;
/** How long an invocation waits for a restarting worker, in ms. */
const MAX_WAIT_FOR_WORKER_MS = 120_000;

/** The app as the first successful worker reported it. */
interface LoadedApp {
  functions: FunctionMetadata[];
  capabilities: Record<string, string>;
}

/** A worker that serves. */
export interface WorkerAddress {
  pid: number;
  /** Address of the worker's own HTTP server when the app streams HTTP. */
  httpUri?: string;
}

/** Limits of one invocation. */
interface InvokeLimits {
  /** undefined = none. */
  timeoutMs: number | undefined;
  /** Run on this worker or not at all. */
  onlyOnPid?: number;
}

/** Keeps one worker alive and runs invocations on it. */
export interface Supervisor {
  /**
   * Starts the first worker.
   * @throws HostError `app-load-failed` when the app cannot be loaded
   */
  start(): Promise<LoadedApp>;
  /** Runs one invocation; a timeout kills the worker, as in Azure. Never rejects. */
  invoke(message: InvokeMessage, limits: InvokeLimits): Promise<InvocationResult>;
  /** Process ids of the live workers. */
  pids(): number[];
  /** Waits for a usable worker (bounded); undefined when there is none. */
  ready(): Promise<WorkerAddress | undefined>;
  /** Why there is no usable worker at the moment; undefined when all is well. */
  problem(): string | undefined;
  stop(graceMs: number): Promise<void>;
}

export interface SupervisorOptions {
  spawn(): WorkerProcess;
  clock: HostClock;
  log: Logger;
  onLog(message: Extract<WorkerMessage, { kind: 'log' }>): void;
}

interface Current {
  process: WorkerProcess;
  httpUri?: string;
}

interface State {
  current?: Current;
  /** The process that is loading the app right now. */
  starting?: WorkerProcess;
  stopping: boolean;
  problem?: string;
  /** Workers in a row that ended soon after they were ready. */
  earlyEnds: number;
  readonly inFlight: Map<string, { worker: WorkerProcess; end(result: InvocationResult): void }>;
  readonly waiters: Set<() => void>;
}

function failed(
  reason: 'failed' | 'timeout' | 'workerExited' | 'unavailable',
  message: string,
): InvocationResult {
  return { ok: false, reason, error: { message } };
}

function onMessage(state: State, options: SupervisorOptions, message: WorkerMessage): void {
  if (message.kind === 'log') options.onLog(message);
  if (message.kind !== 'result') return;
  state.inFlight
    .get(message.id)
    ?.end(
      message.error
        ? { ok: false, reason: 'failed', error: message.error }
        : { ok: true, returnValue: message.returnValue, outputData: message.outputData ?? [] },
    );
}

async function startOne(state: State, options: SupervisorOptions): Promise<WorkerStart> {
  const worker = options.spawn();
  worker.onMessage((message) => onMessage(state, options, message));
  state.current = undefined;
  state.starting = worker;
  const inTime = await settledWithin(worker.started, MAX_LOAD_MS);
  const late: WorkerStart = {
    state: 'exited',
    reason: `the app did not finish loading in ${MAX_LOAD_MS} ms`,
  };
  const start = inTime ? await worker.started : late;
  state.starting = undefined;
  if (start.state !== 'ready' || state.stopping) {
    worker.kill();
    return start;
  }
  const readyAtMs = options.clock.now();
  state.current = { process: worker, httpUri: start.message.capabilities['HttpUri'] };
  state.problem = undefined;
  for (const wake of state.waiters) wake();
  void worker.exited.then((reason) => {
    for (const run of [...state.inFlight.values()]) {
      if (run.worker === worker) run.end(failed('workerExited', `the worker process ended (${reason})`));
    }
    if (state.stopping) return;
    state.current = undefined;
    state.earlyEnds = options.clock.now() - readyAtMs < EARLY_END_MS ? state.earlyEnds + 1 : 0;
    options.log.write('error', 'Host.Worker', `worker ${worker.pid} ended (${reason}); starting another`);
    void keepStarting(state, options);
  });
  return start;
}

/** Wait after so many failures in a row, in ms: none after the first. */
function restartDelayMs(failures: number): number {
  return failures < 2
    ? 0
    : Math.min(FIRST_RESTART_DELAY_MS * 2 ** Math.min(failures - 2, 16), MAX_RESTART_DELAY_MS);
}

/** Starts workers until one is ready or the host stops; the wait between attempts is bounded, their number is not. */
async function keepStarting(state: State, options: SupervisorOptions): Promise<void> {
  for (let failures = state.earlyEnds; !state.stopping; failures += 1) {
    await options.clock.sleep(restartDelayMs(failures));
    if (state.stopping) return;
    const start = await startOne(state, options);
    if (start.state === 'ready') return;
    const why = start.state === 'loadFailed' ? start.error.message : start.reason;
    state.problem = `the worker could not be restarted: ${why}`;
    options.log.write('error', 'Host.Worker', `${state.problem}; it will be tried again`);
  }
}

async function startFirst(state: State, options: SupervisorOptions): Promise<LoadedApp> {
  for (let attempt = 1; ; attempt += 1) {
    const start = await startOne(state, options);
    if (start.state === 'ready') {
      return { functions: start.message.functions, capabilities: start.message.capabilities };
    }
    if (start.state === 'loadFailed' || attempt >= MAX_FIRST_STARTS) {
      const fault =
        start.state === 'loadFailed' ? start.error : { message: `the worker ended: ${start.reason}` };
      state.problem = `the app could not be loaded: ${fault.message}`;
      options.log.write('error', 'Host.Worker', fault.stack ?? fault.message);
      throw new HostError('app-load-failed', state.problem);
    }
  }
}

function whenReady(state: State): Promise<Current | undefined> {
  if (state.current || state.stopping) return Promise.resolve(state.current);
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      state.waiters.delete(finish);
      resolve(state.current);
    };
    const timer = setTimeout(finish, MAX_WAIT_FOR_WORKER_MS);
    state.waiters.add(finish);
  });
}

async function invoke(state: State, message: InvokeMessage, limits: InvokeLimits): Promise<InvocationResult> {
  const { timeoutMs, onlyOnPid } = limits;
  const current = await whenReady(state);
  if (current && onlyOnPid !== undefined && current.process.pid !== onlyOnPid) {
    return failed('workerExited', `worker ${onlyOnPid} is gone`);
  }
  if (!current) return failed('unavailable', state.problem ?? 'no worker is running');
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const end = (result: InvocationResult) => {
      clearTimeout(timer);
      state.inFlight.delete(message.id);
      resolve(result);
    };
    state.inFlight.set(message.id, { worker: current.process, end });
    if (timeoutMs !== undefined) {
      timer = setTimeout(() => {
        end(
          failed(
            'timeout',
            `function "${message.functionName}" ran longer than functionTimeout (${timeoutMs} ms)`,
          ),
        );
        current.process.kill();
      }, timeoutMs);
    }
    current.process.send(message);
  });
}

/** Makes the supervisor of the one worker process. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const state: State = { stopping: false, earlyEnds: 0, inFlight: new Map(), waiters: new Set() };
  return {
    start: () => startFirst(state, options),
    invoke: (message, limits) => invoke(state, message, limits),
    pids: () => (state.current ? [state.current.process.pid] : []),
    async ready() {
      const current = await whenReady(state);
      return current && { pid: current.process.pid, httpUri: current.httpUri };
    },
    problem: () => (state.current ? undefined : state.problem),
    async stop(graceMs) {
      state.stopping = true;
      for (const wake of [...state.waiters]) wake();
      state.starting?.kill();
      await state.current?.process.terminate(graceMs);
    },
  };
}
