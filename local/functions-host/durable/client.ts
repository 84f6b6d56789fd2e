import { entityStateOf } from './entities.js';
import { makeEvent } from './episode.js';
import { newInstance } from './inbox.js';
import { type Instance, toKey } from './instance.js';
import { hasStatus } from './large-texts.js';
import type { HubParts } from './parts.js';
import { entityInstanceId } from './plan.js';
import { ConflictError, type InstancePage } from './store.js';
import { type ControlBody, EventType, type HistoryEvent, isFinished, type RuntimeStatus } from './types.js';

/** Most instances removed by one purge. */
const MAX_PURGED = 10_000;
const PURGE_PAGE = 100;
/** Most reads of a history that a new generation replaces meanwhile. */
const MAX_READS = 5;
/** Most attempts to write a new instance while someone else changes the one it replaces. */
const MAX_PLACINGS = 5;

/** What callers from outside may do to instances. */
export interface DurableClient {
  /**
   * Starts an orchestration; `exists` when the id is taken, `unknown` when there is no such function, `badId`
   * when the id is none an instance may have.
   */
  start(request: {
    name: string;
    instanceId?: string;
    input?: string;
    version?: string;
  }): Promise<{ id: string } | { refused: 'exists' | 'unknown' | 'badId' }>;
  get(instanceId: string): Promise<Instance | undefined>;
  /** An instance and the history of its present generation. */
  withHistory(instanceId: string): Promise<{ instance: Instance; history: HistoryEvent[] } | undefined>;
  query(query: InstanceQuery): Promise<InstancePage>;
  /** Sends an event to an instance that has not ended. */
  raise(instanceId: string, name: string, input: string | undefined): Promise<SendResult>;
  control(instanceId: string, what: 'terminate' | 'suspend' | 'resume', reason: string): Promise<SendResult>;
  rewind(instanceId: string, reason: string): Promise<'sent' | 'missing' | 'notFailed'>;
  purge(instanceId: string): Promise<boolean>;
  /** Purges every ended instance that matches; returns their number. */
  purgeBy(query: InstanceQuery): Promise<number>;
  signal(entity: { name: string; key: string }, operation: string, input: string | undefined): Promise<void>;
  /** JSON text of an entity's state; undefined when it does not exist. */
  entityState(entity: { name: string; key: string }): Promise<string | undefined>;
}

export type SendResult = 'sent' | 'missing' | 'ended';

/** A filter over instances; times are ISO texts. */
export interface InstanceQuery {
  statuses?: readonly string[];
  createdFrom?: string;
  createdTo?: string;
  lastUpdatedFrom?: string;
  lastUpdatedTo?: string;
  prefix?: string;
  /** Entities instead of orchestrations. */
  entities?: boolean;
  top?: number;
  continuation?: string;
}

/** Instances on one page when the caller names no number. */
const DEFAULT_TOP = 100;

const quoted = (value: string) => `'${value.replaceAll("'", "''")}'`;

/** The OData filter of a query. */
export function toFilter(query: InstanceQuery): string {
  const parts: string[] = [];
  const add = (field: string, operator: string, value: string | undefined) => {
    if (value !== undefined) parts.push(`${field} ${operator} ${quoted(value)}`);
  };
  if (query.entities) {
    add('PartitionKey', 'ge', '@');
    add('PartitionKey', 'lt', 'A');
  } else parts.push("(PartitionKey lt '@' or PartitionKey ge 'A')");
  const prefix = query.prefix === undefined ? undefined : toKey(query.prefix);
  add('PartitionKey', 'ge', prefix);
  add('PartitionKey', 'lt', prefix === undefined ? undefined : `${prefix}\uffff`);
  add('createdAt', 'ge', query.createdFrom);
  add('createdAt', 'le', query.createdTo);
  add('updatedAt', 'ge', query.lastUpdatedFrom);
  add('updatedAt', 'le', query.lastUpdatedTo);
  const statuses = query.statuses ?? [];
  if (statuses.length > 0) {
    parts.push(`(${statuses.map((status) => `status eq ${quoted(status)}`).join(' or ')})`);
  }
  return parts.join(' and ');
}

/** Ids an instance may have, as in Azure: 1 to 100 characters, no `@` first, none of `/ \\ # ?`, no control characters. */
const INSTANCE_ID = /^(?!@)[^/\\#?\p{Cc}]{1,100}$/u;

const NEW_ID = (parts: HubParts) => parts.clock.newId().replaceAll('-', '');

function mayReplace(parts: HubParts, status: RuntimeStatus): boolean {
  return parts.config.overridableStates === 'AnyState' || isFinished(status);
}

type StartBody = Extract<ControlBody, { kind: 'start' }>;

/** Writes a new instance, in the place of one that may be replaced; false when there is one that may not. */
async function place(parts: HubParts, id: string, body: StartBody): Promise<boolean> {
  for (let left = MAX_PLACINGS; ; left -= 1) {
    const existing = await parts.store.load(id);
    // Written by an attempt whose answer was lost; its message is sent from the outbox.
    if (existing?.executionId === body.executionId) return true;
    if (existing && !mayReplace(parts, existing.status)) return false;
    const instance: Instance = { ...newInstance(id, body, parts.clock.now()), ...heritage(existing) };
    const message = { id: NEW_ID(parts), to: id, body: { ...body, input: undefined } };
    try {
      const row = await parts.store.commit({ instance, outgoing: { control: [message], work: [] } });
      await parts.flush(row);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      if (left <= 1) return false;
      continue;
    }
    if (existing) await parts.store.dropEarlier(instance);
    return true;
  }
}

/** What an instance takes over from the one it replaces. */
function heritage(existing: Instance | undefined): Partial<Instance> {
  if (!existing) return {};
  const { etag, generation, recent, blobs } = existing;
  return { etag, generation: generation + 1, recent, blobs };
}

async function start(
  parts: HubParts,
  request: Parameters<DurableClient['start']>[0],
): ReturnType<DurableClient['start']> {
  const fn = parts.functions.find('orchestrator', request.name);
  if (!fn) return { refused: 'unknown' };
  const id = request.instanceId ?? NEW_ID(parts);
  if (!INSTANCE_ID.test(id)) return { refused: 'badId' };
  const { input, version } = request;
  const body: StartBody = { kind: 'start', name: fn.name, executionId: NEW_ID(parts), input, version };
  return (await place(parts, id, body)) ? { id } : { refused: 'exists' };
}

async function sendEvent(
  parts: HubParts,
  instanceId: string,
  type: number,
  fields: Partial<HistoryEvent>,
): Promise<SendResult> {
  const instance = await parts.store.load(instanceId);
  if (!instance) return 'missing';
  if (isFinished(instance.status)) return 'ended';
  const event = makeEvent(parts.clock.now(), type, fields);
  await parts.sendControl({ id: NEW_ID(parts), to: instanceId, body: { kind: 'event', event } });
  return 'sent';
}

async function withHistory(parts: HubParts, instanceId: string) {
  for (let reads = 1; ; reads += 1) {
    const instance = await parts.store.load(instanceId);
    if (!instance) return undefined;
    const history = await parts.store.history(instance).catch((error: unknown) => {
      // Its long texts went with the generation.
      if (reads < MAX_READS && hasStatus(error, 404)) return undefined;
      throw error;
    });
    const now = await parts.store.load(instanceId);
    const isWhole = history && now?.generation === instance.generation;
    if (isWhole || reads >= MAX_READS) return { instance, history: history ?? [] };
  }
}

const CONTROL_EVENTS = {
  terminate: EventType.ExecutionTerminated,
  suspend: EventType.ExecutionSuspended,
  resume: EventType.ExecutionResumed,
};

async function rewind(parts: HubParts, instanceId: string, reason: string) {
  const instance = await parts.store.load(instanceId);
  if (!instance) return 'missing';
  if (instance.status !== 'Failed') return 'notFailed';
  await parts.sendControl({ id: NEW_ID(parts), to: instanceId, body: { kind: 'rewind', reason } });
  return 'sent';
}

async function purgeBy(parts: HubParts, query: InstanceQuery): Promise<number> {
  let purged = 0;
  let continuation: string | undefined;
  do {
    const page = await parts.store.page(toFilter(query), PURGE_PAGE, continuation);
    for (const { instanceId, status } of page.instances) {
      if (isFinished(status) && (await parts.store.purge(instanceId))) purged += 1;
    }
    continuation = page.continuation;
  } while (continuation && purged < MAX_PURGED);
  return purged;
}

/** Makes the client of a hub. */
export function createDurableClient(parts: HubParts): DurableClient {
  return {
    start: (request) => start(parts, request),
    get: (instanceId) => parts.store.load(instanceId),
    withHistory: (instanceId) => withHistory(parts, instanceId),
    query: (query) => parts.store.page(toFilter(query), query.top ?? DEFAULT_TOP, query.continuation),
    raise: (instanceId, name, input) =>
      sendEvent(parts, instanceId, EventType.EventRaised, { Name: name, Input: input }),
    control: (instanceId, what, reason) =>
      sendEvent(parts, instanceId, CONTROL_EVENTS[what], { Input: reason }),
    rewind: (instanceId, reason) => rewind(parts, instanceId, reason),
    purge: (instanceId) => parts.store.purge(instanceId),
    purgeBy: (query) => purgeBy(parts, query),
    async signal(entity, operation, input) {
      const request = { kind: 'signal' as const, id: NEW_ID(parts), operation, input };
      await parts.sendControl({
        id: NEW_ID(parts),
        to: entityInstanceId(entity),
        body: { kind: 'entity', request },
      });
    },
    async entityState(entity) {
      const { exists, state } = entityStateOf(await parts.store.load(entityInstanceId(entity)));
      return exists ? (state ?? 'null') : undefined;
    },
  };
}
