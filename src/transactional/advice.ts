import * as commands from '../kusto/load-commands.js';
import { type ErrorCode, errorCodes } from '../runtime/error-codes.js';
import { loadMark, markerTag } from './names.js';
import type { Load, LoadError } from './types.js';

export interface Advice {
  readonly cause: string;
  /** Commands for the cluster that show more, the likeliest first. */
  readonly lookAt: readonly string[];
  readonly nextCommand: string;
}

/** Failures of the blobs of a load: they are recorded under the table that the blobs were to go into. */
export function showFailuresOf({ id, options }: Pick<Load, 'id' | 'options'>): string {
  const { writeMode, table, tempTableName } = options;
  if (writeMode === 'Queued') return commands.showTableFailures(table);
  if (tempTableName !== undefined) return commands.showTableFailures(tempTableName);
  return commands.showStagingFailures(loadMark(id));
}

/** What of the load is in its target. */
const showMarked = ({ id, options }: Load): string => commands.showTagged(options.table, markerTag(id));

/** What to look at after an error, beside the commands of the load itself. */
const looks: Partial<Record<ErrorCode, (load: Load) => readonly string[]>> = {
  LOAD_SOURCE_REFUSED: (load) => [showFailuresOf(load)],
  LOAD_PARTIAL: (load) => [showFailuresOf(load), showMarked(load)],
  LOAD_TIMED_OUT: (load) => [
    commands.showPolicy(load.options.table, 'ingestionbatching'),
    showFailuresOf(load),
  ],
  LOAD_UNDO_FAILED: (load) => [showMarked(load)],
  LOAD_COMMIT_FAILED: ({ commit }) =>
    commit?.operationId === undefined ? [] : [commands.showOperation(commit.operationId)],
  LOAD_SCHEMA_MISMATCH: ({ options }) => [`.show table ['${options.table}'] cslschema`],
  LOAD_MAPPING_MISSING: ({ options }) => [`.show table ['${options.table}'] ingestion mappings`],
  KUSTO_FORBIDDEN: ({ options }) => [`.show table ['${options.table}'] principals`],
};

/** Every right that a load needs; the service only says that one is missing. */
function rightsOf({ options: { database, table } }: Load): string {
  const who = "('aadapp=CLIENT_ID;TENANT_ID')";
  const roles = ['users', 'viewers', 'ingestors'].map(
    (role) => `.add database ['${database}'] ${role} ${who}`,
  );
  return ['a load needs all of these', ...roles, `.add table ['${table}'] admins ${who}`].join('; ');
}

/** What an error of a load means and what to do next. */
export function diagnosisOf(load: Load, error: LoadError): Advice {
  const isDirty = load.state === 'failedDirty';
  const { cause } = errorCodes[error.code];
  return {
    cause: error.code === 'KUSTO_FORBIDDEN' ? `${cause}; ${rightsOf(load)}` : cause,
    lookAt: [...(looks[error.code]?.(load) ?? []), commands.showCommandsHaving(load.id)],
    nextCommand: isDirty ? `kusto-functions load show ${load.id}` : `kusto-functions diagnose ${load.id}`,
  };
}
