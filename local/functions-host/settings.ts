import { HostError } from './errors.js';

/** Application settings: process environment over `Values` of local.settings.json. */
export interface Settings {
  /** Value of one setting; names match in any case and `:` equals `__`, as in .NET configuration. */
  get(name: string): string | undefined;
  /**
   * Replaces each `%NAME%`.
   * @throws HostError `setting-missing` naming the setting
   */
  resolve(text: string): string;
  /** Everything, as the environment of the worker. */
  environment(): Record<string, string>;
}

const PLACEHOLDER = /%([^%\s]+)%/g;

function normal(name: string): string {
  return name.replaceAll(':', '__').toLowerCase();
}

/** Builds the settings; the first map wins over the second. */
export function createSettings(
  processEnv: Readonly<Record<string, string | undefined>>,
  values: Readonly<Record<string, string>>,
): Settings {
  const merged: Record<string, string> = {};
  const byName = new Map<string, string>();
  for (const source of [values, processEnv]) {
    for (const [name, value] of Object.entries(source)) {
      if (value === undefined) continue;
      merged[name] = value;
      byName.set(normal(name), value);
    }
  }
  const get = (name: string) => byName.get(normal(name));
  return {
    get,
    resolve: (text) =>
      text.replace(PLACEHOLDER, (_whole, name: string) => {
        const value = get(name);
        if (value === undefined) {
          throw new HostError(
            'setting-missing',
            `%${name}% names an app setting that is not set; set ${name}`,
          );
        }
        return value;
      }),
    environment: () => ({ ...merged }),
  };
}

/**
 * Finds a connection: `AzureWebJobs<name>` first, then `<name>`, as the WebJobs SDK looks it up.
 * @throws HostError `setting-missing`, or `binding-unsupported` for identity-based connections
 */
export function connectionString(settings: Settings, name: string): string {
  const found = settings.get(`AzureWebJobs${name}`) ?? settings.get(name);
  if (found) return found;
  const identity = ['fullyQualifiedNamespace', 'accountName', 'blobServiceUri', 'queueServiceUri'].find(
    (part) => settings.get(`${name}__${part}`),
  );
  if (identity) {
    throw new HostError(
      'binding-unsupported',
      `connection "${name}" is identity based (${name}__${identity}); the local host needs a connection string in ${name}`,
    );
  }
  throw new HostError(
    'setting-missing',
    `connection "${name}" is not set; put a connection string into app setting ${name}`,
  );
}
