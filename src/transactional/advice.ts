import * as commands from '../kusto/load-commands.js';
import { type ErrorCode, errorCodes } from '../runtime/error-codes.js';
import type { Load, LoadError } from './types.js';

export interface Advice {
  readonly cause: string;
  /** Commands for the cluster that show more, the likeliest first. */
  readonly lookAt: readonly string[];
  readonly nextCommand: string;
}

/** What to look at after an error, beside the commands of the load itself. */
const looks: Partial<Record<ErrorCode, (load: Load) => readonly string[]>> = {
  LOAD_SOURCE_REFUSED: ({ options }) => [commands.showTableFailures(options.table)],
  LOAD_PARTIAL: ({ options }) => [commands.showTableFailures(options.table)],
  LOAD_TIMED_OUT: ({ options }) => [
    commands.showPolicy(options.table, 'ingestionbatching'),
    commands.showTableFailures(options.table),
  ],
  LOAD_COMMIT_FAILED: ({ commit }) =>
    commit?.operationId === undefined ? [] : [commands.showOperation(commit.operationId)],
  LOAD_SCHEMA_MISMATCH: ({ options }) => [`.show table ['${options.table}'] cslschema`],
  LOAD_MAPPING_MISSING: ({ options }) => [`.show table ['${options.table}'] ingestion mappings`],
  KUSTO_FORBIDDEN: ({ options }) => [`.show table ['${options.table}'] principals`],
};

/** What an error of a load means and what to do next. */
export function diagnosisOf(load: Load, error: LoadError): Advice {
  const isDirty = load.state === 'failedDirty';
  return {
    cause: errorCodes[error.code].cause,
    lookAt: [...(looks[error.code]?.(load) ?? []), commands.showCommandsHaving(load.id)],
    nextCommand: isDirty ? `kusto-functions load show ${load.id}` : `kusto-functions diagnose ${load.id}`,
  };
}
