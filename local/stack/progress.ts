/** How far one table of the sample has got. */
export interface TableProgress {
  readonly database: string;
  readonly table: string;
  /** How its rows arrive, for people. */
  readonly way: string;
  /** Rows to send; known once the file is read. */
  total: number;
  sent: number;
  queryable: number;
  deadLettered: number;
  /** Milliseconds of a monotonic clock; undefined until it began or was complete. */
  startedMs: number | undefined;
  completedMs: number | undefined;
  /** Why sending failed, if it did. */
  error: string | undefined;
}

/** A table nothing has been sent to yet. */
export function newProgress(database: string, table: string, way: string): TableProgress {
  return {
    database,
    table,
    way,
    total: 0,
    sent: 0,
    queryable: 0,
    deadLettered: 0,
    startedMs: undefined,
    completedMs: undefined,
    error: undefined,
  };
}

/** True when every row that was to be sent was sent and is queryable or dead-lettered. */
export function isAccountedFor(progress: TableProgress): boolean {
  return (
    progress.error === undefined &&
    progress.total > 0 &&
    progress.sent === progress.total &&
    progress.queryable + progress.deadLettered >= progress.sent
  );
}

/** Rows accounted for per second between the first send and the moment all were there; 0 before that. */
export function rowsPerSecond(progress: TableProgress): number {
  if (progress.startedMs === undefined || progress.completedMs === undefined) return 0;
  const seconds = Math.max(progress.completedMs - progress.startedMs, 1) / 1000;
  return Math.round((progress.queryable + progress.deadLettered) / seconds);
}
