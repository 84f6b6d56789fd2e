import { pieceId } from '../../src/ledger/ids.js';
import type { Shipment } from '../../src/ledger/ports.js';
import { createTableLedger } from '../../src/ledger/table-ledger.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { createTableStore } from '../../src/storage/table.azure.js';
import { type Stack, until } from '../helpers/stack.js';
import type { Interruption } from './explain.js';
import { type FaultClient, holds, surelyHeldMs } from './faults.js';
import type { PartitionState } from './positions.js';

export interface Kill extends Interruption {
  readonly what: 'worker' | 'host';
  /** What was proven to be under way. */
  readonly during: 'upload' | 'submit' | undefined;
}

interface HostStatus {
  readonly state: string;
  readonly workers?: readonly { readonly pid: number }[];
}

const ledgerTable = 'KustoLedger';
const restartTimeoutMs = 90_000;
const holdTimeoutMs = 15_000;

async function hostStatus(stack: Stack): Promise<HostStatus> {
  const url = new URL('/admin/host/status', stack.hosts[0]?.ready.url);
  return (await (await fetch(url)).json()) as HostStatus;
}

const workerOf = async (stack: Stack): Promise<number | undefined> =>
  (await hostStatus(stack)).workers?.[0]?.pid;

/** Kills the worker of the first host; its host starts another. */
async function killWorker(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
}

/** Kills the first host and its worker. */
async function killHost(stack: Stack, worker: number): Promise<void> {
  const [host] = stack.hosts.splice(0, 1);
  host?.child.process.kill('SIGKILL');
  await host?.child.exited;
  try {
    process.kill(worker, 'SIGKILL');
  } catch {
    // It ended with its host.
  }
}

export interface KillPlan {
  readonly what: Kill['what'];
  /** What shall be under way. */
  readonly during: 'upload' | 'submit' | undefined;
}

export interface Killer {
  /** Kills as planned, and returns once the app runs again. */
  kill(plan: KillPlan): Promise<Kill>;
}

export interface KillerParts {
  readonly stack: Stack;
  readonly faults: FaultClient;
  readonly read: () => Promise<PartitionState>;
}

export function createKiller(parts: KillerParts): Killer {
  const { stack, faults, read } = parts;
  const ledger = createTableLedger({
    clock: systemClock,
    table: createTableStore({
      clock: systemClock,
      table: ledgerTable,
      storage: { connectionString: stack.azurite.connectionString },
    }),
  });
  const openRows = async (): Promise<Shipment[]> => {
    const rows: Shipment[] = [];
    for await (const row of ledger.open()) {
      rows.push(row);
    }
    return rows;
  };
  let startedMs = 0;
  return {
    kill: async ({ what, during }) => {
      const hold = during === undefined ? undefined : await faults.once(holds[during]);
      const held = hold === undefined ? undefined : await waitUntilHeld(hold.fired);
      const rows = held === undefined ? [] : await openRows();
      const { next: before } = await read();
      const worker = (await workerOf(stack)) as number;
      const isHeld = held !== undefined && Date.now() - held.sinceMs < surelyHeldMs;
      await (what === 'worker' ? killWorker(worker) : killHost(stack, worker));
      const { next: after } = await read();
      const isUploading = isHeld && during === 'upload' && isUpload(held.what, rows);
      const isCalling = (await openRows()).some((row) => isUnderWay(row, startedMs));
      await hold?.remove();
      await restart(stack, what, worker);
      startedMs = Date.now();
      const proven = isUploading ? 'upload' : isCalling ? 'submit' : undefined;
      return { what, during: proven, cause: `${what}Kill`, before, after };
    },
  };
}

/** What is held, and a time at which it was not yet. */
async function waitUntilHeld(
  fired: () => Promise<string | undefined>,
): Promise<{ readonly what: string; readonly sinceMs: number } | undefined> {
  const startMs = Date.now();
  let sinceMs = startMs;
  while (sinceMs - startMs < holdTimeoutMs) {
    const askedMs = Date.now();
    const what = await fired();
    if (what !== undefined) {
      return { what, sinceMs };
    }
    sinceMs = askedMs;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return undefined;
}

/** Is the held upload one of a flush, and not a piece that settling cuts from a refused blob? */
function isUpload(held: string, rows: readonly Shipment[]): boolean {
  const pieces = rows
    .filter((row) => row.state === 'failed')
    .flatMap((row) => Array.from({ length: 20 }, (_, piece) => pieceId(row.id, piece)));
  return !pieces.some((id) => held.includes(id));
}

/**
 * Read after a kill: did its flush end between its row and noting the answer of its call? A row of the process that
 * was killed, as it was entered.
 */
function isUnderWay(row: Shipment, startedMs: number): boolean {
  return row.state === 'staged' && row.depth === 0 && row.unsent === undefined && row.createdAtMs > startedMs;
}

async function restart(stack: Stack, what: Kill['what'], killed: number): Promise<void> {
  if (what === 'host') {
    await stack.startHost();
  }
  await until(
    () => hostStatus(stack),
    ({ state, workers = [] }) => state === 'Running' && workers.length > 0 && workers[0]?.pid !== killed,
    restartTimeoutMs,
  );
}
