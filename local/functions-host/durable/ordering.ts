import type { EntityRequest } from './types.js';

/** How long a message may be overtaken by those sent after it, in ms; what is older is no longer waited for. */
const WINDOW_MS = 300_000;

/** Part of an execution's id that tells the senders of one entity apart. */
const SENDER_CHARS = 12;

/** When an execution last sent to each entity, in ms since the epoch. */
export type SentTimes = Readonly<Record<string, number>>;

/**
 * Gives a message its place among those of one sender to one entity, as two times: its own and that of the one before.
 * @returns the stamp, and the times with it
 */
export function stamp(sent: SentTimes, target: string, nowMs: number) {
  const prevMs = sent[target];
  const sentMs = Math.max(nowMs, (prevMs ?? 0) + 1);
  return { stamp: { sentMs, prevMs }, sent: { ...sent, [target]: sentMs } };
}

/** What an entity knows of the order of what it gets. */
export interface Heard {
  /** Time of the last message by sending execution. */
  lastMs: Record<string, number>;
  /** Time of the latest message of all. */
  latestMs: number;
  /** Messages that came before one that was sent earlier. */
  early: EntityRequest[];
}

/** True when a message that was sent earlier is still to come. */
function isEarly(heard: Heard, lastMs: number, { prevMs }: EntityRequest): boolean {
  return prevMs !== undefined && prevMs > lastMs && prevMs >= heard.latestMs - WINDOW_MS;
}

function take(heard: Heard, request: EntityRequest, ready: EntityRequest[]): void {
  const sender = request.from?.executionId.slice(0, SENDER_CHARS);
  if (sender === undefined || request.sentMs === undefined) {
    ready.push(request);
    return;
  }
  const lastMs = heard.lastMs[sender] ?? 0;
  if (request.sentMs <= lastMs) return;
  heard.latestMs = Math.max(heard.latestMs, request.sentMs);
  if (isEarly(heard, lastMs, request)) {
    heard.early.push(request);
    return;
  }
  ready.push(request);
  heard.lastMs[sender] = request.sentMs;
}

/** Puts requests into the order in which each sender sent them; keeps back what came too early. */
export function inOrder(heard: Heard, requests: readonly EntityRequest[]): EntityRequest[] {
  const ready: EntityRequest[] = [];
  for (const request of requests) take(heard, request, ready);
  for (let before = -1; before !== ready.length && heard.early.length > 0; ) {
    before = ready.length;
    const waiting = heard.early.sort((left, right) => (left.sentMs ?? 0) - (right.sentMs ?? 0));
    heard.early = [];
    for (const request of waiting) take(heard, request, ready);
  }
  for (const [sender, lastMs] of Object.entries(heard.lastMs)) {
    if (lastMs < heard.latestMs - WINDOW_MS) delete heard.lastMs[sender];
  }
  return ready;
}
