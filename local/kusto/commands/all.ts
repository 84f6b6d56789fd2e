import { CACHE_COMMANDS } from './caches.js';
import { CLUSTER_COMMANDS } from './cluster.js';
import { CONTINUOUS_EXPORT_COMMANDS } from './continuous-exports.js';
import { DATABASE_COMMANDS } from './databases.js';
import { EXTENT_TAG_COMMANDS } from './extent-tags.js';
import { EXTENT_COMMANDS } from './extents.js';
import { EXTENT_DROP_COMMANDS } from './extents-drop.js';
import { EXTENT_MOVE_COMMANDS, NO_EXTENT_MOVE_COMMANDS } from './extents-move.js';
import { FUNCTION_COMMANDS } from './functions.js';
import { INGEST_DATA_COMMANDS } from './ingest-data.js';
import { INGEST_QUERY_COMMANDS } from './ingest-query.js';
import { MAPPING_COMMANDS } from './mappings.js';
import { MONITORING_COMMANDS } from './monitoring.js';
import { POLICY_COMMANDS } from './policies.js';
import { PRINCIPAL_COMMANDS } from './principals.js';
import { SCRIPT_COMMANDS } from './script.js';
import { OPERATION_COMMANDS } from './show-operations.js';
import { SHOW_TABLE_COMMANDS } from './show-tables.js';
import { TABLE_COMMANDS } from './tables.js';
import type { CommandDefinition } from './types.js';
import { VIEW_COMMANDS } from './views.js';

/** Every command of the engine: one file per family. What is not here is refused by name. */
export const COMMANDS: readonly CommandDefinition[] = [
  ...TABLE_COMMANDS,
  ...SHOW_TABLE_COMMANDS,
  ...DATABASE_COMMANDS,
  ...FUNCTION_COMMANDS,
  ...MAPPING_COMMANDS,
  ...POLICY_COMMANDS,
  ...PRINCIPAL_COMMANDS,
  ...EXTENT_COMMANDS,
  ...EXTENT_DROP_COMMANDS,
  ...EXTENT_MOVE_COMMANDS,
  ...EXTENT_TAG_COMMANDS,
  ...INGEST_QUERY_COMMANDS,
  ...INGEST_DATA_COMMANDS,
  ...OPERATION_COMMANDS,
  ...SCRIPT_COMMANDS,
  ...MONITORING_COMMANDS,
  ...CACHE_COMMANDS,
  ...CLUSTER_COMMANDS,
  ...VIEW_COMMANDS,
  ...CONTINUOUS_EXPORT_COMMANDS,
];

/** The commands of a cluster that cannot move or replace extents. */
export const COMMANDS_WITHOUT_MOVE: readonly CommandDefinition[] = [
  ...COMMANDS.filter((definition) => !EXTENT_MOVE_COMMANDS.includes(definition)),
  ...NO_EXTENT_MOVE_COMMANDS,
];
