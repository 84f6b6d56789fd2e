import type { TokenCredential } from '@azure/identity';
import type { StorageAccount } from '../config/storage-settings.js';
import { KfError } from '../runtime/errors.js';

/** What both storage adapters need to reach the account. */
export interface StorageAccountOptions {
  readonly storage: StorageAccount;
  /** For an account reached with an identity (`blobUrl`, `tableUrl`). */
  readonly credential?: TokenCredential;
  readonly proxyUrl?: string;
}

/** Attempts and time of one storage call; the adapters repeat calls themselves, so the SDKs do not. */
export const storageRetryPolicy = {
  maxAttempts: 4,
  baseMs: 200,
  maxMs: 4_000,
  maxElapsedMs: 30_000,
} as const;

interface ProxySettings {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
}

/** The proxy in the form of the Azure SDKs. */
export function proxySettings(proxyUrl: string | undefined): { proxyOptions?: ProxySettings } {
  if (proxyUrl === undefined) return {};
  const url = new URL(proxyUrl);
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return {
    proxyOptions: {
      host: `${url.protocol}//${url.hostname}`,
      port,
      ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
      ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    },
  };
}

/** @throws CONFIG_INVALID when the account has no credential to go with its URL. */
export function requireCredential(
  options: StorageAccountOptions,
  url: string | undefined,
  key: string,
): [string, TokenCredential] {
  if (url === undefined) {
    throw new KfError('CONFIG_INVALID', `storage: neither connectionString nor ${key} is set`);
  }
  if (options.credential === undefined) {
    throw new KfError(
      'CONFIG_INVALID',
      `storage.${key}: needs an identity; set storage.connectionString instead`,
    );
  }
  return [url, options.credential];
}
