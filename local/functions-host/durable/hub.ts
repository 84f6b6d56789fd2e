import type { FunctionDefinition } from '../functions.js';
import type { PathHandler } from '../http/server.js';
import type { NamedData } from '../protocol.js';
import { connectionString, type Settings } from '../settings.js';
import { type ActivityRunner, createActivityRunner } from './activities.js';
import { createDurableClient } from './client.js';
import { createDurableApi } from './http-api.js';
import { createLargeTexts } from './large-texts.js';
import { type Balancer, createBalancer } from './leases.js';
import { clientBinding, type HubAddress } from './links.js';
import { createOutboxKeeper } from './outbox.js';
import { createGate, type PartitionRunner, startPartition } from './partition.js';
import { CATEGORY, type DurableKind, type HubParts } from './parts.js';
import { createJsonQueue } from './queues.js';
import { createSender } from './sender.js';
import { createInstanceStore } from './store.js';
import type { ControlMessage, WorkItem } from './types.js';

/** Wait before storage that did not answer is tried again, in ms. */
const STORAGE_RETRY_MS = 1_000;

/** Binding types that give a function the durable client. */
const CLIENT_TYPES = ['durableclient', 'orchestrationclient'];

export type HubOptions = Pick<HubParts, 'config' | 'clock' | 'log' | 'invoker'> & {
  settings: Settings;
  /** Address of this host. */
  origin: string;
};

/** The task hub of a host: runs its durable functions. */
export interface DurableHub {
  /**
   * Adds a function.
   * @throws HostError `setting-missing` when the storage connection is not set
   */
  add(kind: DurableKind, fn: FunctionDefinition): void;
  /**
   * Opens the hub, also for an app that only calls it.
   * @throws HostError `setting-missing` when the storage connection is not set
   */
  need(): void;
  /** Data of a function's durable client bindings. */
  inputs(fn: FunctionDefinition): NamedData[];
  /** Begins when the app has durable functions or clients. */
  start(): void;
  stop(cut: AbortSignal): Promise<void>;
  /** The management API. */
  readonly handler: PathHandler;
}

/** Spreads instances over partitions (FNV-1a). */
export function partitionOf(instanceId: string, partitionCount: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(instanceId)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % partitionCount;
}

interface Running {
  parts: HubParts;
  partitions: Map<number, PartitionRunner>;
  activities: ActivityRunner;
  balancer: Balancer;
  outbox: ReturnType<typeof createOutboxKeeper>;
}

type Registered = Map<string, FunctionDefinition>;

const registryKey = (kind: DurableKind, name: string) => `${kind}/${name.toLowerCase()}`;

function openStorage(options: HubOptions, hubName: string) {
  const { clock, config, settings } = options;
  const storage = connectionString(settings, config.connectionName);
  const newId = () => clock.newId().replaceAll('-', '');
  const texts = createLargeTexts(storage, hubName, newId);
  const lower = hubName.toLowerCase();
  return {
    storage,
    texts,
    store: createInstanceStore({ storage, hubName, texts, newId }),
    work: createJsonQueue<WorkItem>({
      storage,
      texts,
      name: `${lower}-workitems`,
      visibilityMs: config.workItemVisibilityMs,
    }),
    control: Array.from({ length: config.partitionCount }, (_, index) =>
      createJsonQueue<ControlMessage>({
        storage,
        texts,
        name: `${lower}-control-${String(index).padStart(2, '0')}`,
        visibilityMs: config.controlVisibilityMs,
      }),
    ),
  };
}

function makeParts(
  options: HubOptions,
  functions: Registered,
  storage: ReturnType<typeof openStorage>,
  wake: { control(index: number, atMs: number | undefined): void; work(): void },
): HubParts {
  const { clock, config, log, invoker } = options;
  const { store, work, control } = storage;
  const partition = (instanceId: string) => partitionOf(instanceId, config.partitionCount);
  const sendControl = async (message: ControlMessage) => {
    const index = partition(message.to);
    const hiddenMs = await control[index]?.send(
      message.to,
      message,
      (message.notBeforeMs ?? 0) - clock.now(),
    );
    wake.control(index, hiddenMs ? clock.now() + hiddenMs : undefined);
  };
  const { sending, flush } = createSender({ store, work, sendControl, wakeWork: wake.work });
  return {
    config,
    clock,
    log,
    invoker,
    functions: { find: (kind, name) => functions.get(registryKey(kind, name)) },
    store,
    work,
    control,
    partitionOf: partition,
    sendControl,
    sending,
    flush,
    warn: (where, error) =>
      log.write('warning', CATEGORY, `${where}: ${error instanceof Error ? error.message : String(error)}`),
  };
}

function assemble(options: HubOptions, functions: Registered, hubName: string) {
  const storage = openStorage(options, hubName);
  const partitions = new Map<number, PartitionRunner>();
  const { config, clock } = options;
  let activities: ActivityRunner | undefined;
  const parts = makeParts(options, functions, storage, {
    control: (index, atMs) => partitions.get(index)?.wake(atMs),
    work: () => activities?.wake(),
  });
  activities = createActivityRunner(parts);
  const gates = {
    orchestrators: createGate(config.maxConcurrentOrchestratorFunctions),
    entities: createGate(config.maxConcurrentEntityFunctions),
  };
  const outbox = createOutboxKeeper(parts, (index) => partitions.has(index));
  const balancer = createBalancer({
    storage: storage.storage,
    hubName,
    partitionCount: config.partitionCount,
    leaseMs: config.leaseMs,
    renewMs: config.renewMs,
    clock,
    onError: (error) => parts.warn('partition leases', error),
    async onAcquired(index) {
      partitions.set(index, startPartition(parts, gates, index));
      outbox.look();
    },
    async onLost(index) {
      const runner = partitions.get(index);
      partitions.delete(index);
      await runner?.stop();
    },
  });
  const prepare = async () => {
    const { texts, store, work, control } = storage;
    await Promise.all([texts.prepare(), store.prepare(), work.prepare(), balancer.prepare()]);
    await Promise.all(control.map((queue) => queue.prepare()));
  };
  const running: Running = { parts, partitions, activities, balancer, outbox };
  return { running, prepare };
}

class Hub implements DurableHub {
  readonly options: HubOptions;
  readonly functions: Registered = new Map();
  readonly stopping = new AbortController();
  readonly handler: PathHandler;
  assembled?: ReturnType<typeof assemble>;
  started: Promise<void> = Promise.resolve();

  constructor(options: HubOptions) {
    this.options = options;
    this.handler = async (path, call) => {
      if (!this.assembled) return false;
      await this.started;
      return this.api(this.assembled.running.parts)(path, call);
    };
  }

  api(parts: HubParts): PathHandler {
    return createDurableApi({
      client: createDurableClient(parts),
      address: () => this.address(),
      now: () => parts.clock.now(),
      sleep: (ms) => parts.clock.sleep(ms, this.stopping.signal),
    });
  }

  address(): HubAddress {
    const { config, origin, settings } = this.options;
    return { origin, hubName: settings.resolve(config.hubName), connectionName: config.connectionName };
  }

  need(): void {
    this.assembled ??= assemble(this.options, this.functions, this.address().hubName);
  }

  add(kind: DurableKind, fn: FunctionDefinition): void {
    this.need();
    this.functions.set(registryKey(kind, fn.name), fn);
  }

  inputs(fn: FunctionDefinition): NamedData[] {
    return fn.inputs
      .filter(({ type }) => CLIENT_TYPES.includes(type))
      .map(({ name }) => ({ name, data: { json: JSON.stringify(clientBinding(this.address())) } }));
  }

  start(): void {
    if (this.assembled) this.started = this.open(this.assembled);
  }

  async open({ running, prepare }: ReturnType<typeof assemble>): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        await prepare();
        break;
      } catch (error) {
        running.parts.warn('storage', error);
        await running.parts.clock.sleep(STORAGE_RETRY_MS, this.stopping.signal);
      }
    }
    // An app that only calls the hub takes no part in its work: it has none of the functions.
    if (this.stopping.signal.aborted || this.functions.size === 0) return;
    running.balancer.start();
    running.activities.start();
    running.outbox.start();
  }

  async stop(cut: AbortSignal): Promise<void> {
    this.stopping.abort();
    await this.started;
    const running = this.assembled?.running;
    if (!running) return;
    await running.outbox.stop();
    await Promise.all([running.activities.stop(cut), running.balancer.stop()]);
  }
}

/** Makes the hub of one host. */
export function createDurableHub(options: HubOptions): DurableHub {
  return new Hub(options);
}
