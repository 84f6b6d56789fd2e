import { castExpr, constantValue } from '../expressions/basic.js';
import { trueRows } from '../expressions/compare.js';
import { asCondition } from '../expressions/logic.js';
import { semanticError } from '../failures.js';
import { need } from '../parser/syntax.js';
import type { Expr, Rel } from '../plan/types.js';
import { makeBatch, sliceRows, takeRows } from '../vector/batch.js';
import { vectorOf } from '../vector/build.js';
import { inputBatches, type OperatorBinder } from './define.js';
import { fixedTable } from './materialize.js';
import { operatorEnv } from './project.js';

function filtered(input: Rel, condition: Expr, whole: boolean): Rel {
  const count = input.schema.length;
  return {
    schema: input.schema,
    ordered: input.ordered,
    async *open(run) {
      for await (const batch of inputBatches(input, run, whole)) {
        const rows = trueRows(condition.evaluate(batch));
        if (rows.length === batch.rowCount) yield batch;
        else if (rows.length > 0) yield takeRows(batch, count, rows);
      }
    },
  };
}

export const filterOperator: OperatorBinder = (input, node, env) => {
  const inside = operatorEnv(env, input, 'where');
  const condition = asCondition(env.session.binder.scalar(need(node, 'Condition'), inside), 'where');
  return filtered(input, condition, inside.windows.used);
};

/** A whole number known when the query starts. */
export function rowCountArgument(expr: Expr, operator: string): () => number {
  if (!expr.constant || (expr.type !== 'long' && expr.type !== 'int' && expr.type !== 'dynamic')) {
    throw semanticError(
      'SEM0235',
      `'${operator}' operator: the number of rows must be a constant whole number`,
    );
  }
  const long = castExpr(expr, 'long');
  return () => {
    const count = constantValue(long);
    if (count === null || (count as bigint) < 0n) {
      throw semanticError('SEM0235', `'${operator}' operator: the number of rows must not be negative`);
    }
    return Number(count);
  };
}

export function taken(input: Rel, limit: () => number): Rel {
  return {
    schema: input.schema,
    ordered: input.ordered,
    async *open(run) {
      let left = limit();
      if (left === 0) return;
      for await (const batch of input.open(run)) {
        if (batch.rowCount > left) yield sliceRows(batch, input.schema.length, { from: 0, to: left });
        else yield batch;
        left -= Math.min(left, batch.rowCount);
        if (left === 0) return;
        await run.pause();
      }
    },
  };
}

export const countOperator: OperatorBinder = (input) => {
  const schema = [{ name: 'Count', type: 'long' as const }];
  return {
    schema,
    ordered: true,
    knownRows: 1,
    async *open(run) {
      let rows = input.knownRows;
      if (rows === undefined) {
        rows = 0;
        for await (const batch of input.open(run)) {
          rows += batch.rowCount;
          await run.pause();
        }
      }
      yield* fixedTable(schema, [makeBatch(1, [vectorOf('long', [BigInt(rows)])])]).open(run);
    },
  };
};
