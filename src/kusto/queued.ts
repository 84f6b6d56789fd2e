import type { Logger } from '../runtime/log.js';
import type { QueuedIngestion } from './ports.js';
import { MAX_BLOBS_PER_CALL, type RestIngestion } from './queued-rest.js';

export interface QueuedOptions {
  readonly rest: RestIngestion;
  readonly message: QueuedIngestion;
  readonly logger?: Logger;
}

/**
 * The REST API where the cluster answers it, else the older way; asked once and remembered. The status of an
 * operation is read the way it was submitted.
 */
export function createQueuedIngestion(options: QueuedOptions): QueuedIngestion {
  let pending: Promise<QueuedIngestion> | undefined;
  const probe = async (): Promise<QueuedIngestion> => {
    const supported = await options.rest.isSupported();
    options.logger?.info('ingestion.path', { path: supported ? 'rest' : 'message' });
    return supported ? options.rest : options.message;
  };
  const chosen = (): Promise<QueuedIngestion> => {
    pending ??= probe().catch((error: unknown) => {
      pending = undefined;
      throw error;
    });
    return pending;
  };
  return {
    maxBlobsPerCall: MAX_BLOBS_PER_CALL,
    submit: async (request) => (await chosen()).submit(request),
    status: (operation, sourceIds) =>
      (operation.path === 'rest' ? options.rest : options.message).status(operation, sourceIds),
    serviceContainer: async () => (await chosen()).serviceContainer(),
    reportContainer: (container, outcome) => {
      void chosen().then(
        (way) => way.reportContainer?.(container, outcome),
        () => undefined,
      );
    },
  };
}
