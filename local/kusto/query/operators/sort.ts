import { withRows } from '../bind/env.js';
import { semanticError } from '../failures.js';
import { child, elements, firstToken, need, type Syntax } from '../parser/syntax.js';
import type { Batch, Expr, Rel, Run } from '../plan/types.js';
import { sliceRows, takeRows } from '../vector/batch.js';
import { rowOrder, type SortKey, sortedRows } from '../vector/sorting.js';
import type { OperatorBinder } from './define.js';
import { rowCountArgument } from './filter.js';
import { collect, joinBatches } from './materialize.js';
import { BATCH_ROWS } from './scan.js';

interface Ordering {
  readonly expr: Expr;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** Default: descending; nulls first when ascending, last when descending. */
function ordering(node: Syntax, expr: Expr): Ordering {
  const clause = node.kind === 'OrderedExpression' ? child(node, 'Ordering') : undefined;
  const direction = clause && child(clause, 'AscOrDescKeyword');
  const nulls = clause && child(clause, 'NullsClause');
  const descending = direction === undefined || !direction.text.includes('asc');
  const nullsFirst =
    nulls === undefined ? !descending : firstToken(need(nulls, 'FirstOrLastKeyword')) === 'first';
  if (expr.type === 'dynamic') {
    throw semanticError('SEM0057', 'Cannot order by a dynamic value; cast it to a scalar type first');
  }
  return { expr, descending, nullsFirst };
}

function orderings(nodes: readonly Syntax[], scalar: (node: Syntax) => Expr): Ordering[] {
  return nodes.map((node) =>
    ordering(node, scalar(node.kind === 'OrderedExpression' ? need(node, 'Expression') : node)),
  );
}

function keysOf(batch: Batch, by: readonly Ordering[]): SortKey[] {
  return by.map(({ expr, descending, nullsFirst }) => ({
    vector: expr.evaluate(batch),
    descending,
    nullsFirst,
  }));
}

function sorted(
  input: Rel,
  by: readonly Ordering[],
): Rel & { readonly by: readonly Ordering[]; readonly source: Rel } {
  const count = input.schema.length;
  return {
    by,
    source: input,
    schema: input.schema,
    ordered: true,
    ...(input.knownRows === undefined ? {} : { knownRows: input.knownRows }),
    async *open(run) {
      const all = await collect(input, run);
      const rows = await sortedRows(all.rowCount, rowOrder(keysOf(all, by)), run);
      for (let from = 0; from < rows.length; from += BATCH_ROWS) {
        yield takeRows(all, count, rows.subarray(from, from + BATCH_ROWS));
      }
    },
  };
}

export const sortOperator: OperatorBinder = (input, node, env) => {
  const inside = withRows(env, input.schema, firstToken(node));
  return sorted(
    input,
    orderings(elements(node, 'Expressions'), (item) => env.session.binder.scalar(item, inside)),
  );
};

/** Above this many wanted rows the whole table is sorted instead. */
const MAX_TOP_ROWS = 100_000;

async function best(
  held: Batch,
  by: readonly Ordering[],
  options: { limit: number; run: Run; columns: number },
): Promise<Batch> {
  const rows = await sortedRows(held.rowCount, rowOrder(keysOf(held, by)), options.run);
  return takeRows(held, options.columns, rows.subarray(0, options.limit));
}

/** The first rows of an order, keeping only so many at any time. */
export function topRows(input: Rel, by: readonly Ordering[], limitOf: () => number): Rel {
  const columns = input.schema.length;
  const full = sorted(input, by);
  return {
    schema: input.schema,
    ordered: true,
    async *open(run) {
      const limit = limitOf();
      if (limit === 0) return;
      if (limit > MAX_TOP_ROWS) {
        let left = limit;
        for await (const batch of full.open(run)) {
          yield batch.rowCount <= left ? batch : sliceRows(batch, columns, { from: 0, to: left });
          left -= Math.min(left, batch.rowCount);
          if (left === 0) return;
        }
        return;
      }
      let held: Batch | undefined;
      for await (const batch of input.open(run)) {
        if (batch.rowCount === 0) continue;
        const parts = held === undefined ? [batch] : [held, batch];
        const rows = parts.reduce((sum, part) => sum + part.rowCount, 0);
        held = await best(joinBatches(parts, input.schema, rows), by, { limit, run, columns });
        await run.pause();
      }
      if (held !== undefined) yield held;
    },
  };
}

export const topOperator: OperatorBinder = (input, node, env) => {
  const inside = withRows(env, input.schema, 'top');
  const { scalar } = env.session.binder;
  const limit = rowCountArgument(scalar(need(node, 'Expression'), { ...env, columns: [] }), 'top');
  return topRows(
    input,
    orderings([need(node, 'ByExpression')], (item) => scalar(item, inside)),
    limit,
  );
};

/** `sort … | take n` keeps only n rows while it reads. */
export function topOfSorted(input: Rel, limit: () => number): Rel | undefined {
  if (!('by' in input && 'source' in input)) return undefined;
  const { by, source } = input as ReturnType<typeof sorted>;
  return topRows(source, by, limit);
}
