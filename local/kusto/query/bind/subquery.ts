import type { Cell, ScalarType } from '../../store/types.js';
import { lateConstant } from '../expressions/basic.js';
import { semanticError } from '../failures.js';
import { need, type Syntax } from '../parser/syntax.js';
import type { Expr, Rel } from '../plan/types.js';
import type { Env } from './env.js';

/** Most values an `in (subquery)` may hold. */
const MAX_IN_VALUES = 1_000_000;

function firstColumn(rel: Rel): { readonly type: ScalarType } {
  const column = rel.schema.find((candidate) => candidate.hidden !== true);
  if (column === undefined) throw semanticError('SEM0100', 'The tabular expression has no column');
  return column;
}

/** `toscalar(table)`: first cell of the first row, read once before the query begins. */
export function bindToScalar(node: Syntax, env: Env): Expr {
  const bound = env.session.binder.any(need(node, 'Expression'), { ...env, columns: [] });
  if ('expr' in bound) return bound.expr;
  const { rel } = bound;
  const { type } = firstColumn(rel);
  let value: Cell = type === 'string' ? '' : null;
  let known = false;
  env.session.preparations.push(async (run) => {
    known = true;
    for await (const batch of rel.open(run)) {
      if (batch.rowCount === 0) continue;
      value = batch.column(0).get(0);
      break;
    }
  });
  return lateConstant(type, () => {
    if (known) return value;
    throw semanticError(
      'SEM0235',
      'A literal is expected here; toscalar() is known only when the query runs',
    );
  });
}

/** The first column of a table as a list, read once before the query begins. */
export function bindColumnList(rel: Rel, env: Env): { type: ScalarType; values: () => readonly Cell[] } {
  const { type } = firstColumn(rel);
  const values: Cell[] = [];
  env.session.preparations.push(async (run) => {
    for await (const batch of rel.open(run)) {
      const column = batch.column(0);
      for (let row = 0; row < batch.rowCount && values.length < MAX_IN_VALUES; row++)
        values.push(column.get(row));
      await run.pause();
    }
  });
  return { type, values: () => values };
}
