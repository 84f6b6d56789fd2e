import { notSupported } from '../errors.js';
import type { Database } from './model.js';

/** A materialised view as defined. It is listed, and counts as a dependent of its source; nothing fills it. */
export interface StoredView {
  readonly name: string;
  readonly sourceTable: string;
  readonly query: string;
  readonly isEnabled: boolean;
  readonly folder: string;
  readonly docstring: string;
  readonly autoUpdateSchema: boolean;
  /** Ticks; absent where none was given. */
  readonly effectiveFrom?: bigint;
  readonly lookback: string;
  readonly lookbackColumn: string;
}

interface UpdateRule {
  readonly IsEnabled?: unknown;
  readonly Source?: unknown;
}

/**
 * @throws KustoError when rows that come into `table` would have to run an update policy of another table.
 */
export function demandNoUpdatePolicy({ tables }: Database, table: string): void {
  for (const [name, { policies }] of tables) {
    const rules = policies.get('update');
    const feeds = Array.isArray(rules) && (rules as UpdateRule[]).some((rule) => isFedBy(rule, table));
    if (feeds) {
      throw notSupported(
        `Running the update policy of table '${name}', which ingestion into table '${table}' asks for,`,
      );
    }
  }
}

function isFedBy({ IsEnabled, Source }: UpdateRule, table: string): boolean {
  return IsEnabled !== false && Source === table;
}
