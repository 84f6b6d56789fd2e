import { LongColumn } from '../../store/columns.js';
import type { Cell, ScalarType } from '../../store/types.js';
import { castExpr, constantExpr, vectorExpr } from '../expressions/basic.js';
import { semanticError } from '../failures.js';
import type { Expr, Vector } from '../plan/types.js';
import { buildVector, constantVector } from '../vector/build.js';
import { cellKey } from '../vector/keys.js';
import { convertArguments, type FunctionTable } from './define.js';

/** Functions over the whole ordered table; their operator hands them all rows in one batch. */
export const windowFunctions: FunctionTable = new Map();

const NEVER = constantExpr('bool', false);

function windowExpr(
  type: ScalarType,
  args: readonly Expr[],
  fn: (vectors: readonly Vector[], rows: number) => Vector,
) {
  return { ...vectorExpr(type, args, (vectors, batch) => fn(vectors, batch.rowCount)), constant: false };
}

windowFunctions.set('row_number', (args, site) => {
  const [start, restart] = convertArguments('long? bool?', args, site);
  return windowExpr(
    'long',
    [start ?? constantExpr('long', 1n), restart ?? NEVER],
    ([starts, restarts], rows) => {
      const first = rows === 0 ? 1 : Number(starts!.get(0));
      const out = new Float64Array(rows);
      for (let row = 0, number = first; row < rows; row++, number++) {
        if (restarts!.get(row) === true) number = first;
        out[row] = number;
      }
      return new LongColumn(out);
    },
  );
});

windowFunctions.set('row_cumsum', (args, site) => {
  const [term, restart] = convertArguments('any bool?', args, site);
  const type = term!.type === 'int' ? 'long' : term!.type;
  if (type !== 'long' && type !== 'real' && type !== 'timespan') {
    throw semanticError('SEM0234', `row_cumsum(): argument #1 must be numeric, not ${type}`);
  }
  return windowExpr(type, [castExpr(term!, type), restart ?? NEVER], ([terms, restarts], rows) => {
    const zero = type === 'real' ? 0 : 0n;
    let sum: number | bigint = zero;
    return buildVector(type, rows, (row) => {
      if (restarts!.get(row) === true) sum = zero;
      const cell = terms!.get(row);
      if (typeof cell === 'bigint') sum = BigInt.asIntN(64, (sum as bigint) + cell);
      else if (typeof cell === 'number') sum = (sum as number) + cell;
      return sum;
    });
  });
});

function neighbour(direction: 1 | -1) {
  return (args: readonly Expr[], site: Parameters<typeof convertArguments>[2]): Expr => {
    const [column, offset, fallback] = convertArguments('any long? any?', args, site);
    const { type } = column!;
    const others = [
      offset ?? constantExpr('long', 1n),
      fallback === undefined ? constantExpr(type, null) : castExpr(fallback, type),
    ];
    return windowExpr(type, [column!, ...others], ([values, offsets, fallbacks], rows) => {
      const distance = rows === 0 ? 1 : Number(offsets!.get(0)) * direction;
      return buildVector(type, rows, (row) => {
        const other = row + distance;
        return other >= 0 && other < rows ? values!.get(other) : fallbacks!.get(row);
      });
    });
  };
}
windowFunctions.set('prev', neighbour(-1));
windowFunctions.set('next', neighbour(1));

function rank(dense: boolean) {
  return (args: readonly Expr[], site: Parameters<typeof convertArguments>[2]): Expr => {
    const [term, restart] = convertArguments('any bool?', args, site);
    const { type } = term!;
    return windowExpr('long', [term!, restart ?? NEVER], ([terms, restarts], rows) => {
      let last: unknown;
      let seen = 0n;
      let current = 0n;
      return buildVector('long', rows, (row): Cell => {
        const again = row === 0 || restarts!.get(row) === true;
        const key = cellKey(type, terms!.get(row));
        if (again) seen = 0n;
        seen += 1n;
        if (again) current = 1n;
        else if (key !== last) current = dense ? current + 1n : seen;
        last = key;
        return current;
      });
    });
  };
}
windowFunctions.set('row_rank_dense', rank(true));
windowFunctions.set('row_rank_min', rank(false));

windowFunctions.set('row_window_session', (args, site) => {
  const [time, whole, gap, restart] = convertArguments('datetime timespan timespan bool?', args, site);
  return windowExpr(
    'datetime',
    [time!, whole!, gap!, restart ?? NEVER],
    ([times, wholes, gaps, restarts], rows) => {
      if (rows === 0) return constantVector('datetime', null, 0);
      let start: bigint | null = null;
      let last: bigint | null = null;
      return buildVector('datetime', rows, (row) => {
        const at = times!.get(row) as bigint | null;
        if (at === null) return null;
        const fresh =
          start === null ||
          last === null ||
          restarts!.get(row) === true ||
          at - start > (wholes!.get(row) as bigint) ||
          at - last > (gaps!.get(row) as bigint);
        if (fresh) start = at;
        last = at;
        return start;
      });
    },
  );
});
