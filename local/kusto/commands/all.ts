import { CLUSTER_COMMANDS } from './cluster.js';
import { FUNCTION_COMMANDS } from './functions.js';
import { MAPPING_COMMANDS } from './mappings.js';
import { POLICY_COMMANDS } from './policies.js';
import { SHOW_TABLE_COMMANDS } from './show-tables.js';
import { TABLE_COMMANDS } from './tables.js';
import type { CommandDefinition } from './types.js';

/** Every command of the engine: one file per family. */
export const COMMANDS: readonly CommandDefinition[] = [
  ...TABLE_COMMANDS,
  ...SHOW_TABLE_COMMANDS,
  ...FUNCTION_COMMANDS,
  ...MAPPING_COMMANDS,
  ...POLICY_COMMANDS,
  ...CLUSTER_COMMANDS,
];
