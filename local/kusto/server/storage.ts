import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AZURITE_ACCOUNT, AZURITE_KEY, startAzurite } from '../../shared/azurite.js';
import { LocalError } from '../../shared/errors.js';
import type { CertificateFiles, LocalCertificate } from '../../shared/tls.js';
import type { OpenStorage, StorageParts } from './server.js';
import { type StorageProxy, startStorageProxy } from './storage-proxy.js';
import type { StorageAccount, StorageUrls } from './types.js';

const PORTS_FILE = 'storage-ports.json';
const SERVICES = ['blob', 'queue', 'table'] as const;

/** A storage account as a connection string or base address names it. */
interface Account {
  readonly name: string;
  readonly key: string;
  readonly urls: StorageUrls;
}

interface StorageOptions {
  /** Connection string, or Azurite's blob address such as `http://127.0.0.1:10000/devstoreaccount1`. */
  readonly address?: string;
  /** Data directory of the Azurite that is started when there is no address. */
  readonly dataDirectory?: string;
  readonly certificate?: LocalCertificate;
  readonly certificateFiles?: CertificateFiles;
  /** First of three ports of the started Azurite's proxies: blob, queue, table; 0 takes free ones. */
  readonly port?: number;
}

/** Opens storage: an Azurite of its own or the one at `address`, with fault proxies before its three services. */
export async function openStorage(options: StorageOptions, parts: StorageParts): Promise<OpenStorage> {
  const own = options.address === undefined ? await startOwn(options) : undefined;
  const proxies: StorageProxy[] = [];
  const close = async () => {
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await own?.stop();
  };
  try {
    const account = own?.account ?? accountAt(options.address as string);
    const ports = await proxyPorts(options);
    for (const [at, service] of SERVICES.entries()) {
      const certificate = options.certificate && { certificate: options.certificate };
      const proxy = { ...parts, service, target: account.urls[service], ...certificate };
      proxies.push(await startOnPort(proxy, ports[at] as WantedPort));
    }
    await rememberPorts(options.dataDirectory, proxies);
    return { account: describe(account, proxies, options.certificate), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function describe(
  { name, key, urls }: Account,
  proxies: readonly StorageProxy[],
  certificate: LocalCertificate | undefined,
): StorageAccount {
  const [blob, queue, table] = proxies.map(({ url }) => url) as [string, string, string];
  return {
    accountName: name,
    accountKey: key,
    public: { blob, queue, table },
    direct: urls,
    ...(certificate !== undefined && { certificate: certificate.certPem }),
  };
}

/** A port that was asked for, or one that would be good to have again. */
interface WantedPort {
  readonly port: number;
  readonly isAskedFor: boolean;
}

async function startOnPort(
  proxy: Omit<Parameters<typeof startStorageProxy>[0], 'port'>,
  { port, isAskedFor }: WantedPort,
): Promise<StorageProxy> {
  try {
    return await startStorageProxy({ ...proxy, port });
  } catch (error) {
    if (isAskedFor || !(error instanceof LocalError) || error.code !== 'PORT_TAKEN') {
      throw error;
    }
    return startStorageProxy({ ...proxy, port: 0 });
  }
}

/** With a data directory the ports of the last run: messages still queued hold addresses with them. */
async function proxyPorts({ port, dataDirectory }: StorageOptions): Promise<readonly WantedPort[]> {
  if (port) {
    return SERVICES.map((_, at) => ({ port: port + at, isAskedFor: true }));
  }
  const text = await readFile(join(dataDirectory ?? '', PORTS_FILE), 'utf8').catch(() => '[]');
  const earlier = dataDirectory === undefined ? [] : (JSON.parse(text) as number[]);
  return SERVICES.map((_, at) => ({ port: earlier[at] ?? 0, isAskedFor: false }));
}

async function rememberPorts(directory: string | undefined, proxies: readonly StorageProxy[]): Promise<void> {
  if (directory !== undefined) {
    const ports = proxies.map(({ url }) => Number(new URL(url).port));
    await writeFile(join(directory, PORTS_FILE), JSON.stringify(ports));
  }
}

async function startOwn({ dataDirectory, certificateFiles }: StorageOptions) {
  const azurite = await startAzurite({
    ...(dataDirectory !== undefined && { dataDir: join(dataDirectory, 'azurite') }),
    ...certificateFiles,
  });
  const { blobUrl: blob, queueUrl: queue, tableUrl: table } = azurite;
  const account = { name: AZURITE_ACCOUNT, key: AZURITE_KEY, urls: { blob, queue, table } };
  return { account, stop: () => azurite.stop() };
}

/** @throws LocalError `CONFIGURATION` when the text names no account. The text is never repeated: it may hold a key. */
function accountAt(address: string): Account {
  return /^https?:\/\//i.test(address) ? accountOfUrl(address) : accountOfConnectionString(address);
}

function accountOfUrl(address: string): Account {
  const url = new URL(address);
  if (url.port === '') {
    throw new LocalError('CONFIGURATION', '--storage needs the blob service address with its port');
  }
  const name = url.pathname.split('/').find(Boolean) ?? AZURITE_ACCOUNT;
  const at = (offset: number) => `${url.protocol}//${url.hostname}:${Number(url.port) + offset}/${name}`;
  return { name, key: AZURITE_KEY, urls: { blob: at(0), queue: at(1), table: at(2) } };
}

function accountOfConnectionString(text: string): Account {
  const parts = new Map(
    text
      .split(';')
      .filter((part) => part.includes('='))
      .map((part) => {
        const cut = part.indexOf('=');
        return [part.slice(0, cut).trim().toLowerCase(), part.slice(cut + 1).trim()];
      }),
  );
  if (parts.get('usedevelopmentstorage')?.toLowerCase() === 'true') {
    return accountOfUrl(`http://127.0.0.1:10000/${AZURITE_ACCOUNT}`);
  }
  const [name, key, blob, queue, table] = [
    'accountname',
    'accountkey',
    'blobendpoint',
    'queueendpoint',
    'tableendpoint',
  ].map((field) => parts.get(field)?.replace(/\/$/, ''));
  if (!name || !key || !blob || !queue || !table) {
    throw new LocalError(
      'CONFIGURATION',
      '--storage needs a connection string with AccountName, AccountKey, BlobEndpoint, QueueEndpoint and TableEndpoint',
      { fix: 'or the address of a running Azurite, such as http://127.0.0.1:10000/devstoreaccount1' },
    );
  }
  return { name, key, urls: { blob, queue, table } };
}
