import { runEntity } from './entities.js';
import { TransientError } from './episode.js';
import { type Loaded, runOrchestration } from './orchestrations.js';
import type { HubParts } from './parts.js';
import { createPump } from './pump.js';
import type { Received } from './queues.js';
import { ConflictError } from './store.js';
import type { ControlMessage } from './types.js';

/** Most messages of one partition held in memory, as `controlQueueBufferThreshold`. */
const MAX_BUFFERED = 256;
/** Most messages given to one episode. */
const MAX_EPISODE_MESSAGES = 200;
/** Most instances kept in memory with their history. */
const MAX_CACHED = 200;
/** Wait before messages are tried again whose episode could not be stored, in ms. */
const RETRY_HIDDEN_MS = 1_000;

type Item = Received<ControlMessage>;

/** Bounds how many functions of one kind run at once. */
export interface Gate {
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** Makes a gate. */
export function createGate(limit: number): Gate {
  let running = 0;
  const waiting: (() => void)[] = [];
  return {
    async run(work) {
      if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
      else running += 1;
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next) next();
        else running -= 1;
      }
    },
  };
}

/** One partition at work: the only reader of its control queue while this host holds its lease. */
export interface PartitionRunner {
  /** Look into the queue now, or at a time. */
  wake(atMs?: number): void;
  /** Takes no more and waits for what runs. */
  stop(): Promise<void>;
}

export interface Gates {
  orchestrators: Gate;
  entities: Gate;
}

class Runner {
  readonly parts: HubParts;
  readonly gates: Gates;
  readonly queue: HubParts['control'][number];
  readonly held = new Map<string, Item>();
  readonly lanes = new Map<string, Item[]>();
  readonly cache = new Map<string, Loaded>();
  readonly running = new Set<Promise<void>>();
  readonly stopping = new AbortController();

  constructor(parts: HubParts, gates: Gates, index: number) {
    this.parts = parts;
    this.gates = gates;
    this.queue = parts.control[index] as HubParts['control'][number];
  }

  receive(items: Item[]): void {
    for (const item of items) {
      const known = this.held.get(item.messageId);
      // It came back because its episode takes long; only its receipt is new.
      if (known) known.receipt = item.receipt;
      else {
        this.held.set(item.messageId, item);
        this.track(this.admit(item));
      }
    }
  }

  track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.parts.warn('control message', error))
      .finally(() => this.running.delete(tracked));
    this.running.add(tracked);
  }

  /** Holds a message until its time, then puts it into its instance's lane. */
  async admit(item: Item): Promise<void> {
    const waitMs = (item.body.notBeforeMs ?? 0) - this.parts.clock.now();
    if (waitMs >= this.parts.config.controlVisibilityMs) {
      return this.giveBack([item], waitMs);
    }
    if (waitMs > 0) await this.parts.clock.sleep(waitMs, this.stopping.signal);
    if (this.stopping.signal.aborted) return this.giveBack([item]);
    const lane = this.lanes.get(item.body.to);
    if (lane) {
      lane.push(item);
      return;
    }
    this.lanes.set(item.body.to, [item]);
    await this.runLane(item.body.to);
  }

  /** Runs episodes of one instance one after the other until its lane is empty. */
  async runLane(instanceId: string): Promise<void> {
    const lane = this.lanes.get(instanceId) ?? [];
    const isEntity = instanceId.startsWith('@');
    const gate = isEntity ? this.gates.entities : this.gates.orchestrators;
    while (lane.length > 0) {
      await gate.run(async () => {
        const items = lane.splice(0, MAX_EPISODE_MESSAGES);
        if (this.stopping.signal.aborted) return this.giveBack(items);
        await this.runEpisode(instanceId, items);
      });
    }
    this.lanes.delete(instanceId);
  }

  async runEpisode(instanceId: string, items: Item[]): Promise<void> {
    const messages = items.map(({ body }) => body);
    const wasCached = this.cache.has(instanceId);
    try {
      const loaded = await this.load(instanceId);
      const run = instanceId.startsWith('@') ? runEntity : runOrchestration;
      const next = await run(this.parts, loaded, messages);
      this.cache.delete(instanceId);
      if (next) this.remember(instanceId, next);
      await Promise.all(items.map((item) => this.queue.complete(item)));
      for (const item of items) this.held.delete(item.messageId);
    } catch (error) {
      this.cache.delete(instanceId);
      // What was remembered is out of date: the id was purged or started anew by a call.
      if (error instanceof ConflictError && wasCached) return this.runEpisode(instanceId, items);
      const expected = error instanceof ConflictError || error instanceof TransientError;
      if (!expected) this.parts.warn(`instance ${instanceId}`, error);
      await this.giveBack(items, RETRY_HIDDEN_MS);
    }
  }

  async load(instanceId: string): Promise<Loaded | undefined> {
    const cached = this.cache.get(instanceId);
    if (cached) return cached;
    const instance = await this.parts.store.load(instanceId);
    return instance && { instance, history: await this.parts.store.history(instance) };
  }

  remember(instanceId: string, loaded: Loaded): void {
    this.cache.set(instanceId, loaded);
    if (this.cache.size <= MAX_CACHED) return;
    for (const oldest of this.cache.keys()) {
      this.cache.delete(oldest);
      return;
    }
  }

  /** Lets go of messages; one that cannot be given back now comes back when its time of being hidden is over. */
  async giveBack(items: Item[], hiddenMs = 0): Promise<void> {
    for (const item of items) {
      await this.queue
        .hide(item, hiddenMs)
        .catch((error: unknown) => this.parts.warn('message given back', error));
      this.held.delete(item.messageId);
    }
  }
}

/** Begins to work on one partition. */
export function startPartition(parts: HubParts, gates: Gates, index: number): PartitionRunner {
  const runner = new Runner(parts, gates, index);
  const pump = createPump<ControlMessage>({
    queue: runner.queue,
    clock: parts.clock,
    maxIdleMs: parts.config.maxQueuePollingMs,
    capacity: () => MAX_BUFFERED - runner.held.size,
    onMessages: (items) => runner.receive(items),
    onError: (error) => parts.warn(`control queue ${index}`, error),
  });
  pump.start();
  return {
    wake: (atMs) => pump.wake(atMs),
    async stop() {
      runner.stopping.abort();
      await pump.stop();
      await Promise.all(runner.running);
    },
  };
}
