/** `Database.Table` patterns, compiled; `*` stands for any number of characters on its side of the first dot. */
export interface AllowList {
  readonly empty: boolean;
  allows(database: string, table: string): boolean;
}

function wildcard(pattern: string): RegExp {
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^]*');
  return new RegExp(`^${source}$`);
}

/** Names are compared with their case, as the service compares them. A pattern without a dot allows nothing. */
export function createAllowList(patterns: readonly string[]): AllowList {
  const rules = patterns
    .filter((pattern) => pattern.includes('.'))
    .map((pattern) => {
      const dot = pattern.indexOf('.');
      return { database: wildcard(pattern.slice(0, dot)), table: wildcard(pattern.slice(dot + 1)) };
    });
  return {
    empty: patterns.length === 0,
    allows: (database, table) => rules.some((rule) => rule.database.test(database) && rule.table.test(table)),
  };
}
