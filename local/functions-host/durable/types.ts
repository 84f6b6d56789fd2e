/** Kinds of history events, with the numbers the durable-functions library expects. */
export const EventType = {
  ExecutionStarted: 0,
  ExecutionCompleted: 1,
  ExecutionFailed: 2,
  ExecutionTerminated: 3,
  TaskScheduled: 4,
  TaskCompleted: 5,
  TaskFailed: 6,
  SubOrchestrationInstanceCreated: 7,
  SubOrchestrationInstanceCompleted: 8,
  SubOrchestrationInstanceFailed: 9,
  TimerCreated: 10,
  TimerFired: 11,
  OrchestratorStarted: 12,
  OrchestratorCompleted: 13,
  EventSent: 14,
  EventRaised: 15,
  ExecutionSuspended: 19,
  ExecutionResumed: 20,
} as const;

/** Kinds of actions an orchestrator asks for. */
export const ActionType = {
  CallActivity: 0,
  CallActivityWithRetry: 1,
  CallSubOrchestrator: 2,
  CallSubOrchestratorWithRetry: 3,
  ContinueAsNew: 4,
  CreateTimer: 5,
  WaitForExternalEvent: 6,
  CallEntity: 7,
  CallHttp: 8,
  SignalEntity: 9,
  WhenAny: 11,
  WhenAll: 12,
  LockEntities: 13,
  ReleaseEntities: 14,
} as const;

/** Retry options as the library sends them; times in ms. */
export interface DurableRetryOptions {
  firstRetryIntervalInMilliseconds: number;
  maxNumberOfAttempts: number;
  backoffCoefficient?: number;
  maxRetryIntervalInMilliseconds?: number;
  retryTimeoutInMilliseconds?: number;
}

/** Request of `callHttp`. */
export interface DurableHttpCall {
  method: string;
  uri: string;
  content?: string;
  headers?: Record<string, string>;
  tokenSource?: unknown;
  asynchronousPatternEnabled?: boolean;
}

/** One action of an orchestrator; which fields are set depends on `actionType`. */
export interface Action {
  actionType: number;
  functionName?: string;
  input?: unknown;
  instanceId?: string;
  version?: string;
  retryOptions?: DurableRetryOptions;
  fireAt?: string;
  isCanceled?: boolean;
  externalEventName?: string;
  operation?: string;
  httpRequest?: DurableHttpCall;
  compoundActions?: Action[];
  lockSet?: { name: string; key: string }[];
  lockRequestId?: string;
}

/** What a run of an orchestrator function returns, or hides in the message of what it throws. */
export interface OrchestratorState {
  isDone: boolean;
  actions: Action[][];
  output?: unknown;
  error?: string;
  customStatus?: unknown;
  failureDetails?: FailureDetails;
}

/** Structured failure in the form the library reads from the history. */
export interface FailureDetails {
  ErrorType: string;
  ErrorMessage: string;
  StackTrace?: string;
  IsNonRetriable?: boolean;
  Properties?: Record<string, unknown>;
  InnerFailure?: FailureDetails;
}

/** The task that will be tried again when it fails. */
export interface RetryPlan {
  action: Action;
  /** Number of the present attempt, from 1. */
  attempt: number;
  /** When the first attempt began, in ms since the epoch. */
  firstMs: number;
  /** Set when `retryTimeoutInMilliseconds` is over: further attempts fail at once with this. */
  spent?: { Reason: string; Details: string; FailureDetails?: FailureDetails };
}

/**
 * One event of a history. The PascalCase names are the library's; the lower-case ones are this host's own notes,
 * which the library ignores.
 */
export interface HistoryEvent {
  EventType: number;
  EventId: number;
  IsPlayed: boolean;
  Timestamp: string;
  Name?: string;
  Input?: string;
  Version?: string;
  InstanceId?: string;
  TaskScheduledId?: number;
  TimerId?: number;
  FireAt?: string;
  Result?: string;
  Reason?: string;
  Details?: string;
  FailureDetails?: FailureDetails;
  OrchestrationStatus?: string;
  /** On a scheduled task or a timer between attempts: how it is retried. */
  retry?: RetryPlan;
  /** On a timer between two looks at an HTTP resource: the call that follows, and its task id. */
  poll?: { taskId: number; request: DurableHttpCall };
  /** On a scheduled HTTP call: the request. */
  http?: DurableHttpCall;
  /** On an answer of an entity or a lock: not an event of the user. */
  internal?: true;
  /** On the timer of an action: the action's place in the list, and inside its groups. */
  path?: number[];
  /** On OrchestratorCompleted: actions seen and task ids used so far. */
  seen?: number;
  nextId?: number;
  /** On OrchestratorCompleted and on the grant of a lock: the entities locked. */
  locks?: string[];
  /** On OrchestratorCompleted: when the last message went to each entity. */
  sent?: Readonly<Record<string, number>>;
  /** On the OrchestratorCompleted of the run in which the function ended. */
  ended?: true;
}

/** The parent of a sub-orchestration. */
export interface Parent {
  instanceId: string;
  executionId: string;
  taskId: number;
  name: string;
}

/** One call, signal, lock or release on its way to an entity. */
export interface EntityRequest {
  kind: 'call' | 'signal' | 'lock' | 'release';
  /** Identity of the request; the answer is an event of this name. */
  id: string;
  operation?: string;
  /** JSON text. */
  input?: string;
  /** Orchestration that waits for the answer, or that holds the lock. */
  from?: { instanceId: string; executionId: string };
  /** Place among the messages of this sender to this entity: when it was sent, and when the one before was. */
  sentMs?: number;
  prevMs?: number;
  /** Lock only: all entities to lock, and those still to lock after this one. */
  all?: string[];
  rest?: string[];
}

/** What travels through a control queue. */
export type ControlBody =
  | {
      kind: 'start';
      name: string;
      executionId: string;
      input?: string;
      version?: string;
      parent?: Parent;
    }
  | { kind: 'event'; event: HistoryEvent; executionId?: string }
  | { kind: 'rewind'; reason: string }
  | { kind: 'entity'; request: EntityRequest };

/** One message to an instance. */
export interface ControlMessage {
  id: string;
  to: string;
  /** Not to be handled before, in ms since the epoch. */
  notBeforeMs?: number;
  body: ControlBody;
}

/** One activity to run. */
export interface WorkItem {
  id: string;
  instanceId: string;
  executionId: string;
  taskId: number;
  name: string;
  /** JSON text. */
  input?: string;
  http?: DurableHttpCall;
}

/** What an episode sends once its history is written. */
export interface Outgoing {
  control: ControlMessage[];
  work: WorkItem[];
}

export type RuntimeStatus =
  | 'Pending'
  | 'Running'
  | 'Completed'
  | 'Failed'
  | 'Terminated'
  | 'Suspended'
  | 'ContinuedAsNew';

/** True for an instance that will not run again by itself. */
export function isFinished(status: RuntimeStatus): boolean {
  return status === 'Completed' || status === 'Failed' || status === 'Terminated';
}
