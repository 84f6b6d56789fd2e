import {
  type BlobLeaseClient,
  BlobServiceClient,
  type ContainerClient,
  RestError,
} from '@azure/storage-blob';
import type { HostClock } from '../clock.js';

/** Container in which hosts keep locks and timer states. */
const CONTAINER = 'azure-webjobs-hosts';
/** Length of the lock, in s: the shortest a blob lease can be, so that a killed host is replaced soon. */
const LEASE_SECONDS = 15;
/** Time between two renewals, in ms. */
const RENEW_MS = 5_000;
/** Time between two tries to get a lock that another host holds, in ms. */
const RETRY_MS = 3_000;

/** What is known of a timer's runs; times in ms since the epoch. */
export interface TimerStatus {
  lastMs: number | undefined;
  nextMs: number;
  updatedMs: number;
}

/** The state of one timer function, shared by the hosts of one app. */
export interface TimerState {
  /**
   * Tries until `stopping` to be the one host that runs the timer.
   * @param onHeld called each time the lock was obtained
   */
  keepLock(stopping: AbortSignal, onHeld: () => void): Promise<void>;
  /** Whether this host may run the timer now. */
  held(): boolean;
  readStatus(): Promise<TimerStatus | undefined>;
  writeStatus(status: TimerStatus): Promise<void>;
}

/** State of a host without storage: it is alone, and forgets when it ends. */
export function createMemoryTimerState(): TimerState {
  let status: TimerStatus | undefined;
  return {
    async keepLock(_stopping, onHeld) {
      onHeld();
    },
    held: () => true,
    readStatus: async () => status,
    async writeStatus(next) {
      status = next;
    },
  };
}

export interface TimerStateOptions {
  storage: string;
  /** Identity shared by the hosts of one app. */
  hostId: string;
  functionName: string;
  clock: HostClock;
  onError(error: unknown): void;
}

function isConflict(error: unknown): boolean {
  return error instanceof RestError && (error.statusCode === 409 || error.statusCode === 412);
}

function toTime(text: unknown): number | undefined {
  const ms = Date.parse(String(text));
  return Number.isNaN(ms) || ms < 0 ? undefined : ms;
}

async function readJson(
  container: ContainerClient,
  name: string,
): Promise<Record<string, unknown> | undefined> {
  try {
    const bytes = await container.getBlobClient(name).downloadToBuffer();
    return JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof RestError && error.statusCode === 404) return undefined;
    throw error;
  }
}

/** Obtains the lease; undefined when another host has it. */
async function acquire(container: ContainerClient, name: string): Promise<BlobLeaseClient | undefined> {
  await container.createIfNotExists();
  const blob = container.getBlockBlobClient(name);
  try {
    await blob.upload('', 0, { conditions: { ifNoneMatch: '*' } }).catch((error: unknown) => {
      if (!isConflict(error)) throw error;
    });
    const lease = blob.getBlobLeaseClient();
    await lease.acquireLease(LEASE_SECONDS);
    return lease;
  } catch (error) {
    if (isConflict(error)) return undefined;
    throw error;
  }
}

/** State in AzureWebJobsStorage: a leased blob as lock, and the schedule monitor's status as the timer extension keeps it. */
export function createBlobTimerState(options: TimerStateOptions): TimerState {
  const { storage, hostId, functionName, clock } = options;
  const container = BlobServiceClient.fromConnectionString(storage).getContainerClient(CONTAINER);
  const lockName = `locks/${hostId}/Host.Functions.${functionName}.Listener`;
  const statusName = `timers/${hostId}/Host.Functions.${functionName}/status`;
  let held = false;
  const holdOnce = async (stopping: AbortSignal, onHeld: () => void): Promise<void> => {
    const lease = await acquire(container, lockName);
    if (!lease) return;
    held = true;
    onHeld();
    while (!stopping.aborted) {
      await clock.sleep(RENEW_MS, stopping);
      if (!stopping.aborted) await lease.renewLease();
    }
    await lease.releaseLease();
  };
  return {
    async keepLock(stopping, onHeld) {
      while (!stopping.aborted) {
        await holdOnce(stopping, onHeld).catch(options.onError);
        held = false;
        await clock.sleep(RETRY_MS, stopping);
      }
    },
    held: () => held,
    async readStatus() {
      const found = await readJson(container, statusName);
      const nextMs = toTime(found?.['Next']);
      if (!found || nextMs === undefined) return undefined;
      return { lastMs: toTime(found['Last']), nextMs, updatedMs: toTime(found['LastUpdated']) ?? 0 };
    },
    async writeStatus({ lastMs, nextMs, updatedMs }) {
      const iso = (ms: number | undefined) =>
        ms === undefined ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString();
      const text = JSON.stringify({ Last: iso(lastMs), Next: iso(nextMs), LastUpdated: iso(updatedMs) });
      await container.getBlockBlobClient(statusName).upload(text, Buffer.byteLength(text));
    },
  };
}
