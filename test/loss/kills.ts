import { BlobServiceClient } from '@azure/storage-blob';
import type { Stack } from '../helpers/stack.js';

/** What the checkpoints said at a kill: first sequence number not yet checkpointed, by partition. */
export interface Kill {
  readonly what: 'worker' | 'host' | 'stop';
  readonly duringFlush: boolean;
  readonly nextByPartition: ReadonlyMap<number, number>;
}

const checkpointContainer = 'azure-webjobs-eventhub';

/** Reads every partition's checkpoint as the trigger's extension keeps it. */
export async function readCheckpoints(connectionString: string): Promise<Map<number, number>> {
  const container =
    BlobServiceClient.fromConnectionString(connectionString).getContainerClient(checkpointContainer);
  const next = new Map<number, number>();
  if (!(await container.exists())) {
    return next;
  }
  for await (const blob of container.listBlobsFlat({ includeMetadata: true })) {
    const partition = /\/checkpoint\/(\d+)$/.exec(blob.name)?.[1];
    const sequence = blob.metadata?.sequencenumber ?? blob.metadata?.sequenceNumber;
    if (partition !== undefined && sequence !== undefined) {
      next.set(Number(partition), Number(sequence) + 1);
    }
  }
  return next;
}

interface HostStatus {
  readonly state: string;
  readonly workers?: readonly { readonly pid: number }[];
}

export async function hostStatus(stack: Stack, index = 0): Promise<HostStatus> {
  const host = stack.hosts[index];
  return (await (await fetch(new URL('/admin/host/status', host?.ready.url))).json()) as HostStatus;
}

/** Kills the worker of a host with SIGKILL, by its process id. */
export async function killWorker(stack: Stack, index = 0): Promise<void> {
  const pid = (await hostStatus(stack, index)).workers?.[0]?.pid;
  if (pid !== undefined) {
    process.kill(pid, 'SIGKILL');
  }
}

/** Kills a host and its worker with SIGKILL and starts another one in its place. */
export async function replaceHost(stack: Stack, index = 0): Promise<void> {
  const worker = (await hostStatus(stack, index)).workers?.[0]?.pid;
  const host = stack.hosts[index];
  host?.child.process.kill('SIGKILL');
  await host?.child.exited;
  if (worker !== undefined) {
    try {
      process.kill(worker, 'SIGKILL');
    } catch {
      // It ended with its host.
    }
  }
  stack.hosts.splice(index, 1);
  await stack.startHost();
}
