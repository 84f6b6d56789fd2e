import type { Cell } from '../../store/types.js';
import { withRows } from '../bind/env.js';
import { compareCells } from '../expressions/compare.js';
import { semanticError } from '../failures.js';
import { child, elements, firstToken, need, type Syntax } from '../parser/syntax.js';
import type { Batch, Expr, PlanColumn, Rel, Run } from '../plan/types.js';
import { makeBatch, sliceRows, takeRows } from '../vector/batch.js';
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

/** Order of two cells of a key, nulls and NaN beside each other where the key has its nulls. */
function compareKey(key: Ordering, a: Cell, b: Cell): number {
  const before = key.nullsFirst ? -1 : 1;
  const rank = (cell: Cell) => (cell === null ? 2 : Number.isNaN(cell) ? 1 : 0);
  if (rank(a) !== rank(b)) return (rank(a) - rank(b)) * before;
  if (rank(a) > 0) return 0;
  return compareCells(key.expr.type, a, b) * (key.descending ? -1 : 1);
}

/** Rows of a batch that may still be among the first, judged by the first key alone. */
function candidates(batch: Batch, key: Ordering, worst: Cell): Uint32Array {
  const vector = key.expr.evaluate(batch);
  const rows = new Uint32Array(batch.rowCount);
  let count = 0;
  for (let row = 0; row < batch.rowCount; row++) {
    if (compareKey(key, vector.get(row), worst) <= 0) rows[count++] = row;
  }
  return rows.subarray(0, count);
}

/** The first rows seen so far, in order, their columns copied so that the batches can go. */
class Best {
  private held: Batch | undefined;
  private readonly schema: readonly PlanColumn[];
  private readonly by: readonly Ordering[];
  private readonly limit: number;

  constructor(schema: readonly PlanColumn[], by: readonly Ordering[], limit: number) {
    this.schema = schema;
    this.by = by;
    this.limit = limit;
  }

  /** The first rows of a batch by themselves. */
  private async first(batch: Batch, run: Run): Promise<Batch> {
    const rows = await sortedRows(batch.rowCount, rowOrder(keysOf(batch, this.by)), run);
    return takeRows(batch, this.schema.length, rows.subarray(0, this.limit));
  }

  async add(batch: Batch, run: Run): Promise<void> {
    const { held, schema, limit } = this;
    let fresh = batch;
    if (held !== undefined && held.rowCount === limit) {
      const [key] = this.by;
      const worst = key!.expr.evaluate(held).get(limit - 1);
      const rows = candidates(batch, key!, worst);
      if (rows.length === 0) return;
      fresh = takeRows(batch, schema.length, rows);
    }
    fresh = await this.first(fresh, run);
    const parts = held === undefined ? [fresh] : [held, fresh];
    const total = parts.reduce((sum, part) => sum + part.rowCount, 0);
    const all = joinBatches(parts, schema, total);
    const kept = await this.first(all, run);
    this.held = makeBatch(
      kept.rowCount,
      schema.map((_, index) => kept.column(index)),
    );
  }

  result(): Batch | undefined {
    return this.held;
  }
}

async function* firstOfAll(
  input: Rel,
  sortedAll: Rel,
  options: { limit: number; run: Run },
): AsyncGenerator<Batch> {
  let left = options.limit;
  for await (const batch of sortedAll.open(options.run)) {
    yield batch.rowCount <= left ? batch : sliceRows(batch, input.schema.length, { from: 0, to: left });
    left -= Math.min(left, batch.rowCount);
    if (left === 0) return;
  }
}

/** The first rows of an order, keeping only so many at any time. */
function topRows(input: Rel, by: readonly Ordering[], limitOf: () => number): Rel {
  const full = sorted(input, by);
  return {
    schema: input.schema,
    ordered: true,
    async *open(run) {
      const limit = limitOf();
      if (limit === 0) return;
      if (limit > MAX_TOP_ROWS) {
        yield* firstOfAll(input, full, { limit, run });
        return;
      }
      const best = new Best(input.schema, by, limit);
      for await (const batch of input.open(run)) {
        if (batch.rowCount > 0) await best.add(batch, run);
        await run.pause();
      }
      const held = best.result();
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
