import type { Cell } from '../../store/types.js';
import { castExpr, rowExpr } from '../expressions/basic.js';
import { compareCells } from '../expressions/compare.js';
import { asCondition, choose, not } from '../expressions/logic.js';
import { unifyBranches } from '../expressions/types.js';
import { semanticError } from '../failures.js';
import type { Expr } from '../plan/types.js';
import { convertArguments, type FunctionBinder, type FunctionTable } from './define.js';

export const conditionalFunctions: FunctionTable = new Map();

const iff: FunctionBinder = (args, site) => {
  const [condition, yes, no] = convertArguments('any any any', args, site) as [Expr, Expr, Expr];
  return choose([asCondition(condition, site.name)], unifyBranches(site.name, [yes, no]));
};
conditionalFunctions.set('iff', iff);
conditionalFunctions.set('iif', iff);

conditionalFunctions.set('case', (args) => {
  if (args.length < 3 || args.length % 2 === 0) {
    throw semanticError(
      'SEM0219',
      `case(): function expects an odd number of arguments, at least 3, got ${args.length}`,
    );
  }
  const conditions = args.filter((_, index) => index % 2 === 0 && index < args.length - 1);
  const branches = args.filter((_, index) => index % 2 === 1 || index === args.length - 1);
  return choose(
    conditions.map((condition) => asCondition(condition, 'case')),
    unifyBranches('case', branches),
  );
});

conditionalFunctions.set('not', (args, site) => not(convertArguments('any', args, site)[0]!));

function isMissing(cell: Cell | undefined): boolean {
  return cell === null || cell === '' || cell === undefined;
}

conditionalFunctions.set('coalesce', (args, site) => {
  const branches = unifyBranches('coalesce', convertArguments('any any any*', args, site));
  const type = branches[0]!.type;
  return rowExpr(type, branches, (...cells) => cells.find((cell) => !isMissing(cell)) ?? null, {
    strict: false,
  });
});

function extreme(sign: 1 | -1): FunctionBinder {
  return (args, site) => {
    const branches = unifyBranches(site.name, convertArguments('any any any*', args, site));
    const type = branches[0]!.type;
    if (type === 'dynamic' || type === 'guid') {
      throw semanticError('SEM0234', `${site.name}(): values of type ${type} have no order`);
    }
    return rowExpr(
      type,
      branches,
      (...cells) => {
        let best: Cell = null;
        for (const cell of cells) {
          if (cell !== null && (best === null || compareCells(type, cell, best) * sign > 0)) best = cell;
        }
        return best;
      },
      { strict: false },
    );
  };
}
conditionalFunctions.set('max_of', extreme(1));
conditionalFunctions.set('min_of', extreme(-1));

conditionalFunctions.set('around', (args, site) => {
  const [value, center, delta] = convertArguments('any any any', args, site) as [Expr, Expr, Expr];
  const type = value.type === 'datetime' || value.type === 'timespan' ? value.type : 'real';
  const deltaType = type === 'datetime' ? 'timespan' : type;
  return rowExpr(
    'bool',
    [castExpr(value, type), castExpr(center, type), castExpr(delta, deltaType)],
    (cell, middle, reach) => {
      if (typeof cell === 'number') return Math.abs(cell - (middle as number)) <= (reach as number);
      const distance = (cell as bigint) - (middle as bigint);
      return (distance < 0n ? -distance : distance) <= (reach as bigint);
    },
    { strict: true },
  );
});
