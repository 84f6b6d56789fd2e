import { messageOf } from '../errors.js';
import { TransientError } from './episode.js';
import { callHttp } from './http-call.js';
import type { HubParts } from './parts.js';
import { createPump } from './pump.js';
import type { Received } from './queues.js';
import { readFailureDetails, runFunction } from './run-function.js';
import { EventType, type HistoryEvent, type WorkItem } from './types.js';

/** Wait before a work item is tried again whose worker went away, in ms. */
const RETRY_HIDDEN_MS = 1_000;

type Outcome = Partial<HistoryEvent> & { EventType: number };

function failure(name: string, error: { message: string; stack?: string }): Outcome {
  const details = readFailureDetails(error.message);
  return {
    EventType: EventType.TaskFailed,
    Reason: `Activity function '${name}' failed: ${details?.ErrorMessage ?? error.message}`,
    Details: error.stack ?? error.message,
    ...(details ? { FailureDetails: details } : {}),
  };
}

async function perform(parts: HubParts, item: WorkItem): Promise<Outcome> {
  if (item.http) {
    try {
      return { EventType: EventType.TaskCompleted, Result: JSON.stringify(await callHttp(item.http)) };
    } catch (error) {
      return failure(item.name, { message: messageOf(error) });
    }
  }
  const fn = parts.functions.find('activity', item.name);
  if (!fn) {
    return failure(item.name, { message: `there is no activity function named "${item.name}" in the app` });
  }
  const done = await runFunction(parts, fn, {
    json: item.input ?? 'null',
    reason: `activity of ${item.instanceId}`,
    instanceId: item.instanceId,
  });
  if (done.error) return failure(item.name, done.error);
  return { EventType: EventType.TaskCompleted, Result: JSON.stringify(done.value) ?? 'null' };
}

/** Keeps a work item hidden from other hosts until the signal. */
async function keepHidden(parts: HubParts, message: Received<WorkItem>, signal: AbortSignal): Promise<void> {
  const { workItemVisibilityMs } = parts.config;
  while (!signal.aborted) {
    await parts.clock.sleep(workItemVisibilityMs / 3, signal);
    if (signal.aborted) return;
    await parts.work.hide(message, workItemVisibilityMs).catch((error) => parts.warn('renewal', error));
  }
}

async function handle(parts: HubParts, message: Received<WorkItem>, cut: () => boolean): Promise<void> {
  const item = message.body;
  const done = new AbortController();
  const hiding = keepHidden(parts, message, done.signal);
  try {
    const outcome = await perform(parts, item);
    if (cut()) return;
    const event: HistoryEvent = {
      EventId: -1,
      IsPlayed: false,
      Timestamp: new Date(parts.clock.now()).toISOString(),
      TaskScheduledId: item.taskId,
      ...outcome,
    };
    await parts.sendControl({
      id: item.id,
      to: item.instanceId,
      body: { kind: 'event', event, executionId: item.executionId },
    });
    done.abort();
    await hiding;
    await parts.work.complete(message);
  } catch (error) {
    done.abort();
    await hiding;
    if (!(error instanceof TransientError)) parts.warn(`activity ${item.name}`, error);
    if (!cut()) await parts.work.hide(message, RETRY_HIDDEN_MS);
  }
}

/** Runs the activities of the hub, at most `maxConcurrentActivityFunctions` at once. */
export interface ActivityRunner {
  start(): void;
  /** Look for work now. */
  wake(): void;
  /** Takes no more and waits for those that run; after `cut` nothing is recorded. */
  stop(cut: AbortSignal): Promise<void>;
}

/** Makes the runner; it begins with `start`. */
export function createActivityRunner(parts: HubParts): ActivityRunner {
  const running = new Set<Promise<void>>();
  let cut: AbortSignal | undefined;
  const pump = createPump<WorkItem>({
    queue: parts.work,
    clock: parts.clock,
    maxIdleMs: parts.config.maxQueuePollingMs,
    capacity: () => parts.config.maxConcurrentActivityFunctions - running.size,
    onError: (error) => parts.warn('work items', error),
    onMessages(messages) {
      for (const message of messages) {
        const work = handle(parts, message, () => cut?.aborted === true)
          .catch((error: unknown) => parts.warn('work item', error))
          .finally(() => running.delete(work));
        running.add(work);
      }
    },
  });
  return {
    start: () => pump.start(),
    wake: () => pump.wake(),
    async stop(signal) {
      cut = signal;
      await pump.stop();
      await Promise.all(running);
    },
  };
}
