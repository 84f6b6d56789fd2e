import type { Change, StoredExtent } from './model.js';

/** Marks what JSON has no form of. */
const BIGINT = '$bigint';
const MAP = '$map';

/**
 * One transaction as a line of JSON. Extents go without their columns, which are in files of their own.
 */
export function encodeChanges(changes: readonly Change[]): string {
  const light = changes.map((change) =>
    change.kind === 'extents' ? { ...change, add: change.add.map(withoutColumns) } : change,
  );
  return JSON.stringify(light, (_key, value: unknown) => {
    if (typeof value === 'bigint') {
      return { [BIGINT]: String(value) };
    }
    return value instanceof Map ? { [MAP]: [...value] } : value;
  });
}

function withoutColumns({ columns: _, ...rest }: StoredExtent): Omit<StoredExtent, 'columns'> {
  return rest;
}

/** The transaction of a line; its extents have no columns yet. */
export function decodeChanges(line: string): Change[] {
  const changes = JSON.parse(line, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) {
      return value;
    }
    if (BIGINT in value) {
      return BigInt(String(value[BIGINT]));
    }
    return MAP in value ? new Map(value[MAP] as [unknown, unknown][]) : value;
  }) as Change[];
  return changes.map((change) =>
    change.kind === 'extents'
      ? { ...change, add: change.add.map((extent) => ({ ...extent, columns: new Map() })) }
      : change,
  );
}
