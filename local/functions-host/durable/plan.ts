import { type SentTimes, stamp } from './ordering.js';
import { nextPoll, retryWaitMs } from './repeats.js';
import { isFailure, scheduledBy } from './tasks.js';
import {
  type Action,
  ActionType,
  type ControlBody,
  type DurableHttpCall,
  type EntityRequest,
  EventType,
  type HistoryEvent,
  type Outgoing,
  type RetryPlan,
} from './types.js';

/** Where the task numbering of an orchestration stands. */
export interface Numbering {
  /** Top-level actions already carried out. */
  seen: number;
  nextId: number;
  /** Entities the orchestration holds locked. */
  locks: string[];
  sent: SentTimes;
}

/** What one run of an orchestrator leads to. */
export interface Step extends Numbering {
  events: HistoryEvent[];
  outgoing: Outgoing;
}

/** What the planner must know of the orchestration. */
export interface PlanContext {
  instanceId: string;
  executionId: string;
  name: string;
  nowMs: number;
  /** Wait between looks at an HTTP resource that names no Retry-After, in ms. */
  httpPollMs: number;
  newId(): string;
}

/** The instance id of an entity. */
export function entityInstanceId(entity: { name: string; key: string }): string {
  return `@${entity.name.toLowerCase()}@${entity.key}`;
}

/** Task numbering after the last run in a history. */
export function numberingOf(history: readonly HistoryEvent[]): Numbering {
  const last = history.findLast((event) => event.EventType === EventType.OrchestratorCompleted);
  const { seen = 0, nextId = 0, locks = [], sent = {} } = last ?? {};
  return { seen, nextId, locks, sent };
}

/** JSON text of an input that the library has made JSON already when it was a string. */
export function textOf(input: unknown): string | undefined {
  return typeof input === 'string' ? input : JSON.stringify(input);
}

class Planner {
  readonly step: Step;
  readonly context: PlanContext;

  constructor(context: PlanContext, numbering: Numbering) {
    this.context = context;
    this.step = {
      ...numbering,
      locks: [...numbering.locks],
      events: [],
      outgoing: { control: [], work: [] },
    };
  }

  takeId(): number {
    this.step.nextId += 1;
    return this.step.nextId - 1;
  }

  add(type: number, id: number, fields: Partial<HistoryEvent>): void {
    this.step.events.push({
      EventType: type,
      EventId: id,
      IsPlayed: false,
      Timestamp: new Date(this.context.nowMs).toISOString(),
      ...fields,
    });
  }

  send(to: string, body: ControlBody, notBeforeMs?: number): void {
    this.step.outgoing.control.push({ id: this.context.newId(), to, body, notBeforeMs });
  }

  sendSelf(event: Partial<HistoryEvent> & { EventType: number }, notBeforeMs?: number): void {
    const { instanceId, executionId, nowMs } = this.context;
    const whole: HistoryEvent = {
      EventId: -1,
      IsPlayed: false,
      Timestamp: new Date(notBeforeMs ?? nowMs).toISOString(),
      ...event,
    };
    this.send(instanceId, { kind: 'event', event: whole, executionId }, notBeforeMs);
  }

  timer(id: number, fireMs: number, extra: Partial<HistoryEvent>): void {
    const FireAt = new Date(fireMs).toISOString();
    this.add(EventType.TimerCreated, id, { FireAt, ...extra });
    this.sendSelf({ EventType: EventType.TimerFired, TimerId: id, FireAt }, fireMs);
  }

  work(
    id: number,
    fields: { name: string; input?: string; http?: DurableHttpCall; retry?: RetryPlan },
  ): void {
    const { name, input, http, retry } = fields;
    const { instanceId, executionId } = this.context;
    this.add(EventType.TaskScheduled, id, { Name: name, Input: input, http, retry });
    if (retry?.spent) {
      this.sendSelf({ EventType: EventType.TaskFailed, TaskScheduledId: id, ...retry.spent });
      return;
    }
    this.step.outgoing.work.push({
      id: this.context.newId(),
      instanceId,
      executionId,
      taskId: id,
      name,
      input,
      http,
    });
  }

  child(id: number, action: Action, retry?: RetryPlan): void {
    const { instanceId, executionId, name } = this.context;
    const InstanceId = action.instanceId || `${executionId}:${id.toString(16)}`;
    const Input = JSON.stringify(action.input);
    this.add(EventType.SubOrchestrationInstanceCreated, id, {
      Name: action.functionName,
      InstanceId,
      Input,
      retry,
    });
    if (retry?.spent) {
      const type = EventType.SubOrchestrationInstanceFailed;
      this.sendSelf({ EventType: type, TaskScheduledId: id, ...retry.spent });
      return;
    }
    this.send(InstanceId, {
      kind: 'start',
      name: action.functionName ?? '',
      executionId: this.context.newId(),
      input: Input,
      version: action.version,
      parent: { instanceId, executionId, taskId: id, name },
    });
  }

  /** One attempt of an activity or sub-orchestration. */
  attempt(action: Action, retry?: RetryPlan): void {
    const id = this.takeId();
    const isActivity =
      action.actionType === ActionType.CallActivity || action.actionType === ActionType.CallActivityWithRetry;
    if (isActivity) this.work(id, { name: action.functionName ?? '', input: textOf(action.input), retry });
    else this.child(id, action, retry);
  }

  /** Sends a request to an entity and notes it under the next number. */
  request(target: string, name: string, request: Omit<EntityRequest, 'from'>): void {
    const { instanceId, executionId, nowMs } = this.context;
    const next = stamp(this.step.sent, target, nowMs);
    this.step.sent = next.sent;
    const whole = { ...request, from: { instanceId, executionId }, ...next.stamp };
    this.add(EventType.EventSent, this.takeId(), {
      InstanceId: target,
      Name: name,
      Input: JSON.stringify(whole),
    });
    this.send(target, { kind: 'entity', request: whole });
  }

  entity(action: Action, kind: 'call' | 'signal'): void {
    const { operation, input, instanceId = '' } = action;
    this.request(instanceId, 'op', {
      kind,
      id: this.context.newId(),
      operation,
      input: JSON.stringify(input),
    });
  }

  lock(action: Action): void {
    const all = (action.lockSet ?? []).map(entityInstanceId);
    const [first = '', ...rest] = all;
    this.step.locks = all;
    this.request(first, 'op', { kind: 'lock', id: action.lockRequestId ?? this.context.newId(), all, rest });
  }

  release(): void {
    for (const target of this.step.locks) {
      this.request(target, 'release', { kind: 'release', id: this.context.newId() });
    }
    this.step.locks = [];
  }

  carryOut(action: Action, path: readonly number[]): void {
    const carryOut = CARRY_OUT[action.actionType];
    if (!carryOut) {
      throw new Error(`orchestrator action ${action.actionType} is not known to the local host`);
    }
    carryOut(this, action, path);
  }

  compound(action: Action, path: readonly number[]): void {
    for (const [index, child] of (action.compoundActions ?? []).entries()) {
      this.carryOut(child, [...path, index]);
    }
  }

  firstAttempt(action: Action): void {
    this.attempt(action, { action, attempt: 1, firstMs: this.context.nowMs });
  }

  /** Ids the library took while it digested this event. */
  digest(history: readonly HistoryEvent[], event: HistoryEvent): void {
    const source = scheduledBy(history, event);
    if (!source) return;
    if (source.retry) this.digestRetry(source.retry, event);
    if (event.EventType === EventType.TimerFired && source.poll) {
      this.work(source.poll.taskId, { name: HTTP_ACTIVITY, http: source.poll.request });
    }
    const next = nextPoll(source, event);
    if (next) {
      const timerId = this.takeId();
      const fireMs = this.context.nowMs + (next.waitMs ?? this.context.httpPollMs);
      this.timer(timerId, fireMs, { poll: { taskId: this.takeId(), request: next.request } });
    }
  }

  digestRetry(retry: RetryPlan, event: HistoryEvent): void {
    const { nowMs } = this.context;
    if (event.EventType === EventType.TimerFired) {
      const attempt = retry.attempt + 1;
      if (attempt <= (retry.action.retryOptions?.maxNumberOfAttempts ?? 1)) {
        this.attempt(retry.action, { ...retry, attempt });
      }
      return;
    }
    if (!isFailure(event)) return;
    const waitMs = retry.spent ? undefined : retryWaitMs(retry, nowMs);
    const spent =
      waitMs === undefined
        ? { Reason: event.Reason ?? '', Details: event.Details ?? '', FailureDetails: event.FailureDetails }
        : undefined;
    this.timer(this.takeId(), nowMs + (waitMs ?? 0), { retry: { ...retry, spent } });
  }
}

type CarryOut = (planner: Planner, action: Action, path: readonly number[]) => void;

const CARRY_OUT: Readonly<Record<number, CarryOut>> = {
  [ActionType.CallActivity]: (planner, action) => planner.attempt(action),
  [ActionType.CallSubOrchestrator]: (planner, action) => planner.attempt(action),
  [ActionType.CallActivityWithRetry]: (planner, action) => planner.firstAttempt(action),
  [ActionType.CallSubOrchestratorWithRetry]: (planner, action) => planner.firstAttempt(action),
  [ActionType.ContinueAsNew]: () => undefined,
  [ActionType.CreateTimer]: (planner, action, path) =>
    planner.timer(planner.takeId(), Date.parse(action.fireAt ?? ''), { path: [...path] }),
  [ActionType.WaitForExternalEvent]: () => undefined,
  [ActionType.CallEntity]: (planner, action) => planner.entity(action, 'call'),
  [ActionType.SignalEntity]: (planner, action) => planner.entity(action, 'signal'),
  [ActionType.CallHttp]: (planner, action) =>
    planner.work(planner.takeId(), { name: HTTP_ACTIVITY, http: action.httpRequest }),
  [ActionType.WhenAny]: (planner, action, path) => planner.compound(action, path),
  [ActionType.WhenAll]: (planner, action, path) => planner.compound(action, path),
  [ActionType.LockEntities]: (planner, action) => planner.lock(action),
  [ActionType.ReleaseEntities]: (planner) => planner.release(),
};

/** Name under which a call by `callHttp` stands in the history. */
const HTTP_ACTIVITY = 'BuiltIn::HttpActivity';

/** The request that gives a lock back. */
export function releaseRequest(context: Pick<PlanContext, 'instanceId' | 'executionId' | 'newId'>) {
  return {
    kind: 'release' as const,
    id: context.newId(),
    from: { instanceId: context.instanceId, executionId: context.executionId },
  };
}

/**
 * Turns the cumulative actions of a run into the new events and messages. Numbers tasks exactly as the library does:
 * first what the new events themselves ask for (retries, HTTP polling), then each new action in its order.
 * @param history events before this run, with the new ones
 * @param fresh the new events
 */
export function planStep(
  context: PlanContext,
  history: readonly HistoryEvent[],
  fresh: readonly HistoryEvent[],
  actions: readonly Action[],
): Step {
  const planner = new Planner(context, numberingOf(history));
  for (const event of fresh) planner.digest(history, event);
  for (let index = planner.step.seen; index < actions.length; index += 1) {
    planner.carryOut(actions[index] as Action, [index]);
  }
  planner.step.seen = Math.max(planner.step.seen, actions.length);
  return planner.step;
}
