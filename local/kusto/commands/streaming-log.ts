import type { Cell, RowSet } from '../store/types.js';
import { columns, jsonCell, resultTable } from './results.js';

const STATISTICS = columns(
  'Database, Table, StartTime:datetime, EndTime:datetime, Count:long, MinDuration:timespan, MaxDuration:timespan, ' +
    'AvgDuration:timespan, TotalDataSize:long, MinDataSize:long, MaxDataSize:long, TotalRowCount:long, ' +
    'MinRowCount:long, MaxRowCount:long, IngestionStatus, NumOfRowStoresReferences:int, Principal, NodeId, ' +
    'IngestionProperties:dynamic',
);
/** Tables, principals and outcomes counted apart; further ones are not counted. */
const MAX_GROUPS = 10_000;

/** One streaming ingestion request that was answered. Times and durations in ticks. */
export interface StreamingEvent {
  readonly database: string;
  readonly table: string;
  readonly principal: string;
  readonly succeeded: boolean;
  readonly startedOn: bigint;
  readonly endedOn: bigint;
  readonly bytes: number;
  readonly rows: number;
}

interface Range {
  total: bigint;
  min: bigint;
  max: bigint;
}

interface Group {
  readonly first: StreamingEvent;
  last: StreamingEvent;
  count: bigint;
  readonly duration: Range;
  readonly bytes: Range;
  readonly rows: Range;
}

function extend(range: Range, value: bigint): void {
  range.total += value;
  range.min = value < range.min ? value : range.min;
  range.max = value > range.max ? value : range.max;
}

function emptyRange(value: bigint): Range {
  return { total: 0n, min: value, max: value };
}

/** Counts streaming ingestion requests by table, principal and outcome, since the start of the process. */
export class StreamingLog {
  readonly #groups = new Map<string, Group>();

  record(event: StreamingEvent): void {
    const key = JSON.stringify([event.database, event.table, event.principal, event.succeeded]);
    const duration = event.endedOn - event.startedOn;
    const group = this.#groups.get(key) ?? {
      ...{ first: event, last: event, count: 0n, duration: emptyRange(duration) },
      ...{ bytes: emptyRange(BigInt(event.bytes)), rows: emptyRange(BigInt(event.rows)) },
    };
    group.last = event;
    group.count += 1n;
    extend(group.duration, duration);
    extend(group.bytes, BigInt(event.bytes));
    extend(group.rows, BigInt(event.rows));
    if (this.#groups.has(key) || this.#groups.size < MAX_GROUPS) {
      this.#groups.set(key, group);
    }
  }

  /** Rows of `.show streamingingestion statistics` for the databases that `isVisible` accepts. */
  statistics(isVisible: (database: string) => boolean): RowSet {
    const visible = [...this.#groups.values()].filter(({ first }) => isVisible(first.database));
    return resultTable(STATISTICS, visible.map(statisticsRow));
  }
}

function statisticsRow({ first, last, count, duration, bytes, rows }: Group): Cell[] {
  return [
    ...[first.database, first.table, first.startedOn, last.endedOn, count],
    ...[duration.min, duration.max, duration.total / count],
    ...[bytes.total, bytes.min, bytes.max, rows.total, rows.min, rows.max],
    ...[first.succeeded ? 'Success' : 'Failure', 0, first.principal, 'KEngine000000', jsonCell({})],
  ];
}
