import type { HostClock } from '../../clock.js';
import type { PartitionStore } from './blob-store.js';
import { planBalance } from './ownership.js';

/** Wait between two rounds while partitions are still being taken over, in ms. */
const NEXT_CLAIM_MS = 20;

/** An owned partition that is being read. */
export interface OpenPartition {
  close(reason: 'lost' | 'stopping', cut?: AbortSignal): Promise<void>;
}

export interface BalancerOptions {
  /** Identity of this host among the owners. */
  me: string;
  store: PartitionStore;
  listPartitions(): Promise<string[]>;
  /** Begins to read; calls `onLost` when the broker gave the partition to another reader. */
  open(partitionId: string, onLost: () => void): Promise<OpenPartition>;
  /** Time between two rounds, in ms. */
  intervalMs: number;
  /** Ownership not renewed for this long is free, in ms. */
  expirationMs: number;
  clock: HostClock;
  onError(error: unknown): void;
  onChange(message: string): void;
}

/** Shares the partitions of one consumer group among hosts. */
export interface Balancer {
  start(): void;
  /** Closes every partition and gives its ownership up, so that others can take over at once. */
  stop(cut: AbortSignal): Promise<void>;
}

interface State {
  readonly options: BalancerOptions;
  readonly open: Map<string, OpenPartition>;
  /** Partitions whose last batch is still running after they were lost. */
  readonly closing: Set<string>;
  readonly stopping: AbortController;
}

async function lose(state: State, partitionId: string): Promise<void> {
  const partition = state.open.get(partitionId);
  if (!partition) return;
  state.open.delete(partitionId);
  state.closing.add(partitionId);
  state.options.onChange(`lost partition ${partitionId}`);
  await partition.close('lost').catch(state.options.onError);
  state.closing.delete(partitionId);
}

async function openPartition(state: State, partitionId: string): Promise<void> {
  const { options } = state;
  if (state.stopping.signal.aborted) return;
  const partition = await options.open(partitionId, () => void lose(state, partitionId));
  state.open.set(partitionId, partition);
  options.onChange(`reads partition ${partitionId}`);
}

/** Renews, claims and opens; returns whether a partition was newly claimed. */
async function round(state: State): Promise<boolean> {
  const { options } = state;
  const { me, store, clock } = options;
  const partitionIds = await options.listPartitions();
  const ownerships = await store.listOwnerships();
  const byPartition = new Map(ownerships.map((one) => [one.partitionId, one]));
  for (const partitionId of state.open.keys()) {
    // Not awaited: the last batch may run for long, and the other partitions must be renewed meanwhile.
    if (byPartition.get(partitionId)?.ownerId !== me) void lose(state, partitionId);
  }
  const plan = planBalance({
    me,
    partitionIds,
    ownerships,
    nowMs: clock.now(),
    expirationMs: options.expirationMs,
    random: clock.random(),
  });
  const take = async (partitionId: string): Promise<boolean> => {
    if (state.closing.has(partitionId) || state.stopping.signal.aborted) return false;
    const owned = await store.claim(partitionId, me, byPartition.get(partitionId)?.etag);
    if (!owned) void lose(state, partitionId);
    else if (!state.open.has(partitionId)) await openPartition(state, partitionId);
    return owned !== undefined;
  };
  await Promise.all(plan.renew.map(take));
  const claimed = await Promise.all(plan.claim.map(take));
  return claimed.includes(true);
}

async function run(state: State): Promise<void> {
  const { options } = state;
  while (!state.stopping.signal.aborted) {
    let claimed = false;
    try {
      claimed = await round(state);
    } catch (error) {
      options.onError(error);
    }
    await options.clock.sleep(claimed ? NEXT_CLAIM_MS : options.intervalMs, state.stopping.signal);
  }
}

async function giveUp(state: State): Promise<void> {
  const { store, me } = state.options;
  const mine = (await store.listOwnerships()).filter(({ ownerId }) => ownerId === me);
  await Promise.all(mine.map(({ partitionId, etag }) => store.claim(partitionId, '', etag)));
}

/** Makes a balancer; nothing happens before `start`. */
export function createBalancer(options: BalancerOptions): Balancer {
  const state: State = { options, open: new Map(), closing: new Set(), stopping: new AbortController() };
  let running: Promise<void> = Promise.resolve();
  return {
    start() {
      running = run(state);
    },
    async stop(cut) {
      state.stopping.abort();
      const close = () => Promise.all([...state.open.values()].map((one) => one.close('stopping', cut)));
      await close();
      await running;
      // A round that was under way may have opened one more partition.
      await close();
      await giveUp(state).catch(options.onError);
    },
  };
}
