import type { ScalarType } from '../../store/types.js';
import { semanticError } from '../failures.js';
import type { Expr } from '../plan/types.js';
import { castExpr } from './basic.js';

const NUMERIC_RANK: Partial<Record<ScalarType, number>> = { bool: 0, int: 1, long: 2, real: 3, decimal: 4 };

export function isNumeric(type: ScalarType): boolean {
  return type === 'int' || type === 'long' || type === 'real' || type === 'decimal';
}

export function isInteger(type: ScalarType): boolean {
  return type === 'int' || type === 'long';
}

/** The wider of two numeric types. */
export function widerNumeric(a: ScalarType, b: ScalarType): ScalarType {
  return (NUMERIC_RANK[a] ?? 0) >= (NUMERIC_RANK[b] ?? 0) ? a : b;
}

/** The type several branches share (`iff`, `case`, `coalesce`, array elements), or `undefined`. */
export function commonType(types: readonly ScalarType[]): ScalarType | undefined {
  return types.reduce<ScalarType | undefined>((found, type) => {
    if (found === undefined || found === type) return found;
    if (isNumeric(found) && isNumeric(type)) return widerNumeric(found, type);
    return undefined;
  }, types[0]);
}

/**
 * Branches brought to one type. A dynamic branch makes the whole dynamic.
 * @throws KustoError SEM0064-like when the types do not meet
 */
export function unifyBranches(what: string, branches: readonly Expr[]): readonly Expr[] {
  const types = branches.map((branch) => branch.type);
  const common = types.includes('dynamic') ? 'dynamic' : commonType(types);
  if (common === undefined) {
    throw semanticError(
      'SEM0011',
      `${what}: all result expressions must be of the same type, not ${[...new Set(types)].join(' and ')}`,
    );
  }
  return branches.map((branch) => castExpr(branch, common));
}
