import { BoolColumn, DictionaryColumn } from '../../store/columns.js';
import type { Cell, Dynamic, ScalarType } from '../../store/types.js';
import { castCell, castNode } from '../conversion/cast.js';
import { isArray } from '../conversion/nodes.js';
import { arithmetic } from '../expressions/arithmetic.js';
import { castExpr, constantValue, vectorExpr } from '../expressions/basic.js';
import { comparison } from '../expressions/compare.js';
import { and, not } from '../expressions/logic.js';
import { hasList } from '../expressions/text-match.js';
import { commonType } from '../expressions/types.js';
import { semanticError } from '../failures.js';
import { elements, need, type Syntax, sourceText } from '../parser/syntax.js';
import type { Expr, Vector } from '../plan/types.js';
import { cellKey } from '../vector/keys.js';
import type { Env } from './env.js';
import { bindColumnList } from './subquery.js';

/** A list whose cells are known when the query starts. */
interface LateList {
  readonly type: ScalarType;
  readonly values: () => readonly Cell[];
}

function listOf(expr: Expr): LateList {
  if (!expr.constant)
    throw semanticError('SEM0025', 'The right side of an in-list must not depend on the row');
  if (expr.type !== 'dynamic') return { type: expr.type, values: () => [constantValue(expr)] };
  return { type: 'dynamic', values: () => [constantValue(expr)] };
}

function itemsOf(node: Syntax, env: Env): readonly LateList[] {
  return elements(need(node, 'Right'), 'Expressions').map((item) => {
    const bound = env.session.binder.any(item, { ...env, columns: [] });
    return 'rel' in bound ? bindColumnList(bound.rel, env) : listOf(bound.expr);
  });
}

/** All cells of the lists converted to `type`; arrays inside dynamics are opened. */
function flatten(lists: readonly LateList[], type: ScalarType): Cell[] {
  const out: Cell[] = [];
  for (const list of lists) {
    const cast = list.type === 'dynamic' ? undefined : castCell(list.type, type);
    for (const cell of list.values()) {
      if (cell === null) continue;
      if (cast !== undefined) out.push(cast(cell));
      else {
        const value = (cell as Dynamic).value();
        for (const item of isArray(value) ? value : [value]) out.push(castNode(item, type));
      }
    }
  }
  return out.filter((cell) => cell !== null);
}

function memberTest(vector: Vector, keys: ReadonlySet<unknown>, keyOf: (cell: Cell) => unknown): Vector {
  const values = new Int8Array(vector.length);
  if (vector instanceof DictionaryColumn && vector.nulls === undefined) {
    const found =
      vector.dictionary.length <= vector.length * 4
        ? vector.dictionary.map((text) => keys.has(keyOf(text)))
        : undefined;
    if (found !== undefined) {
      for (let row = 0; row < values.length; row++) values[row] = found[vector.codes[row]!] ? 1 : 0;
      return new BoolColumn(values);
    }
  }
  for (let row = 0; row < values.length; row++) {
    const cell = vector.get(row);
    values[row] = cell !== null && keys.has(keyOf(cell)) ? 1 : 0;
  }
  return new BoolColumn(values);
}

function checkTypes(left: ScalarType, lists: readonly LateList[]): ScalarType {
  let type = left;
  for (const list of lists) {
    if (list.type === 'dynamic' || list.type === type) continue;
    if (type === 'guid' && list.type === 'string') continue;
    const common = type === 'dynamic' ? list.type : commonType([type, list.type]);
    if (common === undefined) {
      throw semanticError(
        'SEM0064',
        `Cannot compare values of types ${left} and ${list.type}. Try adding explicit casts`,
      );
    }
    type = common;
  }
  return type === 'dynamic' ? 'string' : type;
}

/** `in`, `!in`, `in~`, `!in~`. */
export function bindIn(node: Syntax, env: Env): Expr {
  const operator = sourceText(need(node, 'Operator'));
  const left = env.session.binder.scalar(need(node, 'Left'), env);
  const lists = itemsOf(node, env);
  const type = checkTypes(left.type, lists);
  const insensitive = operator.endsWith('~');
  const fold = (cell: Cell): Cell => (insensitive ? (cell as string).toLowerCase() : cell);
  if (insensitive && type !== 'string') {
    throw semanticError('SEM0024', `Operator '${operator}' requires string operands`);
  }
  const keyOf = (cell: Cell) => cellKey(type, fold(cell));
  let keys: Set<unknown> | undefined;
  const test = vectorExpr('bool', [castExpr(left, type)], ([vector]) => {
    keys ??= new Set(flatten(lists, type).map(keyOf));
    return memberTest(vector!, keys, keyOf);
  });
  const lateTest: Expr = { ...test, constant: false };
  return operator.startsWith('!') ? not(lateTest) : lateTest;
}

/** `has_any` and `has_all`. */
export function bindHasList(node: Syntax, env: Env): Expr {
  const left = env.session.binder.scalar(need(node, 'Left'), env);
  const lists = itemsOf(node, env);
  const list = () => flatten(lists, 'string') as string[];
  return hasList(left, list, node.kind === 'HasAllExpression');
}

/** `between (a .. b)`, both ends included; a timespan after a datetime is a distance. */
export function bindBetween(node: Syntax, env: Env): Expr {
  const { scalar } = env.session.binder;
  const couple = need(node, 'Right');
  const value = scalar(need(node, 'Left'), env);
  const low = scalar(need(couple, 'First'), env);
  const highIn = scalar(need(couple, 'Second'), env);
  const high = low.type === 'datetime' && highIn.type === 'timespan' ? arithmetic('+', low, highIn) : highIn;
  const inside = and(comparison('>=', value, low), comparison('<=', value, high));
  return node.kind === 'NotBetweenExpression' ? not(inside) : inside;
}
