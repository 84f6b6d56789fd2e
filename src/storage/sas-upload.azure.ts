import { AnonymousCredential, BlockBlobClient } from '@azure/storage-blob';
import { proxySettings } from './account.azure.js';
import { classifyStorage } from './classify.js';
import { SasUrl } from './sas-url.js';

const UPLOAD_TIMEOUT_MS = 600_000;

/** Writes blobs into containers that others own and gave us a link to; one attempt a call. */
export interface SasUploader {
  /** The link to the new blob carries the container's grant. */
  upload(container: SasUrl, name: string, body: Uint8Array, signal?: AbortSignal): Promise<SasUrl>;
}

export function createSasUploader(options: { readonly proxyUrl?: string } = {}): SasUploader {
  const settings = { retryOptions: { maxTries: 1 }, ...proxySettings(options.proxyUrl) };
  return {
    upload: async (container, name, body, signal) => {
      const url = new URL(container.reveal());
      url.pathname = `${url.pathname.replace(/\/$/, '')}/${name.split('/').map(encodeURIComponent).join('/')}`;
      const timeout = AbortSignal.timeout(UPLOAD_TIMEOUT_MS);
      try {
        await new BlockBlobClient(url.href, new AnonymousCredential(), settings).uploadData(body, {
          abortSignal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
        });
      } catch (thrown) {
        throw classifyStorage(thrown, container.address);
      }
      return new SasUrl(url.href);
    },
  };
}
