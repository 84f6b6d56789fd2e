import type { Syntax } from '../parser/syntax.js';
import type { Binder, Bound, Env } from './env.js';
import { bindScalar } from './scalar.js';
import { bindTable, tryTable } from './table.js';

/** The binders tied together: scalar and tabular expressions contain each other. */
export const queryBinder: Binder = {
  scalar: bindScalar,
  table: bindTable,
  any(node: Syntax, env: Env): Bound {
    return tryTable(node, env) ?? { expr: bindScalar(node, env) };
  },
};
