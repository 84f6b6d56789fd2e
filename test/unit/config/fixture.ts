import { type CheckedConfig, checkConfig, type LoadInput } from '../../../src/config/load-config.js';
import type { Config } from '../../../src/config/types.js';

export const settings = {
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
  EVENTHUB: 'Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true;',
};

export const kustoPart = `kusto:
  cluster: https://c.westeurope.kusto.windows.net
  auth: { kind: managedIdentity }
`;

/** A file with one source whose route has these further lines. */
export function withRoute(route: string, source = ''): string {
  return `${kustoPart}sources:
  - name: s
    eventHub: { connection: EVENTHUB, name: h }
${source}
    route:
      database: D
      table: T
${route}
`;
}

export function check(yamlText: string, more: Partial<LoadInput> = {}): CheckedConfig {
  return checkConfig({ yamlText, path: '/app/pipeline.yaml', settings, ...more });
}

/** The configuration; fails with its mistakes. */
export function good(yamlText: string, more: Partial<LoadInput> = {}): Config {
  const { config, mistakes } = check(yamlText, more);
  if (config === undefined) {
    throw new Error(JSON.stringify(mistakes, null, 1));
  }
  return config;
}

/** `path: problem` of every mistake. */
export function mistakesOf(yamlText: string, more: Partial<LoadInput> = {}): string[] {
  return check(yamlText, more).mistakes.map(({ path, problem }) => `${path}: ${problem}`);
}
