import { hostname } from 'node:os';
import { type BlobLeaseClient, BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import type { HostClock } from '../clock.js';
import { hasStatus } from './large-texts.js';

/** Time between two rounds of renewing and balancing, in ms. */
const ROUND_MS = 1_000;

/** A host that shares the hub. */
export interface HubHost {
  id: string;
  machine: string;
  pid: number;
  seenMs: number;
}

/** Hosts that live: seen lately, and not known to have ended on this machine. Sorted by id. */
export function livingHosts(
  hosts: readonly HubHost[],
  now: { ms: number; expiryMs: number; runsHere(host: HubHost): boolean },
): HubHost[] {
  return hosts
    .filter((host) => now.ms - host.seenMs < now.expiryMs && now.runsHere(host))
    .sort((left, right) => (left.id < right.id ? -1 : 1));
}

/** Partitions a host should hold: every host gets the same number, give or take one. */
export function fairShare(hosts: readonly string[], self: string, partitionCount: number): number[] {
  const place = hosts.indexOf(self);
  return Array.from({ length: partitionCount }, (_, index) => index).filter(
    (index) => hosts.length > 0 && index % hosts.length === place,
  );
}

/** True unless the host is a process of this machine that has ended. */
function mayRun(host: { machine: string; pid: number }): boolean {
  if (host.machine !== hostname()) return true;
  try {
    process.kill(host.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export interface BalancerOptions {
  storage: string;
  hubName: string;
  partitionCount: number;
  leaseMs: number;
  renewMs: number;
  clock: HostClock;
  onAcquired(index: number): Promise<void>;
  /** Must not resolve before the work on the partition has ended. */
  onLost(index: number): Promise<void>;
  onError(error: unknown): void;
}

/** Holds this host's share of the partitions. */
export interface Balancer {
  prepare(): Promise<void>;
  start(): void;
  /** Gives every partition up. */
  stop(): Promise<void>;
}

class LeaseBalancer {
  readonly options: BalancerOptions;
  readonly container: ContainerClient;
  readonly self: string;
  readonly held = new Map<number, BlobLeaseClient>();
  readonly stopping = new AbortController();
  renewedMs = 0;

  constructor(options: BalancerOptions) {
    this.options = options;
    this.self = options.clock.newId();
    this.container = BlobServiceClient.fromConnectionString(options.storage).getContainerClient(
      `${options.hubName.toLowerCase()}-leases`,
    );
  }

  leaseBlob(index: number) {
    return this.container.getBlockBlobClient(`default/control-${String(index).padStart(2, '0')}`);
  }

  me() {
    return { machine: hostname(), pid: String(process.pid) };
  }

  async prepare(): Promise<void> {
    await this.container.createIfNotExists();
    for (let index = 0; index < this.options.partitionCount; index += 1) {
      try {
        await this.leaseBlob(index).upload('', 0, { conditions: { ifNoneMatch: '*' } });
      } catch (error) {
        if (!hasStatus(error, 409, 412)) throw error;
      }
    }
  }

  async hosts(): Promise<string[]> {
    await this.container.getBlockBlobClient(`hosts/${this.self}`).upload('', 0, { metadata: this.me() });
    const found: HubHost[] = [];
    for await (const blob of this.container.listBlobsFlat({ prefix: 'hosts/', includeMetadata: true })) {
      found.push({
        id: blob.name.slice('hosts/'.length),
        machine: blob.metadata?.['machine'] ?? '',
        pid: Number(blob.metadata?.['pid']),
        seenMs: blob.properties.lastModified.getTime(),
      });
    }
    const { clock, leaseMs } = this.options;
    const living = livingHosts(found, { ms: clock.now(), expiryMs: leaseMs, runsHere: mayRun });
    const ids = living.map(({ id }) => id);
    for (const { id } of found) {
      if (!ids.includes(id)) await this.container.getBlockBlobClient(`hosts/${id}`).deleteIfExists();
    }
    return ids;
  }

  async acquire(index: number): Promise<void> {
    const blob = this.leaseBlob(index);
    const lease = blob.getBlobLeaseClient(this.options.clock.newId());
    const seconds = Math.round(this.options.leaseMs / 1000);
    try {
      await lease.acquireLease(seconds);
    } catch (error) {
      if (!hasStatus(error, 409, 412)) throw error;
      const { metadata = {} } = await blob.getProperties();
      const owner = { machine: metadata['machine'] ?? '', pid: Number(metadata['pid']) };
      if (owner.machine === '' || mayRun(owner)) return;
      // The owner was a process of this machine and is gone: no need to wait until its lease runs out.
      await lease.breakLease(0);
      await lease.acquireLease(seconds);
    }
    await blob.setMetadata(this.me(), { conditions: { leaseId: lease.leaseId } });
    this.held.set(index, lease);
    await this.options.onAcquired(index);
  }

  async giveUp(index: number): Promise<void> {
    const lease = this.held.get(index);
    this.held.delete(index);
    await this.options.onLost(index);
    await lease?.releaseLease().catch(() => undefined);
  }

  async renew(): Promise<void> {
    const nowMs = this.options.clock.now();
    if (nowMs - this.renewedMs < this.options.renewMs) return;
    this.renewedMs = nowMs;
    for (const [index, lease] of [...this.held]) {
      try {
        await lease.renewLease();
      } catch (error) {
        this.options.onError(error);
        await this.giveUp(index);
      }
    }
  }

  async round(): Promise<void> {
    await this.renew();
    const share = fairShare(await this.hosts(), this.self, this.options.partitionCount);
    for (const index of [...this.held.keys()]) if (!share.includes(index)) await this.giveUp(index);
    for (const index of share) if (!this.held.has(index)) await this.acquire(index);
  }

  async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      await this.round().catch(this.options.onError);
      await this.options.clock.sleep(ROUND_MS, this.stopping.signal);
    }
    await Promise.all([...this.held.keys()].map((index) => this.giveUp(index)));
    await this.container.getBlockBlobClient(`hosts/${this.self}`).deleteIfExists();
  }
}

/** Makes the balancer of one host. */
export function createBalancer(options: BalancerOptions): Balancer {
  const balancer = new LeaseBalancer(options);
  let running: Promise<void> = Promise.resolve();
  return {
    prepare: () => balancer.prepare(),
    start() {
      running = balancer.run().catch(options.onError);
    },
    async stop() {
      balancer.stopping.abort();
      await running;
    },
  };
}
