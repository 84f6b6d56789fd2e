import {
  type AccessToken,
  AzureCliCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
  type TokenCredential,
  WorkloadIdentityCredential,
} from '@azure/identity';
import type { AuthConfig } from '../config/types.js';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import { scrub } from '../runtime/redact.js';
import { proxySettings } from '../storage/account.azure.js';

/** A token is renewed this long before it ends, or when its issuer says so. */
const REFRESH_BEFORE_MS = 5 * 60_000;
/** While a renewal fails, a token is used until this long before its end. */
const LAST_USE_BEFORE_MS = 30_000;
/** After a failed renewal the old token serves at least this long before the next try. */
const REFRESH_PAUSE_MS = 30_000;
/** Scopes held at a time: Kusto, storage and the like. */
const MAX_SCOPES = 32;
/** Public, government and China clouds: the SDK checks these authorities itself. */
const knownAuthorities = /(^|\.)(microsoftonline\.(com|us)|partner\.microsoftonline\.cn|chinacloudapi\.cn)$/;

export interface CredentialOptions {
  readonly auth: AuthConfig;
  readonly clock: Pick<Clock, 'now'>;
  /** Used when `auth` names no authority host: the login endpoint of the cluster's cloud. */
  readonly loginEndpoint?: string;
  /** For token requests that leave the network; never for managed identity, whose endpoint is local. */
  readonly proxyUrl?: string;
}

/**
 * The credential of an `auth` kind with one token cache for everybody that uses it. Undefined for `none`.
 * `getToken` throws AUTH_FAILED, or KUSTO_UNREACHABLE when the issuer could not be reached.
 */
export function createCredential(options: CredentialOptions): TokenCredential | undefined {
  const plain = plainCredential(options);
  return plain === undefined ? undefined : withTokenCache(plain, options.auth.kind, options.clock);
}

function plainCredential(options: CredentialOptions): TokenCredential | undefined {
  const { auth } = options;
  switch (auth.kind) {
    case 'managedIdentity':
      return auth.clientId === undefined
        ? new ManagedIdentityCredential()
        : new ManagedIdentityCredential({ clientId: auth.clientId });
    case 'application':
      return new ClientSecretCredential(
        auth.tenantId,
        auth.clientId,
        auth.clientSecret,
        authority(options, auth),
      );
    case 'certificate':
      return new ClientCertificateCredential(auth.tenantId, auth.clientId, auth.path, {
        ...authority(options, auth),
        sendCertificateChain: true,
      });
    case 'workloadIdentity':
      return new WorkloadIdentityCredential({
        ...authority(options, auth),
        ...(auth.tenantId === undefined ? {} : { tenantId: auth.tenantId }),
        ...(auth.clientId === undefined ? {} : { clientId: auth.clientId }),
        ...(auth.tokenFilePath === undefined ? {} : { tokenFilePath: auth.tokenFilePath }),
      });
    case 'azureCli':
      return new AzureCliCredential();
    case 'accessToken':
      // The user renews it; we cannot know when it ends.
      return { getToken: async () => ({ token: auth.token, expiresOnTimestamp: Number.MAX_SAFE_INTEGER }) };
    case 'none':
      return undefined;
  }
}

function authority(options: CredentialOptions, auth: { readonly authorityHost?: string }) {
  const authorityHost = auth.authorityHost ?? options.loginEndpoint;
  const isKnown = authorityHost === undefined || knownAuthorities.test(new URL(authorityHost).hostname);
  return {
    ...(authorityHost === undefined ? {} : { authorityHost }),
    ...(isKnown ? {} : { disableInstanceDiscovery: true }),
    ...proxySettings(options.proxyUrl),
  };
}

interface CachedScope {
  token: AccessToken | undefined;
  pending: Promise<AccessToken> | undefined;
  pausedUntilMs: number;
}

/** Shares tokens and requests for them; asks anew before a token ends; survives a failing issuer while it can. */
export function withTokenCache(
  credential: TokenCredential,
  kind: string,
  clock: Pick<Clock, 'now'>,
): TokenCredential {
  const cache = new Map<string, CachedScope>();
  const ask = async (entry: CachedScope, scopes: string | string[]): Promise<AccessToken> => {
    try {
      const token = await credential.getToken(scopes);
      if (token === null) throw new Error('no token was given');
      entry.token = token;
      return token;
    } catch (thrown) {
      entry.pausedUntilMs = clock.now() + REFRESH_PAUSE_MS;
      throw authFailure(thrown, kind);
    } finally {
      entry.pending = undefined;
    }
  };
  return {
    getToken: async (scopes) => {
      const key = String(scopes);
      const entry = cache.get(key) ?? { token: undefined, pending: undefined, pausedUntilMs: 0 };
      if (cache.size >= MAX_SCOPES && !cache.has(key)) cache.clear();
      cache.set(key, entry);
      const now = clock.now();
      const { token } = entry;
      const usable = token !== undefined && token.expiresOnTimestamp - LAST_USE_BEFORE_MS > now;
      const renewAtMs = Math.min(
        token?.refreshAfterTimestamp ?? Number.MAX_SAFE_INTEGER,
        (token?.expiresOnTimestamp ?? 0) - REFRESH_BEFORE_MS,
      );
      if (usable && (now < renewAtMs || now < entry.pausedUntilMs)) return token;
      entry.pending ??= ask(entry, scopes);
      return entry.pending.catch((error: unknown) => {
        if (usable) return token;
        throw error;
      });
    },
  };
}

function authFailure(thrown: unknown, kind: string): KfError {
  if (thrown instanceof KfError) return thrown;
  const { statusCode, message, code } = thrown as { statusCode?: number; message?: string; code?: string };
  const passing =
    (statusCode !== undefined && (statusCode === 429 || statusCode >= 500)) ||
    /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|REQUEST_SEND_ERROR)/.test(code ?? '');
  return new KfError(
    passing ? 'KUSTO_UNREACHABLE' : 'AUTH_FAILED',
    `token (${kind}): ${scrub(String(message ?? thrown))}`,
  );
}
