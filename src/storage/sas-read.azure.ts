import { ContainerClient } from '@azure/storage-blob';
import { KfError } from '../runtime/errors.js';
import { proxySettings } from './account.azure.js';
import { classifyStorage } from './classify.js';
import type { AddressReader, BlobFacts } from './ports.js';
import type { SasUrl } from './sas-url.js';

/** Longest time for one call. */
const CALL_TIMEOUT_MS = 30_000;

export function createAddressReader(options: { readonly proxyUrl?: string } = {}): AddressReader {
  const pipeline = { retryOptions: { maxTries: 3 }, ...proxySettings(options.proxyUrl) };
  const blobOf = (url: SasUrl) => {
    const { origin, pathname, search } = new URL(url.reveal());
    const cut = pathname.startsWith('/devstoreaccount') ? pathname.indexOf('/', 1) + 1 : 1;
    const end = pathname.indexOf('/', cut);
    const container = new ContainerClient(`${origin}${pathname.slice(0, end)}${search}`, undefined, pipeline);
    return container.getBlobClient(decodeURIComponent(pathname.slice(end + 1)));
  };
  const classified = <T>(url: SasUrl, action: () => Promise<T>): Promise<T> =>
    action().catch((thrown: unknown) => {
      throw classifyStorage(thrown, url.address);
    });
  return {
    facts: async (url) => {
      try {
        const { contentLength = 0 } = await classified(url, () =>
          blobOf(url).getProperties({ abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) }),
        );
        return { sizeBytes: contentLength };
      } catch (error) {
        if (error instanceof KfError && error.code === 'STORAGE_NOT_FOUND') return undefined;
        throw error;
      }
    },
    range: (url, from, to) => classified(url, () => blobOf(url).downloadToBuffer(from, to - from)),
    list: (container, prefix, signal) => listByAddress(container, { prefix, pipeline, signal }),
  };
}

async function* listByAddress(
  url: SasUrl,
  options: { readonly prefix: string; readonly pipeline: object; readonly signal: AbortSignal | undefined },
): AsyncGenerator<BlobFacts> {
  const { prefix, pipeline, signal } = options;
  const container = new ContainerClient(url.reveal(), undefined, pipeline);
  try {
    const query = { prefix, ...(signal === undefined ? {} : { abortSignal: signal }) };
    for await (const { name, properties } of container.listBlobsFlat(query)) {
      yield {
        name,
        sizeBytes: properties.contentLength ?? 0,
        etag: properties.etag,
        lastModifiedMs: properties.lastModified.getTime(),
      };
    }
  } catch (thrown) {
    throw classifyStorage(thrown, url.address);
  }
}
