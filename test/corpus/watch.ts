import { readFileSync } from 'node:fs';
import type { Stack } from '../helpers/stack.js';

/** Longest time of one invocation in the host's log, by function. */
const executed = /Executed 'Functions\.([\w-]+)' \(\w+, Id=[^,]*, Duration=(\d+)ms\)/;

export async function workerPid(stack: Stack): Promise<number> {
  const answer = await fetch(new URL('/admin/host/status', stack.hosts[0]?.ready.url));
  const { workers } = (await answer.json()) as { workers?: readonly { readonly pid: number }[] };
  const pid = workers?.[0]?.pid;
  if (pid === undefined) {
    throw new Error('the host has no worker');
  }
  return pid;
}

/** High-water mark of a process's memory; 0 when it is gone. */
export function peakRssBytes(pid: number): number {
  try {
    const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(line?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

export interface Invocation {
  readonly name: string;
  readonly elapsedMs: number;
}

/** Invocations of the event functions, from the host's log. */
export function eventInvocations(stack: Stack): Invocation[] {
  const found: Invocation[] = [];
  for (const line of stack.hosts.flatMap(({ log }) => log)) {
    const match = executed.exec(line);
    if (match?.[1]?.startsWith('events-')) {
      found.push({ name: match[1], elapsedMs: Number(match[2]) });
    }
  }
  return found;
}

const executing = /Executing 'Functions\.events-\w+' \(Reason='(\d+) events? of partition/;

/** Events that invocations were given, and how many invocations are under way. */
export function eventsTaken(stack: Stack): { readonly events: number; readonly running: number } {
  let events = 0;
  let begun = 0;
  for (const line of stack.hosts.flatMap(({ log }) => log)) {
    const match = executing.exec(line);
    if (match !== null) {
      events += Number(match[1]);
      begun++;
    }
  }
  return { events, running: begun - eventInvocations(stack).length };
}
