import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const SAMPLE_EVERY_MS = 500;
const KIB = 1024;

/** One process as the system lists it. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  readonly rssBytes: number;
}

/** Watches the memory of this process and all its descendants. */
export interface MemoryWatch {
  /** Largest sum of resident memory seen, in bytes; undefined where the system does not tell. */
  peakBytes(): number | undefined;
  stop(): void;
}

/** Starts to look every half second. */
export function watchMemory(list: () => Promise<readonly ProcessEntry[]> = listProcesses): MemoryWatch {
  let peak: number | undefined;
  let looking = false;
  const look = async () => {
    if (looking) return;
    looking = true;
    try {
      const sum = treeBytes(await list(), process.pid);
      peak = Math.max(peak ?? 0, sum);
    } catch {
      // A system without a process list reports no peak.
    } finally {
      looking = false;
    }
  };
  void look();
  const timer = setInterval(() => void look(), SAMPLE_EVERY_MS);
  timer.unref();
  return { peakBytes: () => peak, stop: () => clearInterval(timer) };
}

/** Resident memory of a process and all that descend from it, in bytes. */
export function treeBytes(processes: readonly ProcessEntry[], rootPid: number): number {
  const children = new Map<number, ProcessEntry[]>();
  for (const entry of processes) {
    const siblings = children.get(entry.parentPid) ?? [];
    siblings.push(entry);
    children.set(entry.parentPid, siblings);
  }
  let sum = processes.find((entry) => entry.pid === rootPid)?.rssBytes ?? 0;
  const open = [rootPid];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    for (const child of children.get(pid) ?? []) {
      sum += child.rssBytes;
      open.push(child.pid);
    }
  }
  return sum;
}

function listProcesses(): Promise<readonly ProcessEntry[]> {
  return process.platform === 'linux' ? listFromProc() : listFromPs();
}

async function listFromProc(): Promise<ProcessEntry[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const entries = await Promise.all(names.map(readStatus));
  return entries.filter((entry) => entry !== undefined);
}

async function readStatus(pid: string): Promise<ProcessEntry | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const parentPid = Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    const rssKib = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    return { pid: Number(pid), parentPid, rssBytes: rssKib * KIB };
  } catch {
    // It ended between the listing and the reading.
    return undefined;
  }
}

async function listFromPs(): Promise<ProcessEntry[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,rss=']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([pid = 0, parentPid = 0, rssKib = 0]) => ({ pid, parentPid, rssBytes: rssKib * KIB }));
}
