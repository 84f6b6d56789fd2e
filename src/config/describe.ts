import type { Config } from './types.js';

const secretKeys = new Set(['clientSecret', 'token', 'connectionString']);

/** The account of a storage connection string, without its key. */
function accountOf(connectionString: string): string {
  const account = /(?:^|;)AccountName=([^;]*)/i.exec(connectionString)?.[1];
  return account ?? (/UseDevelopmentStorage=true/i.test(connectionString) ? 'local emulator' : 'given');
}

/** The configuration as plain data for logs and `check`: secrets are left out. */
export function describeConfig(config: Config): Record<string, unknown> {
  const walk = (value: unknown, key: string): unknown => {
    if (secretKeys.has(key) && typeof value === 'string') {
      return key === 'connectionString' ? `(secret, account: ${accountOf(value)})` : '(secret)';
    }
    if (Array.isArray(value)) {
      return value.map((item) => walk(item, ''));
    }
    if (value !== null && typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, walk(item, name)]));
    }
    return key === 'proxyUrl' && typeof value === 'string' ? value.replace(/\/\/[^/@]*@/, '//') : value;
  };
  return walk(config, '') as Record<string, unknown>;
}
