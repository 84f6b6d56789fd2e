import type { StoreColumn } from '../../store/columns.js';
import type { ScalarType } from '../../store/types.js';

/** A vector of cells of one type; what expressions take and give. */
export type Vector = StoreColumn;

export interface PlanColumn {
  readonly name: string;
  readonly type: ScalarType;
  /** Extent properties travel beside the rows under names no query can spell; they are never answered. */
  readonly hidden?: boolean;
}

/** Some rows of a table. Columns are made when they are first asked for. */
export interface Batch {
  readonly rowCount: number;
  column(index: number): Vector;
}

/** A typed scalar expression, evaluated a batch at a time. */
export interface Expr {
  readonly type: ScalarType;
  /** The value does not depend on the row. */
  readonly constant: boolean;
  evaluate(batch: Batch): Vector;
}

/** What a running query may ask of its surroundings. */
export interface Run {
  /**
   * Lets the event loop breathe when the query has held it for long.
   * @throws when the query was aborted or its time is up.
   */
  pause(): Promise<void>;
}

/** A tabular expression. `open` may be called any number of times. */
export interface Rel {
  readonly schema: readonly PlanColumn[];
  /** Row order is meaningful, so that window functions are legal. */
  readonly ordered: boolean;
  /** Number of rows where it is known without reading them. */
  readonly knownRows?: number;
  open(run: Run): AsyncIterable<Batch>;
}
