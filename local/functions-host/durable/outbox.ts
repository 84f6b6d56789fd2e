import type { HubParts } from './parts.js';

/** Time between two looks for messages that were never sent, in ms. */
const LOOK_MS = 5_000;

/** Sends what a host that died had written and not sent. */
export interface OutboxKeeper {
  start(): void;
  /** Look now, for instance because a partition was taken over. */
  look(): void;
  stop(): Promise<void>;
}

/**
 * Makes the keeper. A row is sent when two looks in a row find it: the host that wrote it sends it at once, so a row
 * that stays was left behind. Sending twice does no harm, as receivers know each message by its id.
 */
export function createOutboxKeeper(parts: HubParts, owns: (partition: number) => boolean): OutboxKeeper {
  const stopping = new AbortController();
  let woken = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let seen = new Set<string>();
  const round = async () => {
    const rows = (await parts.store.unsent()).filter(
      (row) => owns(parts.partitionOf(row.instanceId)) && !parts.sending.has(row.rowKey),
    );
    const before = seen;
    seen = new Set(rows.map((row) => row.rowKey));
    for (const row of rows) if (before.has(row.rowKey)) await parts.flush(row);
    return seen.size > 0;
  };
  const run = async () => {
    while (!stopping.signal.aborted) {
      woken = new AbortController();
      const some = await round().catch((error: unknown) => {
        parts.warn('outbox', error);
        return false;
      });
      const waitMs = some ? LOOK_MS / 5 : LOOK_MS;
      await parts.clock.sleep(waitMs, AbortSignal.any([stopping.signal, woken.signal]));
    }
  };
  return {
    start() {
      running = run();
    },
    look: () => woken.abort(),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
