import type { AuthConfig, Config, RouteConfig, TableDefinition } from '../config/types.js';

/** A table that data goes to, and how. */
export interface CheckTarget {
  readonly database: string;
  readonly name: string;
  /** Who sends there: `source flights`, `http`. */
  readonly by: string;
  readonly route?: RouteConfig;
}

/** Every table that is named without a wildcard: by routes, and by what HTTP callers may write to. */
export function targetsOf(config: Config): readonly CheckTarget[] {
  const routes = config.sources.map(({ name, route }): CheckTarget => {
    const { database, table } = route;
    return { database, name: table, by: `source ${name}`, route };
  });
  const http = config.http.tables
    .filter((pattern) => !pattern.includes('*'))
    .map((pattern): CheckTarget => {
      const dot = pattern.indexOf('.');
      return { database: pattern.slice(0, dot), name: pattern.slice(dot + 1), by: 'http' };
    });
  return [...routes, ...http];
}

export function definitionOf(config: Config, target: CheckTarget): TableDefinition | undefined {
  return config.tables.find(({ database, name }) => database === target.database && name === target.name);
}

/** The principal as `.add database … ingestors` takes it; words in capitals where only the user knows. */
export function principalOf(auth: AuthConfig): string {
  switch (auth.kind) {
    case 'application':
    case 'certificate':
      return `aadapp=${auth.clientId};${auth.tenantId}`;
    case 'managedIdentity':
    case 'workloadIdentity':
      return `aadapp=${auth.clientId ?? 'CLIENT_ID_OF_THE_IDENTITY'}`;
    case 'azureCli':
      return 'aaduser=YOUR_NAME@YOUR_DOMAIN';
    default:
      return 'aadapp=CLIENT_ID;TENANT_ID';
  }
}
