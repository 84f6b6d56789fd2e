/**
 * What host and worker say to each other. The data shapes are those of the `@azure/functions-core` module
 * (the RPC shapes of the real worker), because the functions library converts from and to exactly these.
 */

/** One value on its way between host and function: exactly one key is set. */
export interface TypedData {
  string?: string;
  json?: string;
  bytes?: Uint8Array;
  int?: number;
  double?: number;
  http?: HttpData;
  collectionString?: { string: string[] };
  collectionBytes?: { bytes: Uint8Array[] };
  collectionSint64?: { sint64: number[] };
}

/** An HTTP request or answer in buffered form. */
export interface HttpData {
  method?: string;
  url?: string;
  statusCode?: string;
  headers?: Record<string, string>;
  nullableHeaders?: Record<string, { value: string }>;
  nullableQuery?: Record<string, { value: string }>;
  nullableParams?: Record<string, { value: string }>;
  cookies?: HttpCookie[];
  body?: TypedData | null;
}

/** A cookie as the functions library hands it over (nullable wrappers around each attribute). */
export interface HttpCookie {
  name: string;
  value: string;
  domain?: { value?: string } | null;
  path?: { value?: string } | null;
  expires?: { value?: { seconds?: number; nanos?: number } } | null;
  secure?: { value?: boolean } | null;
  httpOnly?: { value?: boolean } | null;
  maxAge?: { value?: number } | null;
  sameSite?: string;
}

export interface NamedData {
  name: string;
  data: TypedData;
}

/** One binding as the app registered it. */
export interface BindingInfo {
  type?: string;
  direction?: string;
  [key: string]: unknown;
}

/** A length of time in the RPC form. */
export interface RpcDuration {
  seconds?: number;
  nanos?: number;
}

export interface RetryOptions {
  maxRetryCount?: number;
  retryStrategy?: string;
  delayInterval?: RpcDuration;
  minimumInterval?: RpcDuration;
  maximumInterval?: RpcDuration;
}

/** One registered function. */
export interface FunctionMetadata {
  name: string;
  bindings: Record<string, BindingInfo>;
  retryOptions?: RetryOptions;
}

export interface RetryContext {
  retryCount: number;
  maxRetryCount: number;
  exception?: { message?: string; source?: string; stackTrace?: string };
}

interface TraceContext {
  traceParent: string;
  traceState: string;
  attributes: Record<string, string>;
}

/** Host → worker: run one function once. */
export interface InvokeMessage {
  kind: 'invoke';
  id: string;
  functionName: string;
  inputData: NamedData[];
  triggerMetadata: Record<string, TypedData>;
  traceContext: TraceContext;
  retryContext?: RetryContext;
}

/** Host → worker: run the app-terminate hooks and end. */
interface TerminateMessage {
  kind: 'terminate';
}

export type HostMessage = InvokeMessage | TerminateMessage;

export interface WorkerFault {
  message: string;
  stack?: string;
}

export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none';

/** Worker → host: the app is loaded. */
interface ReadyMessage {
  kind: 'ready';
  functions: FunctionMetadata[];
  capabilities: Record<string, string>;
}

/** Worker → host: one invocation ended. */
interface ResultMessage {
  kind: 'result';
  id: string;
  error?: WorkerFault;
  outputData?: NamedData[];
  returnValue?: TypedData | null;
}

/** Worker → host: a line for the log. */
interface LogMessage {
  kind: 'log';
  level: LogLevel;
  category: 'user' | 'system';
  message: string;
  functionName?: string;
  invocationId?: string;
}

export type WorkerMessage =
  | ReadyMessage
  | ResultMessage
  | LogMessage
  | { kind: 'loadFailed'; error: WorkerFault };

/** File descriptor in the worker on which the channel to the host is open. */
export const CHANNEL_FD = 3;
