import type { Sink } from '../types.js';

/** Chooses by the batch's own target: streaming or queued. */
export function createDeliverySink(sinks: { readonly queued: Sink; readonly streaming: Sink }): Sink {
  return {
    deliver: (batch, signal) =>
      batch.target.delivery === 'streaming'
        ? sinks.streaming.deliver(batch, signal)
        : sinks.queued.deliver(batch, signal),
  };
}
