import { randomBytes } from 'node:crypto';
import type { HostClock } from './clock.js';
import type { FunctionDefinition } from './functions.js';
import type { Logger } from './log.js';
import type { NamedData, RetryContext, TypedData } from './protocol.js';
import { readRetryPolicy, retryDelayMs } from './retry-policy.js';
import type { InvocationResult, Supervisor } from './supervisor.js';

/** What a trigger hands to a function. */
export interface InvocationData {
  input: TypedData;
  triggerMetadata: Record<string, TypedData>;
  /** Why the function runs; only for the log. */
  reason: string;
  /** Given when the caller must know it beforehand. */
  invocationId?: string;
  /** Worker that must run it, when only one can. */
  onlyOnPid?: number;
  /** W3C trace parent of the caller, when there is one. */
  traceParent?: string;
  traceState?: string;
}

/** Result of an invocation under a retry policy. */
type RetriedResult = InvocationResult & {
  /** True when the retries were cut short by the signal. */
  cancelled: boolean;
};

/** Runs functions on the worker. */
export interface Invoker {
  /** Runs once. Never rejects. */
  invoke(
    fn: FunctionDefinition,
    data: InvocationData,
    retryContext?: RetryContext,
  ): Promise<InvocationResult>;
  /** Runs until success, the end of the function's retry policy, or the signal. Never rejects. */
  invokeWithRetry(fn: FunctionDefinition, data: InvocationData, signal: AbortSignal): Promise<RetriedResult>;
  /** Number of invocations running now. */
  running(): number;
}

export interface InvokerOptions {
  supervisor: Pick<Supervisor, 'invoke'>;
  clock: HostClock;
  log: Logger;
  functionTimeoutMs: number | undefined;
  /** Data of a function's further input bindings. */
  inputs?(fn: FunctionDefinition): NamedData[];
}

const TRACE_PARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/;

/** A child span of the caller's trace, or a new trace. */
function nextTraceParent(incoming: string | undefined): string {
  const [, traceId = randomBytes(16).toString('hex'), flags = '01'] = TRACE_PARENT.exec(incoming ?? '') ?? [];
  return `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}`;
}

async function runOnce(
  options: InvokerOptions,
  fn: FunctionDefinition,
  data: InvocationData,
  retryContext: RetryContext | undefined,
): Promise<InvocationResult> {
  const { clock, log, supervisor } = options;
  const id = data.invocationId ?? clock.newId();
  const category = `Function.${fn.name}`;
  log.write('information', category, `Executing 'Functions.${fn.name}' (Reason='${data.reason}', Id=${id})`);
  const startedMs = clock.now();
  const result = await supervisor.invoke(
    {
      kind: 'invoke',
      id,
      functionName: fn.name,
      inputData: [{ name: fn.triggerName, data: data.input }, ...(options.inputs?.(fn) ?? [])],
      triggerMetadata: data.triggerMetadata,
      traceContext: {
        traceParent: nextTraceParent(data.traceParent),
        traceState: data.traceState ?? '',
        attributes: {},
      },
      retryContext,
    },
    { timeoutMs: options.functionTimeoutMs, onlyOnPid: data.onlyOnPid },
  );
  const outcome = result.ok ? 'Succeeded' : 'Failed';
  const ending = `Executed 'Functions.${fn.name}' (${outcome}, Id=${id}, Duration=${clock.now() - startedMs}ms)`;
  if (result.ok) log.write('information', category, ending);
  else log.write('error', category, `${ending}\n${result.error.stack ?? result.error.message}`);
  return result;
}

async function runWithRetry(
  options: InvokerOptions,
  call: { fn: FunctionDefinition; data: InvocationData; signal: AbortSignal },
): Promise<RetriedResult> {
  const { fn, data, signal } = call;
  const policy = readRetryPolicy(fn.metadata.retryOptions);
  let retryContext: RetryContext | undefined;
  for (let retry = 1; ; retry += 1) {
    const result = await runOnce(options, fn, data, retryContext);
    if (result.ok || !policy) return { ...result, cancelled: !result.ok && signal.aborted };
    const delayMs = retryDelayMs(policy, retry, options.clock.random());
    if (delayMs === undefined) return { ...result, cancelled: signal.aborted };
    await options.clock.sleep(delayMs, signal);
    if (signal.aborted) return { ...result, cancelled: true };
    retryContext = {
      retryCount: retry,
      maxRetryCount: policy.maxRetryCount,
      exception: { message: result.error.message, stackTrace: result.error.stack ?? '', source: '' },
    };
  }
}

/** Makes the invoker. */
export function createInvoker(options: InvokerOptions): Invoker {
  let running = 0;
  const counted = async <T>(work: Promise<T>): Promise<T> => {
    running += 1;
    try {
      return await work;
    } finally {
      running -= 1;
    }
  };
  return {
    invoke: (fn, data, retryContext) => counted(runOnce(options, fn, data, retryContext)),
    invokeWithRetry: (fn, data, signal) => counted(runWithRetry(options, { fn, data, signal })),
    running: () => running,
  };
}
