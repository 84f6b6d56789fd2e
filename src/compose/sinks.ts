import type { Config } from '../config/types.js';
import { createBodySink } from '../ingest/sinks/body-sink.js';
import { createCallSharer } from '../ingest/sinks/call-sharer.js';
import { createDeliverySink } from '../ingest/sinks/delivery-sink.js';
import { createQueuedSink } from '../ingest/sinks/queued-sink.js';
import { createServiceStaging } from '../ingest/sinks/service-staging.js';
import { createStreamingSink } from '../ingest/sinks/streaming-sink.js';
import type { BodySink, Sink } from '../ingest/types.js';
import type { Operations } from '../ledger/operations.js';
import type { Ledger } from '../ledger/ports.js';
import { linkTtlMs } from '../ledger/settle-types.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/log.js';
import { createSasUploader } from '../storage/sas-upload.azure.js';
import type { KustoConnections, StorageConnections } from './connections.js';

export interface SinkParts extends KustoConnections, StorageConnections {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ledger: Ledger;
  readonly operations: Operations;
}

/** Where batches and bodies go. */
export function createSinks(parts: SinkParts): { readonly sink: Sink; readonly bodySink: BodySink } {
  const { config, clock, logger, ledger, operations, blobs, queued, streaming } = parts;
  const { proxyUrl } = config.kusto;
  const shared = {
    clock,
    logger,
    blobs,
    ledger,
    container: config.storage.stagingContainer,
    linkTtlMs: linkTtlMs(config.settle.settleTimeoutMs),
    sharer: createCallSharer({ queued, clock, logger }),
    maxBlobsPerCall: queued.maxBlobsPerCall,
  };
  const uploader = createSasUploader(proxyUrl === undefined ? {} : { proxyUrl });
  const queuedSink = createQueuedSink({ ...shared, service: createServiceStaging({ queued, uploader }) });
  const streamingSink = createStreamingSink({ clock, streaming, queued: queuedSink, logger });
  return {
    sink: createDeliverySink({ queued: queuedSink, streaming: streamingSink }),
    bodySink: createBodySink({ ...shared, operations }),
  };
}
