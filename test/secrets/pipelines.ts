import type { Secrets } from './world.js';

const names = ['Rows', 'Refused', 'Streamed', 'Service'] as const;

/** Commands that make the tables. */
export const tables: readonly string[] = names.flatMap((name) => [
  `.create table ${name} (id: string, mark: string)`,
  `.alter table ${name} policy ingestionbatching '{"MaximumBatchingTimeSpan":"00:00:10"}'`,
  `.alter table ${name} policy streamingingestion enable`,
]);

const auths = {
  rest: `{ kind: application, tenantId: 11111111-2222-3333-4444-555555555555,
           clientId: 66666666-7777-8888-9999-000000000000, clientSecret: "%CLIENT_SECRET%",
           authorityHost: "%LOGIN_URL%" }`,
  message: '{ kind: accessToken, token: "%ACCESS_TOKEN%" }',
};

/** One app with a queued, a streaming and a service-staged route; its hub bears its name. */
export function pipelineOf(name: keyof typeof auths): string {
  const source = (group: string, route: string): string => `
  - name: ${name}-${group}
    eventHub: { connection: EVENTHUB, name: ${name}, consumerGroup: ${group} }
    route: { database: Secrets, format: json, ${route} }
    retry: { maxAttempts: 3, baseMs: 50, maxMs: 200, maxElapsedMs: 20000 }`;
  return `
kusto:
  cluster: "%KUSTO_CLUSTER%"
  auth: ${auths[name]}
${name === 'message' ? '  proxyUrl: "%PROXY_URL%"' : ''}
sources:${source('queued', 'table: Rows')}${source('streamed', 'table: Streamed, delivery: streaming')}${source('service', 'table: Service, staging: service')}
http: { tables: ["Secrets.*"], maxBodyBytes: 1MiB }
load: { storage: [{ container: loads-${name} }], allowSas: true }
storage: { connection: STAGING, stagingContainer: staging-${name}, ledgerTable: Ledger${name} }
deadLetter: { container: letters-${name} }
settle: { everyMs: 1000 }
`;
}

/** Mistakes of the kind that puts a secret where something else belongs. */
export function brokenPipeline(secrets: Secrets, hubConnection: string): string {
  const { clientSecret, accessToken, proxyPassword, echoedSignature } = secrets;
  return `
kusto:
  cluster: "https://account.blob.core.windows.net/c?sig=${encodeURIComponent(echoedSignature)}"
  auth: { kind: application, tenantId: t, clientId: c, clientSecret: ["${clientSecret}"] }
  proxyUrl: "socks5://user:${proxyPassword}@host"
  trustedHosts: ["Bearer ${accessToken}"]
sources:
  - name: "SharedAccessKey=${secrets.eventHubKey}"
    eventHub: { connection: "${hubConnection}", name: "AccountKey=${secrets.accountKey}" }
    route: { database: Secrets, table: Rows, format: json }
storage: { connection: "DefaultEndpointsProtocol=http;AccountKey=${secrets.accountKey}" }
`;
}
