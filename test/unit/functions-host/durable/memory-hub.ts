import type { EntityHandler, OrchestrationHandler } from 'durable-functions';
import { createDurableClient, type DurableClient } from '../../../../local/functions-host/durable/client.js';
import { type DurableConfig, readDurableConfig } from '../../../../local/functions-host/durable/config.js';
import { runEntity } from '../../../../local/functions-host/durable/entities.js';
import { makeEvent } from '../../../../local/functions-host/durable/episode.js';
import type { Instance } from '../../../../local/functions-host/durable/instance.js';
import { runOrchestration } from '../../../../local/functions-host/durable/orchestrations.js';
import type { HubParts } from '../../../../local/functions-host/durable/parts.js';
import type { Change, InstanceStore, OutboxRow } from '../../../../local/functions-host/durable/store.js';
import { ConflictError } from '../../../../local/functions-host/durable/store.js';
import {
  type ControlMessage,
  EventType,
  type HistoryEvent,
  type WorkItem,
} from '../../../../local/functions-host/durable/types.js';
import { callEntity, callOrchestrator } from '../../../helpers/orchestrator-runner.js';

/** Steps after which a hub that does not come to rest is called stuck. */
const MAX_STEPS = 50_000;

export interface MemoryApp {
  orchestrators: Record<string, OrchestrationHandler>;
  /** Activities; what they throw is their failure. */
  activities?: Record<string, (input: never) => unknown>;
  /** Entities, by names in lower case. */
  entities?: Record<string, EntityHandler<unknown>>;
}

export interface MemoryOptions {
  seed?: number;
  /** How likely a crash is at each point where one is possible. */
  crashes?: number;
  /** `extensions.durableTask` of host.json. */
  durableTask?: Record<string, unknown>;
}

/** A task hub in memory: the real backend over stores and queues that lose and repeat whatever a crash can. */
export interface MemoryHub {
  readonly client: DurableClient;
  readonly instances: ReadonlyMap<string, Instance>;
  /** Every history row ever written, by instance, the removed ones too. */
  rows(instanceId: string): HistoryEvent[];
  history(instanceId: string): HistoryEvent[];
  /** One random step; false when nothing is left to do. */
  step(): Promise<boolean>;
  /** Steps until nothing is left to do. */
  settle(): Promise<void>;
  output(instanceId: string): unknown;
}

class Crash extends Error {}

/** Mulberry32: a small generator of chance that can be seeded. */
function chance(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

class Hub implements MemoryHub {
  readonly app: MemoryApp;
  readonly random: () => number;
  readonly crashes: number;
  readonly config: DurableConfig;
  readonly instances = new Map<string, Instance>();
  readonly histories = new Map<string, Map<string, string>>();
  readonly written = new Map<string, HistoryEvent[]>();
  readonly outbox = new Map<string, OutboxRow>();
  control: ControlMessage[] = [];
  work: WorkItem[] = [];
  nowMs = Date.UTC(2026, 0, 1);
  etags = 0;
  working = false;
  readonly parts: HubParts;
  readonly client: DurableClient;

  constructor(app: MemoryApp, options: MemoryOptions) {
    this.app = app;
    this.random = chance(options.seed ?? 1);
    this.crashes = options.crashes ?? 0;
    this.config = readDurableConfig(options.durableTask ?? {});
    this.parts = this.makeParts();
    this.client = createDurableClient(this.parts);
  }

  newId(): string {
    return Array.from({ length: 32 }, () => Math.floor(this.random() * 16).toString(16)).join('');
  }

  /** Calls of the client do not crash, only the work of the hub. */
  crashesNow(): boolean {
    return this.working && this.random() < this.crashes;
  }

  makeStore(): InstanceStore {
    const rowsOf = (id: string) => this.histories.get(id) ?? new Map<string, string>();
    const prefix = ({ generation }: Instance) => `${String(generation).padStart(8, '0')}:`;
    const load = async (id: string) => structuredClone(this.instances.get(id));
    const history = async (instance: Instance) =>
      [...rowsOf(instance.instanceId)]
        .filter(([key]) => key.startsWith(prefix(instance)))
        .flatMap(([, text]) => JSON.parse(text) as HistoryEvent[]);
    const store: Partial<InstanceStore> = {
      load,
      history,
      commit: async (change) => this.commit(change, prefix(change.instance)),
      sent: async (row) => void this.outbox.delete(row.rowKey),
      async dropEarlier(instance) {
        const rows = rowsOf(instance.instanceId);
        for (const key of rows.keys()) if (key < prefix(instance)) rows.delete(key);
      },
    };
    return store as InstanceStore;
  }

  commit({ instance, events = [], outgoing }: Change, prefix: string): OutboxRow | undefined {
    const { instanceId } = instance;
    if (this.instances.get(instanceId)?.etag !== instance.etag) throw new ConflictError('changed');
    this.etags += 1;
    if (events.length > 0) {
      const rows = this.histories.get(instanceId) ?? new Map<string, string>();
      this.histories.set(instanceId, rows);
      rows.set(`${prefix}${String(instance.rows).padStart(8, '0')}`, JSON.stringify(events));
      instance.rows += 1;
      this.written.set(instanceId, [...(this.written.get(instanceId) ?? []), ...events]);
    }
    instance.etag = String(this.etags);
    this.instances.set(instanceId, structuredClone(instance));
    if (!outgoing || outgoing.control.length + outgoing.work.length === 0) return undefined;
    const row = { rowKey: this.newId(), instanceId, outgoing: structuredClone(outgoing) };
    this.outbox.set(row.rowKey, row);
    return row;
  }

  async flush(row: OutboxRow | undefined): Promise<void> {
    if (!row) return;
    if (this.crashesNow()) throw new Crash('before sending');
    this.control.push(...structuredClone(row.outgoing.control));
    this.work.push(...structuredClone(row.outgoing.work));
    if (this.crashesNow()) throw new Crash('before the outbox is cleared');
    this.outbox.delete(row.rowKey);
  }

  makeParts(): HubParts {
    const parts = {
      config: this.config,
      clock: { now: () => this.nowMs, newId: () => this.newId(), sleep: async () => undefined },
      log: { write: () => undefined },
      invoker: {
        invoke: async (fn: { kind: string; name: string }, data: { input: { json: string } }) =>
          this.invoke(fn, JSON.parse(data.input.json)),
      },
      functions: { find: (kind: string, name: string) => ({ kind, name }) },
      store: this.makeStore(),
      sending: new Set<string>(),
      sendControl: async (message: ControlMessage) => void this.control.push(structuredClone(message)),
      flush: (row: OutboxRow | undefined) => this.flush(row),
      warn: () => undefined,
    };
    return parts as unknown as HubParts;
  }

  async invoke({ kind, name }: { kind: string; name: string }, trigger: unknown) {
    const orchestrator = this.app.orchestrators[name];
    const entity = kind === 'entity' ? this.app.entities?.[name] : undefined;
    try {
      let value: unknown;
      if (entity) value = await callEntity(entity, trigger);
      else if (orchestrator) value = await callOrchestrator(orchestrator, trigger);
      else throw new Error(`there is no ${kind} ${name}`);
      return { ok: true, returnValue: { json: JSON.stringify(value) } };
    } catch (error) {
      return { ok: false, reason: 'failed', error: { message: (error as Error).message } };
    }
  }

  /** A random part of what there is for one instance, in any order. */
  async runEpisode(due: ControlMessage[]): Promise<void> {
    const { to } = due[Math.floor(this.random() * due.length)] as ControlMessage;
    const mine = due.filter((message) => message.to === to).sort(() => this.random() - 0.5);
    const taken = mine.slice(0, 1 + Math.floor(this.random() * mine.length));
    const stored = await this.parts.store.load(to);
    const loaded = stored && { instance: stored, history: await this.parts.store.history(stored) };
    try {
      await (to.startsWith('@') ? runEntity : runOrchestration)(this.parts, loaded, structuredClone(taken));
      if (this.crashesNow()) throw new Crash('before the messages are removed');
      this.control = this.control.filter((message) => !taken.includes(message));
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
  }

  runActivity(): void {
    const item = this.work[Math.floor(this.random() * this.work.length)] as WorkItem;
    const activity = this.app.activities?.[item.name] as ((input: unknown) => unknown) | undefined;
    let outcome: Partial<HistoryEvent> & { EventType: number };
    try {
      const value = activity?.(JSON.parse(item.input ?? 'null'));
      outcome = { EventType: EventType.TaskCompleted, Result: JSON.stringify(value ?? null) };
    } catch (error) {
      const Reason = (error as Error).message;
      outcome = { EventType: EventType.TaskFailed, Reason, Details: Reason };
    }
    const event = makeEvent(this.nowMs, outcome.EventType, { ...outcome, TaskScheduledId: item.taskId });
    const { id, instanceId: to, executionId } = item;
    this.control.push({ id, to, body: { kind: 'event', event, executionId } });
    if (!this.crashesNow()) this.work = this.work.filter((other) => other !== item);
  }

  async step(): Promise<boolean> {
    const due = this.control.filter(({ notBeforeMs = 0 }) => notBeforeMs <= this.nowMs);
    const choices = [
      ...(due.length > 0 ? [() => this.runEpisode(due)] : []),
      ...(this.work.length > 0 ? [() => this.runActivity()] : []),
      ...[...this.outbox.values()]
        .slice(0, 1)
        .map((row) => () => this.flush(row).catch((error) => this.ignore(error))),
    ];
    if (choices.length > 0) {
      this.working = true;
      await choices[Math.floor(this.random() * choices.length)]?.();
      this.working = false;
      return true;
    }
    const next = Math.min(...this.control.map(({ notBeforeMs = 0 }) => notBeforeMs));
    if (!Number.isFinite(next)) return false;
    this.nowMs = next;
    return true;
  }

  ignore(error: unknown): void {
    if (!(error instanceof Crash)) throw error;
  }

  async settle(): Promise<void> {
    for (let steps = 0; await this.step(); steps += 1) if (steps > MAX_STEPS) throw new Error('stuck');
  }

  rows(instanceId: string): HistoryEvent[] {
    return this.written.get(instanceId) ?? [];
  }

  history(instanceId: string): HistoryEvent[] {
    return [...(this.histories.get(instanceId)?.values() ?? [])].flatMap(
      (text) => JSON.parse(text) as HistoryEvent[],
    );
  }

  output(instanceId: string): unknown {
    const instance = this.instances.get(instanceId);
    if (instance?.status !== 'Completed') {
      throw new Error(`${instanceId} is ${instance?.status}: ${instance?.output}`);
    }
    return JSON.parse(instance.output ?? 'null');
  }
}

/** Makes a hub. */
export function createMemoryHub(app: MemoryApp, options: MemoryOptions = {}): MemoryHub {
  return new Hub(app, options);
}
