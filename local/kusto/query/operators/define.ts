import type { Env } from '../bind/env.js';
import type { Syntax } from '../parser/syntax.js';
import type { Batch, Expr, PlanColumn, Rel, Run } from '../plan/types.js';
import { type ColumnSource, makeBatch } from '../vector/batch.js';
import { collect } from './materialize.js';

/** Binds an operator behind a pipe. */
export type OperatorBinder = (input: Rel, node: Syntax, env: Env) => Rel;

/** The input as its operator sees it: in one batch where window functions look at all of it. */
export async function* inputBatches(input: Rel, run: Run, whole: boolean): AsyncGenerator<Batch> {
  if (whole) {
    const all = await collect(input, run);
    if (all.rowCount > 0) yield all;
    return;
  }
  for await (const batch of input.open(run)) {
    yield batch;
    await run.pause();
  }
}

export function hiddenColumns(schema: readonly PlanColumn[]): { column: PlanColumn; index: number }[] {
  return schema.map((column, index) => ({ column, index })).filter(({ column }) => column.hidden === true);
}

export function visibleColumns(schema: readonly PlanColumn[]): { column: PlanColumn; index: number }[] {
  return schema.map((column, index) => ({ column, index })).filter(({ column }) => column.hidden !== true);
}

/** A batch whose columns are expressions over another one. */
export function computed(batch: Batch, exprs: readonly Expr[]): Batch {
  const sources: ColumnSource[] = exprs.map((expr) => () => expr.evaluate(batch));
  return makeBatch(batch.rowCount, sources);
}
