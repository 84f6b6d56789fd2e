import { AzureSASCredential, TableClient } from '@azure/data-tables';
import { QueueClient } from '@azure/storage-queue';
import { proxySettings } from '../storage/account.azure.js';
import { classifyStorage, storageServiceCode } from '../storage/classify.js';
import type { SasUrl } from '../storage/sas-url.js';

const CALL_TIMEOUT_MS = 60_000;

/** The two storage calls of the older way, one attempt each. */
export interface MessageTransport {
  enqueue(queue: SasUrl, message: string, signal?: AbortSignal): Promise<void>;
  /** The status row of a source; undefined when there is none. */
  readStatus(table: SasUrl, sourceId: string): Promise<Readonly<Record<string, unknown>> | undefined>;
}

export function createMessageTransport(options: { readonly proxyUrl?: string } = {}): MessageTransport {
  const proxy = proxySettings(options.proxyUrl);
  return {
    enqueue: async (queue, message, signal) => {
      const client = new QueueClient(queue.reveal(), undefined, { retryOptions: { maxTries: 1 }, ...proxy });
      const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS);
      try {
        await client.sendMessage(message, {
          abortSignal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
        });
      } catch (thrown) {
        throw classifyStorage(thrown, `queue ${queue.address}`);
      }
    },
    readStatus: async (table, sourceId) => {
      const url = new URL(table.reveal());
      const cut = url.pathname.lastIndexOf('/');
      const account = `${url.origin}${url.pathname.slice(0, cut)}`;
      const client = new TableClient(
        account,
        url.pathname.slice(cut + 1),
        new AzureSASCredential(url.search.slice(1)),
        {
          retryOptions: { maxRetries: 0 },
          // The SDK refuses plain http otherwise; only a local emulator hands out such an address.
          allowInsecureConnection: url.protocol === 'http:',
          ...proxy,
        },
      );
      try {
        return await client.getEntity(sourceId, sourceId, {
          abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS),
        });
      } catch (thrown) {
        const error = classifyStorage(thrown, `status table ${table.address}`);
        if (error.code === 'STORAGE_NOT_FOUND' && storageServiceCode(thrown) !== 'TableNotFound')
          return undefined;
        throw error;
      }
    },
  };
}
