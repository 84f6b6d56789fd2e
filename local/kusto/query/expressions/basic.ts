import { ConstantColumn, IntColumn, LongColumn, RealColumn } from '../../store/columns.js';
import type { Cell, ScalarType } from '../../store/types.js';
import { castCell } from '../conversion/cast.js';
import { semanticError } from '../failures.js';
import type { Batch, Expr, Vector } from '../plan/types.js';
import { rowsOnly } from '../vector/batch.js';
import { constantVector } from '../vector/build.js';
import { lift, type RowFunction } from '../vector/lift.js';

export function constantExpr(type: ScalarType, value: Cell): Expr {
  const cell = value === null && type === 'string' ? '' : value;
  return { type, constant: true, evaluate: (batch) => constantVector(type, cell, batch.rowCount) };
}

/** A constant that becomes known when the query starts, such as `toscalar(…)`. */
export function lateConstant(type: ScalarType, value: () => Cell): Expr {
  return { type, constant: true, evaluate: (batch) => constantVector(type, value(), batch.rowCount) };
}

export function columnExpr(index: number, type: ScalarType): Expr {
  return { type, constant: false, evaluate: (batch) => batch.column(index) };
}

/** The value of a constant expression. */
export function constantValue(expr: Expr): Cell {
  return expr.evaluate(rowsOnly(1)).get(0);
}

export interface RowExprOptions {
  readonly strict: boolean;
  readonly volatile?: boolean;
}

/** A function of one row over argument expressions. */
export function rowExpr(
  type: ScalarType,
  args: readonly Expr[],
  fn: RowFunction,
  options: RowExprOptions,
): Expr {
  return {
    type,
    constant: options.volatile !== true && args.every((arg) => arg.constant),
    evaluate: (batch) =>
      lift(
        fn,
        args.map((arg) => arg.evaluate(batch)),
        { type, length: batch.rowCount, ...options },
      ),
  };
}

/** Evaluates arguments and hands the vectors on. */
export function vectorExpr(
  type: ScalarType,
  args: readonly Expr[],
  fn: (vectors: readonly Vector[], batch: Batch) => Vector,
): Expr {
  return {
    type,
    constant: args.every((arg) => arg.constant),
    evaluate: (batch) =>
      fn(
        args.map((arg) => arg.evaluate(batch)),
        batch,
      ),
  };
}

function widenNumbers(vector: Vector, to: ScalarType): Vector | undefined {
  if (to === 'long' && vector instanceof IntColumn) return new LongColumn(vector.values, vector.nulls);
  if (to === 'real' && (vector instanceof IntColumn || vector instanceof LongColumn)) {
    return new RealColumn(Float64Array.from(vector.values), vector.nulls);
  }
  return undefined;
}

/** A vector converted as `to…()` does. */
function castVector(vector: Vector, to: ScalarType): Vector {
  if (vector.type === to) return vector;
  const wide = vector instanceof ConstantColumn ? undefined : widenNumbers(vector, to);
  if (wide !== undefined) return wide;
  const cast = castCell(vector.type, to);
  if (cast === undefined) throw semanticError('SEM0025', `Cannot convert ${vector.type} to ${to}`);
  return lift(cast, [vector], { type: to, length: vector.length, strict: true });
}

/**
 * The expression converted to another type.
 * @throws KustoError when there is no such conversion
 */
export function castExpr(expr: Expr, to: ScalarType): Expr {
  if (expr.type === to) return expr;
  if (castCell(expr.type, to) === undefined) {
    throw semanticError('SEM0025', `A value of type ${expr.type} cannot be converted to ${to}`);
  }
  return { type: to, constant: expr.constant, evaluate: (batch) => castVector(expr.evaluate(batch), to) };
}
