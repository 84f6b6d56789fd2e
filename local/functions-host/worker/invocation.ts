import type { InvokeMessage, LogLevel, WorkerFault, WorkerMessage } from '../protocol.js';
import type { AppRegistry, Callback, CoreContext, HookName, InvocationModel } from './core-api.js';

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

/** What pre- and post-invocation hooks of one invocation share. */
interface SharedHookData {
  hookData: Record<string, unknown>;
  appHookData: Record<string, unknown>;
  invocationContext: unknown;
}

interface Call {
  state: WorkerState;
  core: CoreContext;
  model: InvocationModel;
  context: unknown;
}

/** Runs hooks and handler; the result is what the post-invocation hooks left. */
async function callWithHooks(call: Call, callback: Callback, inputs: unknown[]): Promise<unknown> {
  const { state, core, model, context } = call;
  const shared: SharedHookData = { hookData: {}, appHookData: state.appHookData, invocationContext: context };
  const before = { ...shared, functionCallback: callback, inputs };
  core.state = 'preInvocationHooks';
  await runHooks(state, 'preInvocation', before);
  const after = { ...shared, inputs: before.inputs, result: null as unknown, error: null as unknown };
  core.state = 'invocation';
  try {
    after.result = await model.invokeFunction(context, before.inputs, before.functionCallback);
  } catch (error) {
    after.error = error ?? new Error(`the function threw ${String(error)}`);
  }
  core.state = 'postInvocationHooks';
  await runHooks(state, 'postInvocation', after);
  core.state = undefined;
  // A hook may have cleared the error, or set one.
  if (after.error !== null && after.error !== undefined) throw after.error;
  return after.result;
}

async function runOnce(state: WorkerState, message: InvokeMessage) {
  const registered = state.registry.functions.get(message.functionName);
  const { model: library } = state.registry;
  if (!registered || !library)
    throw new Error(`function "${message.functionName}" is not registered in this worker`);
  const source: LogSource = { functionName: message.functionName, invocationId: message.id };
  const core: CoreContext = {
    invocationId: message.id,
    request: { ...message, invocationId: message.id },
    metadata: registered.metadata,
    log: (level, category, text) => emitLog(state, { level, category, message: text }, source),
  };
  const model = await library.getInvocationModel(core);
  const { context, inputs } = await model.getArguments();
  source.invocationContext = context;
  const result = await callWithHooks({ state, core, model, context }, registered.callback, inputs);
  return model.getResponse(context, result);
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
