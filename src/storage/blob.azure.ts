import { randomBytes } from 'node:crypto';
import {
  type BlobClient,
  BlobSASPermissions,
  BlobServiceClient,
  type BlockBlobClient,
  type ContainerClient,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
  type UserDelegationKey,
} from '@azure/storage-blob';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import { retry } from '../runtime/retry.js';
import {
  proxySettings,
  requireCredential,
  type StorageAccountOptions,
  storageRetryPolicy,
} from './account.azure.js';
import { createBlockWriter } from './block-writer.js';
import { classifyStorage, orUndefined, storageServiceCode } from './classify.js';
import type { BlobFacts, BlobStore, PutOptions } from './ports.js';
import { SasUrl } from './sas-url.js';

/** Up to here a body goes in one request; above, in blocks of `BLOCK_BYTES`. */
const SINGLE_SHOT_BYTES = 32 * 1024 * 1024;
const BLOCK_BYTES = 8 * 1024 * 1024;
const BLOCKS_IN_FLIGHT = 3;
/** A delegation key lives at most seven days; ours is renewed while links made with it can still live as long. */
const DELEGATION_KEY_MS = 6 * 24 * 3_600_000;
/** Links begin in the past, since clocks differ. */
const CLOCK_SKEW_MS = 15 * 60_000;
/** Form of links: one that other readers, Azurite among them, understand too; newer ones add nothing we use. */
const SAS_VERSION = '2023-11-03';
const PROBE_TIMEOUT_MS = 10_000;

export interface BlobStoreOptions extends StorageAccountOptions {
  readonly clock: Clock;
}

interface Account {
  readonly service: BlobServiceClient;
  readonly clock: Clock;
  readonly sharedKey: StorageSharedKeyCredential | undefined;
  readonly known: Set<string>;
  delegation: { readonly key: UserDelegationKey; readonly untilMs: number } | undefined;
}

/** Blobs of the account that `storage` names, reached by connection string (Azurite included) or identity. */
export function createBlobStore(options: BlobStoreOptions): BlobStore {
  const account = openAccount(options);
  const { service } = account;
  const block = (container: string, name: string): BlockBlobClient =>
    service.getContainerClient(container).getBlockBlobClient(name);
  return {
    put: (container, name, body, put = {}) =>
      writing(account, container, put, async () => {
        const answer = await upload(block(container, name), body, put);
        return {
          name,
          sizeBytes: body.byteLength,
          etag: answer.etag ?? '',
          lastModifiedMs: answer.lastModified?.getTime() ?? 0,
        };
      }),
    open: (container, name, put = {}) =>
      openWriter(account, block(container, name), { container, name, put }),
    get: (container, name, maxBytes) =>
      reading(account, `${container}/${name}`, () => download(block(container, name), maxBytes)),
    range: (container, name, from, to) =>
      reading(account, `${container}/${name}`, () =>
        block(container, name).downloadToBuffer(from, to - from),
      ),
    stream: (container, name, signal) => streamBlob(block(container, name), `${container}/${name}`, signal),
    facts: (container, name) =>
      orUndefined(() =>
        reading(account, `${container}/${name}`, () => factsOf(block(container, name), name)),
      ),
    delete: async (container, name) => {
      await orUndefined(() =>
        reading(account, `${container}/${name}`, () => block(container, name).delete()),
      );
    },
    list: (container, prefix, signal) => listBlobs(service.getContainerClient(container), prefix, signal),
    readUrl: (container, name, ttlMs) => link(account, block(container, name), { ttlMs, permissions: 'r' }),
    uploadUrl: async (container, name, ttlMs) => {
      await ensureContainer(account, container);
      return link(account, block(container, name), { ttlMs, permissions: 'c' });
    },
    probe: (container) =>
      writing(
        account,
        container,
        { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS), ifAbsent: true },
        async (signal) => {
          await service
            .getContainerClient(container)
            .getProperties({ ...(signal === undefined ? {} : { abortSignal: signal }) });
        },
      ),
  };
}

function openAccount(options: BlobStoreOptions): Account {
  const pipeline = { retryOptions: { maxTries: 1 }, ...proxySettings(options.proxyUrl) };
  const { connectionString, blobUrl } = options.storage;
  let service: BlobServiceClient;
  if (connectionString === undefined) {
    service = new BlobServiceClient(...requireCredential(options, blobUrl, 'blobUrl'), pipeline);
  } else {
    service = BlobServiceClient.fromConnectionString(connectionString, pipeline);
    if (!(service.credential instanceof StorageSharedKeyCredential)) {
      throw new KfError(
        'CONFIG_INVALID',
        'storage.connectionString: must hold AccountKey; a SAS cannot make links',
      );
    }
  }
  const sharedKey = service.credential instanceof StorageSharedKeyCredential ? service.credential : undefined;
  return { service, clock: options.clock, sharedKey, known: new Set(), delegation: undefined };
}

/** A write: makes the container when it is missing; repeats transient failures unless the write is conditional. */
function writing<T>(
  account: Account,
  container: string,
  put: PutOptions,
  action: (signal?: AbortSignal) => Promise<T>,
): Promise<T> {
  const attempt = async (): Promise<T> => {
    try {
      return await action(put.signal);
    } catch (thrown) {
      if (storageServiceCode(thrown) !== 'ContainerNotFound') throw classifyStorage(thrown, container);
      await ensureContainer(account, container);
      return action(put.signal).catch((again: unknown) => {
        throw classifyStorage(again, container);
      });
    }
  };
  const maxAttempts = put.ifAbsent === true ? 1 : storageRetryPolicy.maxAttempts;
  return retry(attempt, {
    clock: account.clock,
    policy: { ...storageRetryPolicy, maxAttempts },
    ...(put.signal === undefined ? {} : { signal: put.signal }),
  });
}

function reading<T>(account: Account, place: string, action: () => Promise<T>): Promise<T> {
  const attempt = (): Promise<T> =>
    action().catch((thrown: unknown) => {
      throw classifyStorage(thrown, place);
    });
  return retry(attempt, { clock: account.clock, policy: storageRetryPolicy });
}

async function ensureContainer(account: Account, container: string): Promise<void> {
  await reading(account, container, () => account.service.getContainerClient(container).createIfNotExists());
}

function uploadConditions(put: PutOptions) {
  return {
    ...(put.ifAbsent === true ? { conditions: { ifNoneMatch: '*' } } : {}),
    ...(put.contentType === undefined ? {} : { blobHTTPHeaders: { blobContentType: put.contentType } }),
    ...(put.signal === undefined ? {} : { abortSignal: put.signal }),
  };
}

function upload(client: BlockBlobClient, body: Uint8Array, put: PutOptions) {
  if (body.byteLength <= SINGLE_SHOT_BYTES)
    return client.upload(body, body.byteLength, uploadConditions(put));
  return client.uploadData(body, {
    ...uploadConditions(put),
    maxSingleShotSize: SINGLE_SHOT_BYTES,
    blockSize: BLOCK_BYTES,
    concurrency: BLOCKS_IN_FLIGHT,
  });
}

function openWriter(
  account: Account,
  client: BlockBlobClient,
  where: { container: string; name: string; put: PutOptions },
) {
  const { container, name, put } = where;
  // Ids differ between writers of one name, so that a commit takes its own blocks only.
  const prefix = randomBytes(12).toString('hex');
  const idOf = (index: number): string =>
    Buffer.from(`${prefix}-${String(index).padStart(6, '0')}`).toString('base64');
  const signal = put.signal === undefined ? {} : { abortSignal: put.signal };
  return createBlockWriter({
    blockBytes: BLOCK_BYTES,
    blocksInFlight: BLOCKS_IN_FLIGHT,
    stage: async (index, bytes) => {
      await writing(account, container, { ...(put.signal === undefined ? {} : { signal: put.signal }) }, () =>
        client.stageBlock(idOf(index), bytes, bytes.byteLength, signal),
      );
    },
    commit: (blocks, sizeBytes) =>
      writing(account, container, put, async (): Promise<BlobFacts> => {
        const ids = Array.from({ length: blocks }, (_, index) => idOf(index));
        const answer = await client.commitBlockList(ids, uploadConditions(put));
        return {
          name,
          sizeBytes,
          etag: answer.etag ?? '',
          lastModifiedMs: answer.lastModified?.getTime() ?? 0,
        };
      }),
  });
}

async function download(client: BlobClient, maxBytes: number): Promise<Buffer> {
  const answer = await client.download();
  const chunks: Buffer[] = [];
  let size = answer.contentLength ?? 0;
  const tooLarge = (): KfError =>
    new KfError('BODY_TOO_LARGE', `${client.containerName}/${client.name}: larger than ${maxBytes} bytes`);
  const body = answer.readableStreamBody as (NodeJS.ReadableStream & { destroy(): void }) | undefined;
  if (size > maxBytes) {
    body?.destroy();
    throw tooLarge();
  }
  size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

async function* streamBlob(
  client: BlobClient,
  place: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    const answer = await client.download(0, undefined, signal === undefined ? {} : { abortSignal: signal });
    for await (const chunk of answer.readableStreamBody ?? []) yield chunk as Buffer;
  } catch (thrown) {
    throw classifyStorage(thrown, place);
  }
}

async function factsOf(client: BlobClient, name: string): Promise<BlobFacts> {
  const facts = await client.getProperties();
  return {
    name,
    sizeBytes: facts.contentLength ?? 0,
    etag: facts.etag ?? '',
    lastModifiedMs: facts.lastModified?.getTime() ?? 0,
  };
}

async function* listBlobs(
  container: ContainerClient,
  prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<BlobFacts> {
  const options = {
    ...(prefix === '' ? {} : { prefix }),
    ...(signal === undefined ? {} : { abortSignal: signal }),
  };
  try {
    for await (const item of container.listBlobsFlat(options)) {
      yield {
        name: item.name,
        sizeBytes: item.properties.contentLength ?? 0,
        etag: item.properties.etag,
        lastModifiedMs: item.properties.lastModified.getTime(),
      };
    }
  } catch (thrown) {
    if (storageServiceCode(thrown) !== 'ContainerNotFound')
      throw classifyStorage(thrown, container.containerName);
  }
}

async function link(
  account: Account,
  client: BlobClient,
  grant: { ttlMs: number; permissions: 'r' | 'c' },
): Promise<SasUrl> {
  const now = account.clock.now();
  const values = {
    containerName: client.containerName,
    blobName: client.name,
    permissions: BlobSASPermissions.parse(grant.permissions),
    startsOn: new Date(now - CLOCK_SKEW_MS),
    expiresOn: new Date(now + grant.ttlMs),
    version: SAS_VERSION,
    protocol: client.url.startsWith('https:') ? SASProtocol.Https : SASProtocol.HttpsAndHttp,
  };
  const query =
    account.sharedKey === undefined
      ? generateBlobSASQueryParameters(
          values,
          await delegationKey(account, grant.ttlMs),
          account.service.accountName,
        )
      : generateBlobSASQueryParameters(values, account.sharedKey);
  return new SasUrl(`${client.url}?${query.toString()}`);
}

async function delegationKey(account: Account, ttlMs: number): Promise<UserDelegationKey> {
  const now = account.clock.now();
  if (ttlMs > DELEGATION_KEY_MS) {
    throw new KfError(
      'REQUEST_INVALID',
      `a link made with an identity lives at most ${DELEGATION_KEY_MS} ms`,
    );
  }
  if (account.delegation === undefined || account.delegation.untilMs < now + ttlMs) {
    const untilMs = now + DELEGATION_KEY_MS;
    const key = await reading(account, 'user delegation key', () =>
      account.service.getUserDelegationKey(new Date(now - CLOCK_SKEW_MS), new Date(untilMs)),
    );
    account.delegation = { key, untilMs };
  }
  return account.delegation.key;
}
