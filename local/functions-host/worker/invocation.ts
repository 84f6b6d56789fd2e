import type { InvokeMessage, LogLevel, WorkerFault, WorkerMessage } from '../protocol.js';
import type { AppRegistry, Callback, CoreContext, HookName } from './core-api.js';

/** The runtime state one worker shares between invocations. */
export interface WorkerState {
  readonly registry: AppRegistry;
  /** Data that app-level hooks share with each other. */
  readonly appHookData: Record<string, unknown>;
  send(message: WorkerMessage): void;
}

/** Runs the hooks of one kind one after the other, in the order they were registered. */
export async function runHooks(state: WorkerState, name: HookName, context: unknown): Promise<void> {
  for (const hook of [...state.registry.hooks[name]]) await hook(context);
}

/** Error text and stack of whatever was thrown. */
export function toFault(thrown: unknown): WorkerFault {
  if (thrown instanceof Error) return { message: thrown.message, stack: thrown.stack };
  return { message: String(thrown) };
}

interface LogSource {
  functionName?: string;
  invocationId?: string;
  invocationContext?: unknown;
}

/** Sends one log line to the host after the app's log hooks had their say. */
export function emitLog(
  state: WorkerState,
  line: { level: LogLevel; category: 'user' | 'system'; message: string },
  source: LogSource,
): void {
  const hookContext = {
    ...line,
    hookData: {},
    appHookData: state.appHookData,
    invocationContext: source.invocationContext,
  };
  for (const hook of [...state.registry.hooks.log]) hook(hookContext);
  state.send({
    kind: 'log',
    level: hookContext.level,
    category: line.category,
    message: hookContext.message,
    functionName: source.functionName,
    invocationId: source.invocationId,
  });
}

interface HookContexts {
  shared: {
    hookData: Record<string, unknown>;
    appHookData: Record<string, unknown>;
    invocationContext: unknown;
  };
}

async function runOnce(state: WorkerState, message: InvokeMessage) {
  const registered = state.registry.functions.get(message.functionName);
  const model = state.registry.model;
  if (!registered || !model)
    throw new Error(`function "${message.functionName}" is not registered in this worker`);
  const source: LogSource = { functionName: message.functionName, invocationId: message.id };
  const core: CoreContext = {
    invocationId: message.id,
    request: { ...message, invocationId: message.id },
    metadata: registered.metadata,
    log: (level, category, text) => emitLog(state, { level, category, message: text }, source),
  };
  const invocation = await model.getInvocationModel(core);
  const { context, inputs } = await invocation.getArguments();
  source.invocationContext = context;
  const { shared }: HookContexts = {
    shared: { hookData: {}, appHookData: state.appHookData, invocationContext: context },
  };
  const before = { ...shared, functionCallback: registered.callback as Callback, inputs };
  core.state = 'preInvocationHooks';
  await runHooks(state, 'preInvocation', before);
  const after: { inputs: unknown[]; result: unknown; error: unknown } & HookContexts['shared'] = {
    ...shared,
    inputs: before.inputs,
    result: null,
    error: null,
  };
  core.state = 'invocation';
  let failed = false;
  try {
    after.result = await invocation.invokeFunction(context, before.inputs, before.functionCallback);
  } catch (error) {
    failed = true;
    after.error = error;
  }
  core.state = 'postInvocationHooks';
  await runHooks(state, 'postInvocation', after);
  core.state = undefined;
  // A hook may clear an error or set one; what was thrown as a non-error counts as a failure all the same.
  if (after.error !== null && after.error !== undefined) throw after.error;
  if (failed && after.error === undefined) throw new Error('the function threw undefined');
  return invocation.getResponse(context, after.result);
}

/** Runs one invocation and reports its result; never throws. */
export async function handleInvoke(state: WorkerState, message: InvokeMessage): Promise<void> {
  try {
    const response = await runOnce(state, message);
    state.send({
      kind: 'result',
      id: message.id,
      outputData: response.outputData,
      returnValue: response.returnValue,
    });
  } catch (thrown) {
    state.send({ kind: 'result', id: message.id, error: toFault(thrown) });
  }
}
