import { concatColumns } from '../../store/concat.js';
import type { Batch, PlanColumn, Rel, Run } from '../plan/types.js';
import { makeBatch } from '../vector/batch.js';

/** All rows of a table as one batch; a column is joined when it is first asked for. */
export async function collect(rel: Rel, run: Run): Promise<Batch> {
  const batches: Batch[] = [];
  let rows = 0;
  for await (const batch of rel.open(run)) {
    if (batch.rowCount > 0) batches.push(batch);
    rows += batch.rowCount;
    await run.pause();
  }
  return joinBatches(batches, rel.schema, rows);
}

export function joinBatches(batches: readonly Batch[], schema: readonly PlanColumn[], rows: number): Batch {
  if (batches.length === 1) return batches[0]!;
  return makeBatch(
    rows,
    schema.map(
      (column, index) => () =>
        concatColumns(
          column.type,
          batches.map((batch) => batch.column(index)),
        ),
    ),
  );
}

/** A table answered from batches already made. */
export function fixedTable(schema: readonly PlanColumn[], batches: readonly Batch[], ordered = false): Rel {
  return {
    schema,
    ordered,
    knownRows: batches.reduce((sum, batch) => sum + batch.rowCount, 0),
    async *open() {
      yield* batches;
    },
  };
}

/** A table read once, however often it is opened. */
export function materialized(rel: Rel): Rel {
  let kept: Promise<readonly Batch[]> | undefined;
  const read = async (run: Run): Promise<readonly Batch[]> => {
    const batches: Batch[] = [];
    for await (const batch of rel.open(run)) {
      // Columns are fixed now, so that volatile expressions are evaluated once.
      batches.push(
        makeBatch(
          batch.rowCount,
          rel.schema.map((_, index) => batch.column(index)),
        ),
      );
      await run.pause();
    }
    return batches;
  };
  return {
    schema: rel.schema,
    ordered: rel.ordered,
    async *open(run) {
      kept ??= read(run);
      yield* await kept;
    },
  };
}
