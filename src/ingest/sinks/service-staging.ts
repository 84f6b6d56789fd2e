import type { QueuedIngestion } from '../../kusto/ports.js';
import { KfError } from '../../runtime/errors.js';
import type { SasUrl } from '../../storage/sas-url.js';

/** Different containers tried for one blob, each once. */
const MAX_CONTAINERS = 3;

/** Puts blobs into the service's own containers, for routes with `staging: service`. */
export interface ServiceStaging {
  upload(name: string, body: Uint8Array, signal: AbortSignal): Promise<SasUrl>;
}

export interface ServiceStagingDeps {
  readonly queued: QueuedIngestion;
  readonly uploader: {
    upload(container: SasUrl, name: string, body: Uint8Array, signal?: AbortSignal): Promise<SasUrl>;
  };
}

export function createServiceStaging(deps: ServiceStagingDeps): ServiceStaging {
  const { queued, uploader } = deps;
  return {
    upload: async (name, body, signal) => {
      let first: unknown;
      for (let attempt = 0; attempt < MAX_CONTAINERS; attempt++) {
        const container = await queued.serviceContainer();
        try {
          // Flat names: the service's containers are shared by all its clients.
          const url = await uploader.upload(container, name.replaceAll('/', '__'), body, signal);
          queued.reportContainer?.(container, 'ok');
          return url;
        } catch (error) {
          const code = error instanceof KfError ? error.code : 'INTERNAL';
          if (code === 'CANCELLED') throw error;
          const isRefused = code === 'STORAGE_FORBIDDEN' || code === 'STORAGE_NOT_FOUND';
          queued.reportContainer?.(container, isRefused ? 'refused' : 'failed');
          first ??= error;
        }
      }
      const message = first instanceof Error ? first.message : String(first);
      throw new KfError('STORAGE_TRANSIENT', `service containers: none took the blob: ${message}`, {
        cause: first,
      });
    },
  };
}
