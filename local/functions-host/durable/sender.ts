import type { JsonQueue } from './queues.js';
import type { InstanceStore, OutboxRow } from './store.js';
import type { ControlMessage, WorkItem } from './types.js';

/** Messages sent at once. */
const PARALLEL_SENDS = 8;

/** Sends what a change left in its outbox. */
export interface Sender {
  /** Outbox rows this host is sending right now. */
  readonly sending: ReadonlySet<string>;
  /** Sends a row's messages, those to one instance in their order, then clears the row. */
  flush(row: OutboxRow | undefined): Promise<void>;
}

export interface SenderOptions {
  store: InstanceStore;
  work: JsonQueue<WorkItem>;
  sendControl(message: ControlMessage): Promise<void>;
  /** Called when work items were sent. */
  wakeWork(): void;
}

/** Runs jobs, a few at once. */
async function inParallel<T>(items: readonly T[], job: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      next += 1;
      await job(items[next - 1] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL_SENDS, items.length) }, lane));
}

/** Makes the sender of a hub. */
export function createSender(options: SenderOptions): Sender {
  const { store, work, sendControl } = options;
  const sending = new Set<string>();
  const sendAll = async ({ outgoing }: OutboxRow) => {
    const byTarget = new Map<string, ControlMessage[]>();
    for (const message of outgoing.control) {
      byTarget.set(message.to, [...(byTarget.get(message.to) ?? []), message]);
    }
    await inParallel([...byTarget.values()], async (messages) => {
      for (const message of messages) await sendControl(message);
    });
    await inParallel(outgoing.work, async (item) => {
      await work.send(item.instanceId, item);
      options.wakeWork();
    });
  };
  return {
    sending,
    async flush(row) {
      if (!row) return;
      sending.add(row.rowKey);
      try {
        await sendAll(row);
        await store.sent(row);
      } finally {
        sending.delete(row.rowKey);
      }
    },
  };
}
