import type { TokenCredential } from '@azure/identity';
import { CloudSettings, kustoTrustedEndpoints, MatchRule } from 'azure-kusto-data';
import type { KustoConfig } from '../config/types.js';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import { createCredential } from './auth.azure.js';
import { asObject, classifyAnswer } from './classify.js';
import type { Authorize, HttpClient } from './http.js';

const METADATA_TIMEOUT_MS = 20_000;

/** What all calls to one cluster share: its cloud, the credential and the token cache. */
export interface KustoSession {
  readonly authorize: Authorize;
  /** Undefined for `auth: none`. Asks the cluster for its cloud first. */
  credential(): Promise<TokenCredential | undefined>;
}

export interface SessionOptions {
  readonly kusto: KustoConfig;
  readonly http: HttpClient;
  readonly clock: Pick<Clock, 'now'>;
}

interface Ready {
  readonly credential: TokenCredential | undefined;
  readonly loginEndpoint: string;
  readonly scope: string;
}

/**
 * Asks the cluster once for its cloud (login endpoint, resource id), which decides authority, scope and trusted
 * hosts. A failed question is asked again by the next call. The SDK's own cache is filled too, as its question has
 * no timeout, ignores the proxy and is asked once per parallel first call.
 */
export function createKustoSession(options: SessionOptions): KustoSession {
  const { kusto } = options;
  let pending: Promise<Ready> | undefined;
  const ready = (): Promise<Ready> => {
    pending ??= prepare(options).catch((error: unknown) => {
      pending = undefined;
      throw error;
    });
    return pending;
  };
  return {
    credential: async () => (await ready()).credential,
    authorize: async (url): Promise<Record<string, string>> => {
      const { credential, loginEndpoint, scope } = await ready();
      if (credential === undefined) return {};
      requireTrusted(url, loginEndpoint);
      const token = await credential.getToken(scope);
      if (token === null) throw new KfError('AUTH_FAILED', `token (${kusto.auth.kind}): none was given`);
      return { authorization: `Bearer ${token.token}` };
    },
  };
}

/** A token is sent only to hosts that belong to the cluster's cloud, or to this machine. */
function requireTrusted(url: string, loginEndpoint: string): void {
  try {
    kustoTrustedEndpoints.validateTrustedEndpoint(url, loginEndpoint);
  } catch {
    throw new KfError(
      'CONFIG_INVALID',
      `kusto.cluster: ${new URL(url).hostname} is not a Kusto host of this cloud, so no token is sent to it`,
    );
  }
}

/** Lets the SDK and us send tokens to the hosts that the configuration vouches for: `host.name` or `*.domain`. */
function trust(hosts: readonly string[]): void {
  const rules = hosts.map((host) =>
    host.startsWith('*.') ? new MatchRule(host.slice(1), false) : new MatchRule(host, true),
  );
  if (rules.length > 0) kustoTrustedEndpoints.addTrustedHosts(rules, false);
}

async function prepare(options: SessionOptions): Promise<Ready> {
  const { kusto, http, clock } = options;
  trust(kusto.trustedHosts ?? []);
  const cloud = await readCloud(http, kusto.engineUrl);
  for (const url of [kusto.engineUrl, kusto.ingestUrl]) CloudSettings.writeToCache(url, cloud);
  const settings = CloudSettings.getFromCache(kusto.engineUrl);
  if (settings === undefined) throw new KfError('INTERNAL', 'cloud settings: not kept');
  const resource = settings.LoginMfaRequired
    ? settings.KustoServiceResourceId.replace('.kusto.', '.kustomfa.')
    : settings.KustoServiceResourceId;
  const credential = createCredential({
    auth: kusto.auth,
    clock,
    loginEndpoint: settings.LoginEndpoint,
    ...(kusto.proxyUrl === undefined ? {} : { proxyUrl: kusto.proxyUrl }),
  });
  return { credential, loginEndpoint: settings.LoginEndpoint, scope: `${resource}/.default` };
}

type CloudInfo = Parameters<typeof CloudSettings.writeToCache>[1];

/** Undefined: the public cloud, for a cluster that has no such endpoint or names no cloud. */
async function readCloud(http: HttpClient, engineUrl: string): Promise<CloudInfo> {
  const url = new URL('/v1/rest/auth/metadata', engineUrl).href;
  const answer = await http.request({ method: 'GET', url, timeoutMs: METADATA_TIMEOUT_MS });
  if (answer.status === 404) return undefined;
  const text = answer.body.toString();
  if (answer.status !== 200) throw classifyAnswer({ ...answer, text }, 'cloud metadata');
  try {
    const cloud = asObject(asObject(JSON.parse(text))['AzureAD']);
    return typeof cloud['LoginEndpoint'] === 'string' && typeof cloud['KustoServiceResourceId'] === 'string'
      ? (cloud as unknown as CloudInfo)
      : undefined;
  } catch {
    throw new KfError('KUSTO_BAD_ANSWER', 'cloud metadata: the answer is not JSON');
  }
}
