import type { Finding } from './issues.js';
import type { LoadInputSection } from './schema-load.js';
import type { Settings } from './settings.js';
import { blobAccountUrl, resolveStorage, type StorageAccount } from './storage-settings.js';
import type { LoadStorageConfig } from './types.js';

/** `https://ACCOUNT/CONTAINER` in its parts; a loopback account has a segment of its own before the container. */
function splitAccountUrl(url: string): { readonly accountUrl: string; readonly container?: string } {
  const { origin, protocol, pathname } = new URL(url);
  const segments = pathname.split('/').filter((segment) => segment !== '');
  const account = protocol === 'http:' ? segments.shift() : undefined;
  const container = segments[0];
  return {
    accountUrl: account === undefined ? origin : `${origin}/${account}`,
    ...(container === undefined ? {} : { container }),
  };
}

/** One entry with its account; a connection without an address was found by {@link loadStorageFindings}. */
export function toLoadStorage(
  entry: LoadInputSection['storage'][number],
  own: StorageAccount,
  settings: Settings,
): LoadStorageConfig {
  if (entry.url !== undefined) {
    const { accountUrl, container } = splitAccountUrl(entry.url);
    return {
      accountUrl,
      ...(container === undefined ? {} : { container }),
      ...(entry.access === 'identity'
        ? { access: 'account', account: { blobUrl: accountUrl } }
        : { access: entry.access }),
    };
  }
  const other = entry.connection === undefined ? own : resolveStorage(settings, entry.connection);
  const account = typeof other === 'string' ? {} : other;
  return {
    accountUrl: blobAccountUrl(account) ?? '',
    ...(entry.container === undefined ? {} : { container: entry.container }),
    access: 'account',
    account,
  };
}

/** Accounts that loads may read from, and that no app setting gives an address. */
export function loadStorageFindings(
  load: unknown,
  settings: Settings,
): (Finding & { readonly setting: string })[] {
  const entries = (load as { readonly storage?: unknown } | undefined)?.storage;
  return (Array.isArray(entries) ? entries : []).flatMap((entry: unknown, index) => {
    const connection = (entry as { readonly connection?: unknown } | null)?.connection;
    if (typeof connection !== 'string') {
      return [];
    }
    const account = resolveStorage(settings, connection);
    return typeof account === 'string'
      ? [{ path: ['load', 'storage', index, 'connection'], problem: account, setting: connection }]
      : [];
  });
}
