import { readFileSync } from 'node:fs';
import type { Stack } from '../helpers/stack.js';

const SAMPLE_MS = 100;

/** Resident memory of the worker process of the stack's host. */
export async function workerMemory(stack: Stack) {
  const status = await (await fetch(new URL('/admin/host/status', stack.hosts[0]?.ready.url))).json();
  const pid = (status as { workers: { pid: number }[] }).workers[0]?.pid as number;
  const nowBytes = (): number => {
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes) * 1024;
  };
  return {
    nowBytes,
    /** Looks until `stop`, which answers the most that was seen. */
    watch: () => {
      let peak = nowBytes();
      const timer = setInterval(() => {
        peak = Math.max(peak, nowBytes());
      }, SAMPLE_MS);
      return {
        stop: (): number => {
          clearInterval(timer);
          return peak;
        },
      };
    },
  };
}
