import { CLUSTER_COMMANDS } from './cluster.js';
import { SHOW_TABLE_COMMANDS } from './show-tables.js';
import { TABLE_COMMANDS } from './tables.js';
import type { CommandDefinition } from './types.js';

/** Every command of the engine: one file per family. */
export const COMMANDS: readonly CommandDefinition[] = [
  ...TABLE_COMMANDS,
  ...SHOW_TABLE_COMMANDS,
  ...CLUSTER_COMMANDS,
];
