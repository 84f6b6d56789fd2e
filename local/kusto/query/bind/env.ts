import type { Catalog } from '../../catalog/types.js';
import type { RowSet } from '../../store/types.js';
import type { Syntax } from '../parser/syntax.js';
import type { Expr, PlanColumn, Rel, Run } from '../plan/types.js';

/** A function a query or the catalogue declares. */
export interface UserFunction {
  readonly name: string;
  /** `FunctionDeclaration` node. */
  readonly declaration: Syntax;
  readonly scope: Scope;
  readonly database: string;
}

function isView(fn: UserFunction): boolean {
  return fn.declaration.children.some((part) => part.role === 'ViewKeyword');
}

export type Binding =
  | { readonly kind: 'scalar'; readonly expr: Expr }
  | { readonly kind: 'table'; readonly rel: Rel }
  | { readonly kind: 'function'; readonly fn: UserFunction };

/** Names declared by `let`, parameters and `as`, innermost first. */
export class Scope {
  private readonly names = new Map<string, Binding>();
  private readonly parent: Scope | undefined;

  constructor(parent?: Scope) {
    this.parent = parent;
  }

  get(name: string): Binding | undefined {
    return this.names.get(name) ?? this.parent?.get(name);
  }

  set(name: string, binding: Binding): void {
    this.names.set(name, binding);
  }

  /** Names of functions declared with `view`, which wildcards of `union` include. */
  views(): string[] {
    const own = [...this.names].filter(([, binding]) => binding.kind === 'function' && isView(binding.fn));
    return [...(this.parent?.views() ?? []), ...own.map(([name]) => name)];
  }
}

/** Answer of an expression whose nature only binding tells. */
export type Bound = { readonly expr: Expr } | { readonly rel: Rel };

/** The binders, reached through the session so that they may call each other. */
export interface Binder {
  scalar(node: Syntax, env: Env): Expr;
  table(node: Syntax, env: Env): Rel;
  any(node: Syntax, env: Env): Bound;
}

export interface CursorOptions {
  /** What `cursor_current()` gives. */
  readonly current: string;
  /** What `cursor_after()` and `cursor_before_or_at()` take when they are called without a cursor. */
  readonly after: string | undefined;
  readonly beforeOrAt: string | undefined;
}

/** What one query execution shares. */
export interface Session {
  readonly catalog: Catalog;
  readonly binder: Binder;
  /** Ticks of `now()`. */
  readonly now: bigint;
  /** Rows behind `$command_results`. */
  readonly input: RowSet | undefined;
  /** Query parameters by name, as the request gave them. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The text asks for extent properties, so scans must carry them. */
  readonly usesExtents: boolean;
  /** Work that must be done in this order before the first row is read: `toscalar`, `in (subquery)`. */
  readonly preparations: ((run: Run) => Promise<void>)[];
  /** What `render` asked for. */
  visualization: Readonly<Record<string, unknown>> | undefined;
  /** Values of the options `query_cursor_*`. */
  readonly cursors: CursorOptions;
  /** The query called `cursor_current()` or filtered by a cursor. */
  usedCursor: boolean;
}

/** Takes the aggregate calls found inside an expression. */
export interface AggregateSink {
  /** The value of a call in the row of results. */
  call(name: string, node: Syntax): Expr;
}

/** Where an expression stands. */
export interface Env {
  readonly session: Session;
  readonly scope: Scope;
  readonly database: string;
  /** The operator named in errors. */
  readonly operator: string;
  /** Columns a name may mean; empty outside of rows. */
  readonly columns: readonly PlanColumn[];
  /** Present where aggregate functions are legal. */
  readonly aggregates?: AggregateSink;
  /** Present where window functions are legal; they set `used`. */
  readonly windows?: { used: boolean; readonly ordered: boolean };
  /** Nesting of user function calls. */
  readonly depth: number;
}

export function withRows(env: Env, columns: readonly PlanColumn[], operator: string): Env {
  return {
    session: env.session,
    scope: env.scope,
    database: env.database,
    depth: env.depth,
    columns,
    operator,
  };
}

export function columnIndex(columns: readonly PlanColumn[], name: string): number {
  return columns.findIndex((column) => column.name === name && column.hidden !== true);
}
