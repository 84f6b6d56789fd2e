/**
 * Domains under which Kusto engines of the public and the sovereign clouds, Synapse and Fabric live. The list
 * follows the well-known endpoints that the Kusto SDKs trust.
 */
export const kustoDomains = [
  'kusto.windows.net',
  'kustomfa.windows.net',
  'kustodev.windows.net',
  'kusto.azuresynapse.net',
  'kustodev.azuresynapse-dogfood.net',
  'kusto.fabric.microsoft.com',
  'kusto.data.microsoft.com',
  'kusto.usgovcloudapi.net',
  'kustomfa.usgovcloudapi.net',
  'kusto.chinacloudapi.cn',
  'kustomfa.chinacloudapi.cn',
  'kusto.azuresynapse.azure.cn',
  'kusto.core.eaglex.ic.gov',
  'kustomfa.core.eaglex.ic.gov',
  'kusto.core.microsoft.scloud',
  'kustomfa.core.microsoft.scloud',
  'kusto.sovcloud-api.fr',
  'kustomfa.sovcloud-api.fr',
  'kusto.sovcloud-api.de',
  'kustomfa.sovcloud-api.de',
  'kusto.sovcloud-api.sg',
  'kustomfa.sovcloud-api.sg',
] as const;

/** Proxies in front of Azure Monitor data: they answer queries and take no data. */
const queryOnlyHost = /^ad[ex]\.(?:[a-z]+\.)?(?:applicationinsights|loganalytics|monitor)\./;

export interface Endpoints {
  readonly engineUrl: string;
  readonly ingestUrl: string;
}

export type EndpointKey = 'cluster' | 'ingestUri';
/** What is wrong with which key. */
export interface EndpointProblem {
  readonly key: EndpointKey;
  readonly problem: string;
}

/** localhost, 127.0.0.0/8 and ::1. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.toLowerCase().replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare === '::1' || /^127(?:\.\d{1,3}){3}$/.test(bare);
}

function isUnderKustoDomain(host: string): boolean {
  return kustoDomains.some((domain) => host.endsWith(`.${domain}`));
}

/** May a token be sent to this host? Known Kusto domains, loopback, and what `trustedHosts` lists (a host, or `*.domain`). */
export function isTrustedHost(host: string, trustedHosts: readonly string[]): boolean {
  const name = host.toLowerCase();
  const listed = trustedHosts.some((entry) => {
    const wanted = entry.toLowerCase();
    return wanted.startsWith('*.') ? name.endsWith(wanted.slice(1)) : name === wanted;
  });
  return listed || isLoopbackHost(name) || isUnderKustoDomain(name);
}

function parseOrigin(key: EndpointKey, text: string): URL | EndpointProblem {
  const bare = text.trim();
  const alias = key === 'cluster' && /^[a-z][a-z0-9-]{2,}$/i.test(bare) && bare !== 'localhost';
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(bare) ? bare : `https://${bare}`;
  const href = alias ? `https://${bare}.kusto.windows.net` : withScheme;
  if (!URL.canParse(href) || new URL(href).hostname === '') {
    return { key, problem: `"${text}" is no URL; write https://NAME.REGION.kusto.windows.net` };
  }
  const url = new URL(href);
  if (
    url.username !== '' ||
    url.password !== '' ||
    url.search !== '' ||
    url.hash !== '' ||
    url.pathname !== '/'
  ) {
    return { key, problem: `holds more than scheme and host; write ${url.protocol}//${url.host}` };
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopbackHost(url.hostname))) {
    return { key, problem: `must use https; http is only for localhost` };
  }
  return url;
}

function checkHost(key: EndpointKey, url: URL, trustedHosts: readonly string[]): EndpointProblem | undefined {
  const host = url.hostname;
  if (queryOnlyHost.test(host)) {
    return { key, problem: `${host} answers queries only and takes no data; name a cluster of your own` };
  }
  if (!isTrustedHost(host, trustedHosts)) {
    return {
      key,
      problem: `${host} is no known Kusto host; list it in kusto.trustedHosts if you trust it with a token`,
    };
  }
  return undefined;
}

const prefix = 'ingest-';
const origin = (url: URL, host: string): string =>
  `${url.protocol}//${host}${url.port === '' ? '' : `:${url.port}`}`;

/**
 * Engine and ingest URL of a cluster. The ingest host is the engine's with `ingest-` before it (so `private-NAME`
 * gives `ingest-private-NAME`); an ingest URL given as the cluster is turned into its engine. A loopback host
 * serves both roles under one URL. A host outside the known domains needs its `ingestUri` said.
 */
export function deriveEndpoints(
  cluster: string,
  ingestUri: string | undefined,
  trustedHosts: readonly string[],
): Endpoints | EndpointProblem {
  const engine = parseOrigin('cluster', cluster);
  if (!(engine instanceof URL)) {
    return engine;
  }
  const given = ingestUri === undefined ? undefined : parseOrigin('ingestUri', ingestUri);
  if (given !== undefined && !(given instanceof URL)) {
    return given;
  }
  const problem =
    checkHost('cluster', engine, trustedHosts) ??
    (given === undefined ? undefined : checkHost('ingestUri', given, trustedHosts));
  if (problem !== undefined) {
    return problem;
  }
  const host = engine.hostname;
  const engineHost = host.startsWith(prefix) ? host.slice(prefix.length) : host;
  const engineUrl = origin(engine, engineHost);
  if (given !== undefined) {
    return { engineUrl, ingestUrl: given.origin };
  }
  if (isLoopbackHost(host)) {
    return { engineUrl, ingestUrl: engineUrl };
  }
  if (!isUnderKustoDomain(host)) {
    return { key: 'ingestUri', problem: `is needed, because it cannot be derived from ${host}` };
  }
  return { engineUrl, ingestUrl: origin(engine, `${prefix}${engineHost}`) };
}
