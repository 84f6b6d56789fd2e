import type { CheckReport } from '../checks/codes.js';
import type { HostFacts } from '../config/host-facts.js';
import type { Settings } from '../config/settings.js';
import type { Config } from '../config/types.js';
import type { KustoClient } from '../kusto/ports.js';
import type { Clock } from '../runtime/clock.js';
import type { Api } from './api.js';
import type { ExitCode } from './exit-codes.js';
import type { Output } from './output.js';

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  /** How the value is called in the help; strings only. */
  readonly value?: string;
  readonly doc: string;
}

export type Values = Readonly<Record<string, string | boolean | undefined>>;

/** The file with the configuration, and what surrounds it. */
export interface ConfigSource {
  readonly path: string;
  readonly yamlText: string;
  readonly settings: Settings;
  readonly host: HostFacts;
}

/** What the command line is made of; tests bring their own. */
export interface CliDeps {
  readonly output: Output;
  readonly clock: Pick<Clock, 'now' | 'sleep' | 'newId'>;
  readonly environment: Settings;
  readonly openApi: (url: string, key: string | undefined) => Api;
  /** @throws KfError CONFIG_INVALID when a file cannot be read. */
  readonly readConfig: (file: string | undefined) => ConfigSource;
  readonly openKusto: (config: Config) => Promise<KustoClient>;
  /** The start-up checks, run from here. */
  readonly runChecks: (config: Config) => Promise<CheckReport>;
  /** On Ctrl-C `tell` is called and the command line ends with 1; answers how to stop listening. */
  readonly onInterrupt: (tell: () => void) => () => void;
}

export interface Invocation {
  readonly deps: CliDeps;
  readonly positionals: readonly string[];
  readonly values: Values;
  readonly api: Api;
  readonly json: boolean;
}

export interface Command {
  /** One or two words. */
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  /** More lines for the command's own help. */
  readonly details?: readonly string[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly positionals: { readonly min: number; readonly max: number };
  readonly run: (invocation: Invocation) => Promise<ExitCode>;
}

/** The command line is wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const text = (values: Values, name: string): string | undefined => {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
};

/** @throws UsageError */
export function requiredText(values: Values, name: string): string {
  const value = text(values, name);
  if (value === undefined || value === '') {
    throw new UsageError(`--${name} is required`);
  }
  return value;
}
