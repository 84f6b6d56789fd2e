import type { AuthConfig, KustoConfig } from '../../src/config/types.js';
import { createKustoClient } from '../../src/kusto/client.js';
import { createHttpClient, type HttpClient } from '../../src/kusto/http.js';
import type { KustoClient } from '../../src/kusto/ports.js';
import { createKustoSession, type KustoSession } from '../../src/kusto/session.azure.js';
import { systemClock } from '../../src/runtime/system-clock.js';

export interface KustoParts {
  readonly kusto: KustoConfig;
  readonly http: HttpClient;
  readonly session: KustoSession;
  readonly client: KustoClient;
}

/** The shared parts of all calls to one cluster, as the app puts them together. */
export function kustoParts(url: string, more: { auth?: AuthConfig; proxyUrl?: string } = {}): KustoParts {
  const kusto: KustoConfig = {
    engineUrl: url,
    ingestUrl: url,
    auth: more.auth ?? { kind: 'none' },
    resourceCacheMs: 3_600_000,
    ...(more.proxyUrl === undefined ? {} : { proxyUrl: more.proxyUrl }),
  };
  const http = createHttpClient(more.proxyUrl === undefined ? {} : { proxyUrl: more.proxyUrl });
  const session = createKustoSession({ kusto, http, clock: systemClock });
  return { kusto, http, session, client: createKustoClient({ kusto, session, http, clock: systemClock }) };
}
