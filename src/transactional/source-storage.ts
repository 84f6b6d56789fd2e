import type { LoadStorageConfig } from '../config/types.js';
import { KfError } from '../runtime/errors.js';
import type { AddressReader, BlobStore } from '../storage/ports.js';
import { SasUrl } from '../storage/sas-url.js';
import { type BlobAddress, resolveBlob } from './blob-address.js';
import { blobNameProblem, canonicalAddress } from './blob-name.js';
import type { SourceRef, SourceStorage } from './ports.js';

export interface SourceStorageOptions {
  readonly storage: readonly LoadStorageConfig[];
  readonly allowSas: boolean;
  /** The account of an entry that the app reaches itself. */
  readonly storeOf: (entry: LoadStorageConfig) => BlobStore;
  readonly byAddress: AddressReader;
}

type Found = BlobAddress<LoadStorageConfig>;

/** The storage that `load.storage` lists; each address is checked against it at every use. */
export function createSourceStorage(options: SourceStorageOptions): SourceStorage {
  const { storage: allowed, allowSas, storeOf, byAddress } = options;
  const find = ({ address }: SourceRef, kind: 'blob' | 'prefix'): Found =>
    resolveBlob(address, { allowed, allowSas, place: address, kind });
  /** A SAS of the caller goes before what the app itself may. */
  const isOurs = (found: Found, source: SourceRef): boolean =>
    source.sas === undefined && found.storage.access === 'account';
  const urlOf = (address: string, { sas }: SourceRef): SasUrl =>
    new SasUrl(sas === undefined ? address : `${address}?${sas}`);
  const checked = (found: Found, source: SourceRef): Found => {
    if (found.storage.access === 'sas' && source.sas === undefined) {
      throw new KfError('LOAD_SOURCE_FORBIDDEN', `${source.address}: only with a SAS in the address`);
    }
    return found;
  };
  return {
    facts: async (source) => {
      const found = checked(find(source, 'blob'), source);
      return isOurs(found, source)
        ? storeOf(found.storage).facts(found.container, found.blob)
        : byAddress.facts(urlOf(source.address, source));
    },
    range: async (source, from, to) => {
      const found = checked(find(source, 'blob'), source);
      return isOurs(found, source)
        ? storeOf(found.storage).range(found.container, found.blob, from, to)
        : byAddress.range(urlOf(source.address, source), from, to);
    },
    list: async function* (source, signal) {
      const found = checked(find(source, 'prefix'), source);
      const { storage, container, blob: prefix } = found;
      const blobs = isOurs(found, source)
        ? storeOf(storage).list(container, prefix, signal)
        : byAddress.list(urlOf(`${storage.accountUrl}/${container}`, source), prefix, signal);
      for await (const { name, sizeBytes } of blobs) {
        const problem = blobNameProblem(name, 'blob');
        if (problem !== undefined) {
          throw new KfError(
            'LOAD_SOURCE_FORBIDDEN',
            `${source.address}: the blob ${JSON.stringify(name)} ${problem}`,
          );
        }
        yield { address: canonicalAddress(storage.accountUrl, container, name), sizeBytes };
      }
    },
    link: async (source, ttlMs) => {
      const found = checked(find(source, 'blob'), source);
      return isOurs(found, source)
        ? storeOf(found.storage).readUrl(found.container, found.blob, ttlMs)
        : urlOf(source.address, source);
    },
  };
}
