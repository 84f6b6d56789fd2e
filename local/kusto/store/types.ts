/** The ten scalar types of Kusto. */
export type ScalarType =
  | 'bool'
  | 'int'
  | 'long'
  | 'real'
  | 'decimal'
  | 'string'
  | 'datetime'
  | 'timespan'
  | 'guid'
  | 'dynamic';

export interface ColumnSchema {
  readonly name: string;
  readonly type: ScalarType;
  readonly docstring?: string;
}

/** An exact decimal: `unscaled` × 10^-`scale`. */
export interface Decimal {
  readonly unscaled: bigint;
  readonly scale: number;
}

/** A dynamic value: the JSON text as it arrived (numbers never re-printed), parsed on demand and once. */
export interface Dynamic {
  readonly text: string;
  value(): DynamicNode;
}

/**
 * A parsed dynamic. Integers are `bigint` when they lie outside ±(2^53 − 1) and `number` otherwise;
 * a whole number written without fraction or exponent is `long` to `gettype()`, hence {@link DynamicReal}.
 */
export type DynamicNode =
  | null
  | boolean
  | number
  | bigint
  | string
  | DynamicReal
  | readonly DynamicNode[]
  | ReadonlyMap<string, DynamicNode>;

/** A JSON number with fraction or exponent, kept apart from whole numbers. */
export interface DynamicReal {
  readonly real: number;
}

/**
 * The value of one cell. Which member is meant follows from the column's type:
 * bool → boolean; int, real → number; long → bigint; decimal → Decimal; string → string (never null: Kusto
 * strings have no null, only empty); datetime → bigint, 100 ns ticks since 0001-01-01T00:00:00Z;
 * timespan → bigint, 100 ns ticks; guid → lower-case text; dynamic → Dynamic. `null` is Kusto's null.
 */
export type Cell = null | boolean | number | bigint | string | Decimal | Dynamic;

/** An immutable vector of cells of one type. */
export interface Column {
  readonly type: ScalarType;
  readonly length: number;
  /** Bytes held in memory, estimated. */
  readonly byteSize: number;
  get(row: number): Cell;
}

export interface ColumnBuilder {
  readonly type: ScalarType;
  readonly length: number;
  append(cell: Cell): void;
  finish(): Column;
}

/** An immutable data shard; moving or dropping it is a change of its table's list only. */
export interface Extent {
  readonly id: string;
  /** Ticks. `createdOn` drives retention, `ingestedOn` is `ingestion_time()`. */
  readonly createdOn: bigint;
  /** Of an extent that others were merged into; {@link createdOn} is then the time of the newest. */
  readonly oldestCreatedOn?: bigint;
  readonly ingestedOn: bigint;
  /** `ingestion_time()` of each row, in an extent that others were merged into; {@link ingestedOn} is then the latest. */
  readonly ingestedOnByRow?: Column;
  readonly tags: readonly string[];
  readonly rowCount: number;
  /** Bytes of the uncompressed source data. */
  readonly originalSize: number;
  /**
   * By column name; a column added to the table later is absent here and reads as null. An extent that others were
   * merged into also has `$IngestionTime`: `ingestion_time()` row by row, {@link ingestedOn} being the latest.
   */
  readonly columns: ReadonlyMap<string, Column>;
}

/** Rows as vectors; what a query answers and what an ingestion appends. */
export interface RowSet {
  readonly schema: readonly ColumnSchema[];
  readonly columns: readonly Column[];
  readonly rowCount: number;
}
