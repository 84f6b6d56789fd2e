import { notSupported } from '../../errors.js';
import type { Cell, DynamicNode } from '../../store/types.js';
import { dynamicFromNode } from '../../values/dynamic.js';
import { isDynamicReal } from '../../values/json.js';
import { nodeKey, nodeOf } from '../conversion/nodes.js';
import { addTicks } from '../conversion/ticks.js';
import { castExpr, constantValue, rowExpr } from '../expressions/basic.js';
import { isInteger, isNumeric } from '../expressions/types.js';
import { evaluationError, semanticError } from '../failures.js';
import type { Expr } from '../plan/types.js';
import { convertArguments, definer, type FunctionBinder, type FunctionTable } from './define.js';
import { arrayOf } from './dynamic.js';

/** Set functions, array sorting and `range()`. */
export const setFunctions: FunctionTable = new Map();
const define = definer(setFunctions);

function unique(items: readonly DynamicNode[]): Map<string, DynamicNode> {
  const found = new Map<string, DynamicNode>();
  for (const item of items) {
    const key = nodeKey(item);
    if (!found.has(key)) found.set(key, item);
  }
  return found;
}

function combine(fn: (sets: Map<string, DynamicNode>[]) => Iterable<DynamicNode>) {
  return (...cells: Cell[]): Cell => {
    const lists = cells.map(arrayOf);
    return lists.includes(undefined) ? null : dynamicFromNode([...fn(lists.map((list) => unique(list!)))]);
  };
}

define('set_union', ['dynamic dynamic*', 'dynamic'], combine((sets) =>
  unique(sets.flatMap((set) => [...set.values()])).values(),
));
define('set_intersect', ['dynamic dynamic*', 'dynamic'], combine(([first, ...others]) =>
  [...first!].filter(([key]) => others.every((other) => other.has(key))).map(([, item]) => item),
));
define('set_difference', ['dynamic dynamic*', 'dynamic'], combine(([first, ...others]) =>
  [...first!].filter(([key]) => !others.some((other) => other.has(key))).map(([, item]) => item),
));
define('set_equals', ['dynamic dynamic', 'bool'], (a: Cell, b: Cell) => {
  const left = arrayOf(a);
  const right = arrayOf(b);
  if (left === undefined || right === undefined) return null;
  const keys = unique(left);
  const others = unique(right);
  return keys.size === others.size && [...keys.keys()].every((key) => others.has(key));
});

setFunctions.set('set_has_element', (args, site) => {
  const converted = convertArguments('dynamic any', args, site);
  const { type } = converted[1]!;
  return rowExpr(
    'bool',
    converted,
    (set, value) => {
      const items = arrayOf(set);
      if (items === undefined) return null;
      const key = nodeKey(nodeOf(type, value!));
      return items.some((item) => nodeKey(item) === key);
    },
    { strict: true },
  );
});

function rankOf(node: DynamicNode): number | string | undefined {
  if (typeof node === 'number' || typeof node === 'string') return node;
  if (typeof node === 'bigint') return Number(node);
  if (typeof node === 'boolean') return node ? 1 : 0;
  return isDynamicReal(node) ? node.real : undefined;
}

function compareNodes(a: DynamicNode, b: DynamicNode): number {
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : a > b ? 1 : 0;
  const x = rankOf(a);
  const y = rankOf(b);
  if (x === undefined || y === undefined || typeof x !== typeof y) {
    return nodeKey(a) < nodeKey(b) ? -1 : 1;
  }
  return x < y ? -1 : x > y ? 1 : 0;
}

interface SortRule {
  readonly sign: 1 | -1;
  readonly nullsLast: boolean;
}

function sortedPlaces(items: readonly DynamicNode[], { sign, nullsLast }: SortRule): number[] {
  const before = nullsLast ? 1 : -1;
  return [...items.keys()].sort((i, j) => {
    const a = items[i]!;
    const b = items[j]!;
    if (a === null || b === null) return a === b ? 0 : a === null ? before : -before;
    return compareNodes(a, b) * sign;
  });
}

/** With several arrays, the others follow the order of the first; several results need names, which are refused. */
function sorter(sign: 1 | -1): FunctionBinder {
  return (args, site) => {
    const last = args.at(-1);
    const hasFlag = args.length > 1 && last!.type === 'bool';
    const nullsLast = hasFlag ? constantValue(last!) !== false : true;
    const arrays = hasFlag ? args.slice(0, -1) : args;
    if (arrays.length !== 1) throw notSupported(`${site.name}() of several arrays`);
    const converted = convertArguments('dynamic', arrays, site);
    return rowExpr(
      'dynamic',
      converted,
      (cell) => {
        const items = arrayOf(cell);
        if (items === undefined) return null;
        return dynamicFromNode(sortedPlaces(items, { sign, nullsLast }).map((place) => items[place]!));
      },
      { strict: true },
    );
  };
}
setFunctions.set('array_sort_asc', sorter(1));
setFunctions.set('array_sort_desc', sorter(-1));

/** Most elements `range()` makes. */
const MAX_RANGE = 1_048_576;

function steps([from, to, step]: readonly Cell[]): Cell[] {
  const out: Cell[] = [];
  const zero = typeof step === 'bigint' ? 0n : 0;
  if (step === zero) throw evaluationError('range(): the step must not be zero');
  const rising = (step as bigint) > zero;
  const last = to as bigint;
  let value = from as bigint;
  while (rising ? value <= last : value >= last) {
    if (out.length >= MAX_RANGE) throw evaluationError(`range(): more than ${MAX_RANGE} elements`);
    out.push(value);
    value = addTicks(value, step!) as bigint;
  }
  return out;
}

setFunctions.set('range', (args, site) => {
  const given = convertArguments('any any any?', args, site) as Expr[];
  const [from, to, step] = given;
  let type = from!.type;
  if (type !== 'datetime' && type !== 'timespan') {
    if (!given.every((arg) => isNumeric(arg.type) || arg.type === 'dynamic')) {
      throw semanticError('SEM0234', `range(): no range from ${from!.type} to ${to!.type}`);
    }
    type = given.every((arg) => isInteger(arg.type) || arg.type === 'dynamic') ? 'long' : 'real';
  }
  const stepType = type === 'datetime' ? 'timespan' : type;
  const converted = [castExpr(from!, type), castExpr(to!, type)];
  if (step !== undefined) converted.push(castExpr(step, stepType));
  const one: Cell = type === 'long' ? 1n : type === 'real' ? 1 : 36_000_000_000n;
  return rowExpr(
    'dynamic',
    converted,
    (...cells) => {
      const list = steps(cells.length === 3 ? cells : [...cells, one]);
      return dynamicFromNode(list.map((cell) => nodeOf(type, cell)));
    },
    { strict: true },
  );
});
