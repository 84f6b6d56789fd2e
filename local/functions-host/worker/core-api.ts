import Module from 'node:module';
import type { FunctionMetadata, HttpData, LogLevel, NamedData, TypedData } from '../protocol.js';

/** Name under which the functions library asks for its runtime; it is not an npm package. */
const CORE_MODULE = '@azure/functions-core';

/** Versions reported to libraries that ask; the host one must be 4.28 or later for HTTP streams. */
const HOST_VERSION = '4.1037.0.0';
const WORKER_VERSION = '3.10.1';

export type Callback = (...values: unknown[]) => unknown;

/** The invocation context a programming model gets. */
export interface CoreContext {
  invocationId: string;
  request: unknown;
  metadata: FunctionMetadata;
  state?: string;
  log: CoreLog;
}

interface ModelResponse {
  outputData?: NamedData[];
  returnValue?: TypedData | null;
  http?: HttpData;
}

/** What `getInvocationModel` returns: the library's own conversion of arguments and results. */
export interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: Callback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<ModelResponse>;
}

/** The library behind `app.http(…)` and so on. */
export interface ProgrammingModel {
  name: string;
  version: string;
  getInvocationModel(context: CoreContext): InvocationModel | Promise<InvocationModel>;
  getCapabilities?(own: Record<string, string>): Promise<Record<string, string>>;
}

const HOOK_NAMES = ['preInvocation', 'postInvocation', 'appStart', 'appTerminate', 'log'] as const;
export type HookName = (typeof HOOK_NAMES)[number];

/** What the loaded app has registered. */
export interface AppRegistry {
  readonly functions: Map<string, { metadata: FunctionMetadata; callback: Callback }>;
  readonly hooks: Record<HookName, Callback[]>;
  model?: ProgrammingModel;
  /** True once start-up finished: registrations are refused from then on. */
  sealed: boolean;
}

export function createRegistry(): AppRegistry {
  return {
    functions: new Map(),
    hooks: { preInvocation: [], postInvocation: [], appStart: [], appTerminate: [], log: [] },
    sealed: false,
  };
}

function systemError(kind: typeof Error, message: string): Error {
  return Object.assign(new kind(message), { isAzureFunctionsSystemError: true });
}

/** Undoes one registration; also usable with `using`-style helpers that call `dispose`. */
class CoreDisposable {
  #undo: (() => unknown) | undefined;

  constructor(undo: () => unknown) {
    this.#undo = undo;
  }

  static from(...parts: { dispose(): unknown }[]): CoreDisposable {
    return new CoreDisposable(() => {
      for (const part of parts) part.dispose();
    });
  }

  dispose(): unknown {
    const undo = this.#undo;
    this.#undo = undefined;
    return undo?.();
  }
}

function registerFunction(registry: AppRegistry, metadata: FunctionMetadata, callback: Callback) {
  if (registry.sealed) {
    throw systemError(
      Error,
      `function "${metadata.name}" was registered after app start-up; register it earlier`,
    );
  }
  if (registry.functions.has(metadata.name)) {
    throw systemError(Error, `two functions are called "${metadata.name}"; names must be unique in an app`);
  }
  registry.functions.set(metadata.name, { metadata, callback });
  return new CoreDisposable(() => {
    if (registry.sealed) {
      throw systemError(Error, `function "${metadata.name}" cannot be removed after app start-up`);
    }
    registry.functions.delete(metadata.name);
  });
}

function registerHook(registry: AppRegistry, name: string, callback: Callback) {
  const known = HOOK_NAMES.find((hook) => hook === name);
  if (!known) throw systemError(RangeError, `there is no hook "${name}"; known: ${HOOK_NAMES.join(', ')}`);
  const list = registry.hooks[known];
  list.push(callback);
  return new CoreDisposable(() => {
    const index = list.indexOf(callback);
    if (index >= 0) list.splice(index, 1);
  });
}

/** Writes a log line that belongs to no invocation. */
export type CoreLog = (level: LogLevel, category: 'user' | 'system', message: string) => void;

/** Builds the module that the real Node worker offers under the name `@azure/functions-core`. */
export function createCoreApi(registry: AppRegistry, log: CoreLog) {
  return {
    version: WORKER_VERSION,
    hostVersion: HOST_VERSION,
    registerFunction: (metadata: FunctionMetadata, callback: Callback) =>
      registerFunction(registry, metadata, callback),
    registerHook: (name: string, callback: Callback) => registerHook(registry, name, callback),
    setProgrammingModel(model: ProgrammingModel) {
      registry.model = model;
    },
    getProgrammingModel: () => registry.model,
    log,
    Disposable: CoreDisposable,
  };
}

/**
 * Makes `require('@azure/functions-core')` answer with `api` in every CommonJS module loaded from now on.
 * The functions library is CommonJS, so this serves ES module apps too.
 */
export function injectCoreModule(api: unknown): void {
  const prototype = (Module as unknown as { prototype: { require(id: string): unknown } }).prototype;
  const original = prototype.require;
  prototype.require = function patchedRequire(this: unknown, id: string): unknown {
    return id === CORE_MODULE ? api : original.call(this as { require(id: string): unknown }, id);
  };
}
