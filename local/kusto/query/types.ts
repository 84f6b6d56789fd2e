import type { Catalog } from '../catalog/types.js';
import type { RowSet } from '../store/types.js';

export interface QueryRequest {
  readonly database: string;
  readonly text: string;
  /** `properties.Parameters`: KQL literal text by name (strings raw, longs as JSON numbers in some SDKs). */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** `properties.Options`. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Rows bound to `$command_results` or piped from a command (`.show tables | where …`). */
  readonly input?: RowSet;
  readonly signal?: AbortSignal;
}

export interface QueryResult {
  /** One per tabular statement. */
  readonly tables: readonly RowSet[];
  /** What `render` asked for, passed through to `@ExtendedProperties`. */
  readonly visualization?: Readonly<Record<string, unknown>>;
  /** The database cursor, when the query used cursor functions: the `Cursor` row of `@ExtendedProperties`. */
  readonly cursor?: string;
}

export interface QueryEngine {
  /** @throws KustoError with `Semantic error: …` or `Syntax error: …`, or a refusal by name. */
  execute(request: QueryRequest, catalog: Catalog): Promise<QueryResult>;
}
