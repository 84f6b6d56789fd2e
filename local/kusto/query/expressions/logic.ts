import { BoolColumn, ConstantColumn } from '../../store/columns.js';
import type { Cell } from '../../store/types.js';
import { semanticError } from '../failures.js';
import type { Expr, Vector } from '../plan/types.js';
import { lift } from '../vector/lift.js';
import { castExpr, vectorExpr } from './basic.js';

const AND = (a: Cell, b: Cell): Cell =>
  a === false || b === false ? false : a === null || b === null ? null : true;
const OR = (a: Cell, b: Cell): Cell =>
  a === true || b === true ? true : a === null || b === null ? null : false;

/** A condition: a bool, or a dynamic that is converted to one. */
export function asCondition(expr: Expr, operator: string): Expr {
  if (expr.type === 'bool') return expr;
  if (expr.type === 'dynamic') return castExpr(expr, 'bool');
  throw semanticError('SEM0079', `'${operator}' operator: expression must be of type bool, not ${expr.type}`);
}

function combine(a: Vector, b: Vector, isAnd: boolean): Vector {
  if (a instanceof BoolColumn && b instanceof BoolColumn && a.nulls === undefined && b.nulls === undefined) {
    const values = new Int8Array(a.length);
    if (isAnd) for (let row = 0; row < values.length; row++) values[row] = a.values[row]! & b.values[row]!;
    else for (let row = 0; row < values.length; row++) values[row] = a.values[row]! | b.values[row]!;
    return new BoolColumn(values);
  }
  return lift(isAnd ? AND : OR, [a, b], { type: 'bool', length: a.length, strict: false });
}

function logical(left: Expr, right: Expr, isAnd: boolean): Expr {
  const name = isAnd ? 'and' : 'or';
  return vectorExpr('bool', [asCondition(left, name), asCondition(right, name)], ([a, b]) =>
    combine(a!, b!, isAnd),
  );
}

/** Three-valued conjunction. */
export function and(left: Expr, right: Expr): Expr {
  return logical(left, right, true);
}

/** Three-valued disjunction. */
export function or(left: Expr, right: Expr): Expr {
  return logical(left, right, false);
}

/** Three-valued negation. */
export function not(expr: Expr): Expr {
  return vectorExpr('bool', [asCondition(expr, 'not')], ([a]) => {
    if (a instanceof BoolColumn) {
      return new BoolColumn(
        a.values.map((value: number) => 1 - value),
        a.nulls,
      );
    }
    return lift((cell) => cell !== true, [a!], { type: 'bool', length: a!.length, strict: true });
  });
}

/** Picks the row's branch: `iff`, `case`. A condition that is null counts as false. */
export function choose(conditions: readonly Expr[], branches: readonly Expr[]): Expr {
  const type = branches[0]!.type;
  const count = conditions.length;
  return vectorExpr(type, [...conditions, ...branches], (vectors, batch) => {
    if (vectors.slice(0, count).every((vector) => vector instanceof ConstantColumn)) {
      const taken = vectors.slice(0, count).findIndex((vector) => vector.get(0) === true);
      return vectors[taken < 0 ? vectors.length - 1 : count + taken]!;
    }
    return lift(
      (...cells) => {
        for (let index = 0; index < count; index++) if (cells[index] === true) return cells[count + index]!;
        return cells.at(-1)!;
      },
      vectors,
      { type, length: batch.rowCount, strict: false },
    );
  });
}
