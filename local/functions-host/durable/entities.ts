import { makeEvent } from './episode.js';
import type { Instance } from './instance.js';
import type { Loaded } from './orchestrations.js';
import { type Heard, inOrder } from './ordering.js';
import type { HubParts } from './parts.js';
import { entityInstanceId } from './plan.js';
import { remember } from './recent.js';
import { runFunction } from './run-function.js';
import {
  type ControlBody,
  type ControlMessage,
  type EntityRequest,
  EventType,
  type Outgoing,
} from './types.js';

/** State of an entity, kept as JSON in its instance. */
export interface EntityState {
  exists: boolean;
  /** JSON text. */
  state?: string;
  /** Orchestration that holds the lock. */
  lockedBy?: string;
  /** Requests that wait for the lock to be given back. */
  queue: EntityRequest[];
  heard?: Heard;
}

interface BatchResult {
  entityExists: boolean;
  entityState?: string;
  results: { isError: boolean; result?: string }[];
  signals: { target: { name: string; key: string }; name: string; input?: string }[];
}

/** The state of an entity's instance. */
export function entityStateOf(instance: Instance | undefined): EntityState {
  return instance?.extra ? (JSON.parse(instance.extra) as EntityState) : { exists: false, queue: [] };
}

/** Name and key of an entity from its instance id. */
function parseEntityId(instanceId: string): { name: string; key: string } {
  const at = instanceId.indexOf('@', 1);
  return { name: instanceId.slice(1, at), key: instanceId.slice(at + 1) };
}

interface Work {
  parts: HubParts;
  instanceId: string;
  entity: EntityState;
  outgoing: Outgoing;
}

function send(work: Work, to: string, body: ControlBody): void {
  work.outgoing.control.push({ id: work.parts.clock.newId().replaceAll('-', ''), to, body });
}

/** Tells the orchestration that asked. */
function answer(work: Work, request: EntityRequest, payload: Record<string, unknown>): void {
  if (!request.from) return;
  const event = makeEvent(work.parts.clock.now(), EventType.EventRaised, {
    Name: request.id,
    Input: JSON.stringify(payload),
    internal: true,
    locks: request.all,
  });
  const { instanceId, executionId } = request.from;
  send(work, instanceId, { kind: 'event', event, executionId });
}

function lock(work: Work, request: EntityRequest): void {
  work.entity.lockedBy = request.from?.instanceId;
  const [next, ...rest] = request.rest ?? [];
  // The orchestration did not send this one, so it has no place among those it sent.
  const onward = { ...request, rest, sentMs: undefined, prevMs: undefined };
  if (next) send(work, next, { kind: 'entity', request: onward });
  else answer(work, request, { result: null });
}

function failAll(work: Work, batch: EntityRequest[], message: string): void {
  for (const request of batch) {
    if (request.kind === 'call') {
      answer(work, request, { result: JSON.stringify(message), exceptionType: 'EntityOperationFailed' });
    }
  }
}

async function runBatch(work: Work, batch: EntityRequest[]): Promise<void> {
  if (batch.length === 0) return;
  const { parts, instanceId, entity } = work;
  const self = parseEntityId(instanceId);
  const fn = parts.functions.find('entity', self.name);
  if (!fn) return failAll(work, batch, `there is no entity function named "${self.name}" in the app`);
  const json = JSON.stringify({
    self,
    exists: entity.exists,
    state: entity.state,
    batch: batch.map(({ id, operation, input, kind }) => ({
      id,
      name: operation,
      input,
      signal: kind === 'signal',
    })),
  });
  const done = await runFunction(parts, fn, { json, reason: `entity ${instanceId}`, instanceId });
  if (done.error) return failAll(work, batch, done.error.message);
  const result = done.value as BatchResult;
  entity.exists = result.entityExists;
  entity.state = result.entityExists ? result.entityState : undefined;
  batch.forEach((request, index) => {
    const { isError, result: value } = result.results[index] ?? { isError: false };
    if (request.kind !== 'call') return;
    answer(work, request, { result: value, ...(isError ? { exceptionType: 'EntityOperationFailed' } : {}) });
  });
  for (const signal of result.signals) {
    const request: EntityRequest = {
      kind: 'signal',
      id: parts.clock.newId(),
      operation: signal.name,
      input: signal.input || undefined,
    };
    send(work, entityInstanceId(signal.target), { kind: 'entity', request });
  }
}

function mayRun(entity: EntityState, request: EntityRequest): boolean {
  if (entity.lockedBy === undefined) return true;
  return request.kind === 'call' && request.from?.instanceId === entity.lockedBy;
}

/** True for a lock that the sender of this release has asked for and not got yet. */
function isLockOf(other: EntityRequest, release: EntityRequest): boolean {
  return other.kind === 'lock' && other.from?.executionId === release.from?.executionId;
}

/** Carries out requests in their order; what must wait for a lock stays in the entity's queue. */
async function drain(work: Work, requests: EntityRequest[]): Promise<void> {
  const { entity } = work;
  let waiting: EntityRequest[] = [];
  let batch: EntityRequest[] = [];
  const flush = async () => {
    const due = batch;
    batch = [];
    await runBatch(work, due);
  };
  for (const request of requests) {
    if (request.kind === 'release') {
      await flush();
      if (request.from?.instanceId === entity.lockedBy) entity.lockedBy = undefined;
      waiting = waiting.filter((other) => !isLockOf(other, request));
    } else if (!mayRun(entity, request)) waiting.push(request);
    else if (request.kind === 'lock') {
      await flush();
      lock(work, request);
    } else {
      batch.push(request);
      if (batch.length >= work.parts.config.maxEntityOperationBatchSize) await flush();
    }
  }
  await flush();
  entity.queue = waiting;
  if (waiting.length > 0 && entity.lockedBy === undefined) await drain(work, waiting);
}

function newEntity(instanceId: string, now: string): Instance {
  return {
    instanceId,
    name: `@${parseEntityId(instanceId).name}`,
    executionId: '',
    generation: 0,
    status: 'Running',
    createdAt: now,
    updatedAt: now,
    rows: 0,
    recent: [],
  };
}

/**
 * Runs the requests of some messages on an entity and stores state and answers in one transaction.
 * @throws ConflictError, TransientError: nothing was changed
 */
export async function runEntity(
  parts: HubParts,
  loaded: Loaded | undefined,
  messages: ControlMessage[],
): Promise<Loaded> {
  const now = new Date(parts.clock.now()).toISOString();
  const instanceId = messages[0]?.to ?? '';
  const instance = loaded ? structuredClone(loaded.instance) : newEntity(instanceId, now);
  const entity = entityStateOf(instance);
  const fresh: EntityRequest[] = [];
  for (const { id, body } of messages) {
    if (body.kind === 'entity' && remember(instance.recent, id)) fresh.push(body.request);
  }
  if (fresh.length === 0 && instance.etag) return { instance, history: [] };
  const work: Work = { parts, instanceId, entity, outgoing: { control: [], work: [] } };
  entity.heard ??= { lastMs: {}, latestMs: 0, early: [] };
  await drain(work, [...entity.queue, ...inOrder(entity.heard, fresh)]);
  instance.extra = JSON.stringify(entity);
  instance.updatedAt = now;
  await parts.flush(await parts.store.commit({ instance, outgoing: work.outgoing }));
  return { instance, history: [] };
}
