import type { Cell, Dynamic, DynamicNode, ScalarType } from '../../store/types.js';
import { dynamicFromNode } from '../../values/dynamic.js';
import { isDynamicReal } from '../../values/json.js';
import { isArray, isBag, nodeKey, nodeOf, nodeText } from '../conversion/nodes.js';
import { rowExpr } from '../expressions/basic.js';
import { semanticError } from '../failures.js';
import type { Expr } from '../plan/types.js';
import { convertArguments, definer, type FunctionBinder, type FunctionTable } from './define.js';

export const dynamicFunctions: FunctionTable = new Map();
const define = definer(dynamicFunctions);

export function arrayOf(cell: Cell | undefined): readonly DynamicNode[] | undefined {
  if (cell === null || cell === undefined) return undefined;
  const node = (cell as Dynamic).value();
  return isArray(node) ? node : undefined;
}

function bagOf(cell: Cell | undefined): ReadonlyMap<string, DynamicNode> | undefined {
  if (cell === null || cell === undefined) return undefined;
  const node = (cell as Dynamic).value();
  return isBag(node) ? node : undefined;
}

const array = (items: readonly DynamicNode[]): Cell => dynamicFromNode(items);

/** A value argument of any type as a node beside dynamic ones. */
function withValue(
  signature: string,
  at: number,
  fn: (cells: readonly Cell[], value: DynamicNode) => Cell,
  type: ScalarType,
): FunctionBinder {
  return (args, site) => {
    const converted = convertArguments(signature, args, site);
    const valueType = converted[at]!.type;
    return rowExpr(type, converted, (...cells) => fn(cells, nodeOf(valueType, cells[at] ?? null)), {
      strict: false,
    });
  };
}

define('array_length arraylength', ['dynamic', 'long'], (cell: Cell) => {
  const items = arrayOf(cell);
  return items === undefined ? null : BigInt(items.length);
});

define('array_concat', ['dynamic dynamic*', 'dynamic'], (...cells: Cell[]) => {
  const lists = cells.map(arrayOf);
  return lists.includes(undefined) ? null : array(lists.flatMap((list) => [...list!]));
});

define('array_slice', ['dynamic long long', 'dynamic'], (cell: Cell, from: bigint, to: bigint) => {
  const items = arrayOf(cell);
  if (items === undefined) return null;
  const place = (index: bigint) => Math.max(0, index < 0n ? items.length + Number(index) : Number(index));
  return array(items.slice(place(from), place(to) + 1));
});

define('array_split', ['dynamic any', 'dynamic'], (cell: Cell, places: Cell) => {
  const items = arrayOf(cell);
  if (items === undefined) return null;
  const wanted = typeof places === 'bigint' ? [Number(places)] : (arrayOf(places) ?? []).map(Number);
  const parts: DynamicNode[] = [];
  let from = 0;
  for (const index of wanted) {
    const to = Math.min(items.length, Math.max(from, index < 0 ? items.length + index : index));
    parts.push(items.slice(from, to));
    from = to;
  }
  return array([...parts, items.slice(from)]);
});

define('array_reverse', ['dynamic', 'dynamic'], (cell: Cell) => {
  const items = arrayOf(cell);
  return items === undefined ? null : array([...items].reverse());
});

function rotate(items: readonly DynamicNode[], by: number): DynamicNode[] {
  const shift = items.length === 0 ? 0 : ((by % items.length) + items.length) % items.length;
  return [...items.slice(shift), ...items.slice(0, shift)];
}

define('array_rotate_left', ['dynamic long', 'dynamic'], (cell: Cell, by: bigint) => {
  const items = arrayOf(cell);
  return items === undefined ? null : array(rotate(items, Number(by)));
});
define('array_rotate_right', ['dynamic long', 'dynamic'], (cell: Cell, by: bigint) => {
  const items = arrayOf(cell);
  return items === undefined ? null : array(rotate(items, -Number(by)));
});

function shifted(items: readonly DynamicNode[], by: number, fill: DynamicNode): DynamicNode[] {
  return items.map((_, index) => items[index + by] ?? (index + by in items ? null : fill));
}

for (const [name, sign] of [
  ['array_shift_left', 1],
  ['array_shift_right', -1],
] as const) {
  dynamicFunctions.set(name, (args, site) => {
    const converted = convertArguments('dynamic long any?', args, site);
    const fillType = converted[2]?.type ?? 'dynamic';
    return rowExpr(
      'dynamic',
      converted,
      (cell, by, fill) => {
        const items = arrayOf(cell);
        return items === undefined || by === null
          ? null
          : array(shifted(items, Number(by) * sign, nodeOf(fillType, fill ?? null)));
      },
      { strict: false },
    );
  });
}

function numberOf(node: DynamicNode): number | undefined {
  if (typeof node === 'number' || typeof node === 'bigint') return Number(node);
  if (typeof node === 'boolean') return node ? 1 : 0;
  return isDynamicReal(node) ? node.real : undefined;
}

define('array_sum', ['dynamic', 'real'], (cell: Cell) => {
  const numbers = arrayOf(cell)?.map(numberOf);
  return numbers === undefined || numbers.includes(undefined)
    ? null
    : numbers.reduce<number>((sum, number) => sum + number!, 0);
});

dynamicFunctions.set('array_index_of', (args, site) => {
  const converted = convertArguments('dynamic any long? long? long?', args, site);
  const { type } = converted[1]!;
  return rowExpr(
    'long',
    converted,
    (cell, value, ...rest) => indexOf(arrayOf(cell), nodeOf(type, value!), rest),
    {
      strict: true,
    },
  );
});

function indexOf(
  items: readonly DynamicNode[] | undefined,
  value: DynamicNode,
  rest: readonly (Cell | undefined)[],
): Cell {
  if (items === undefined) return null;
  const [start = 0n, length = -1n, occurrence = 1n] = rest as (bigint | undefined)[];
  const from = start < 0n ? Math.max(0, items.length + Number(start)) : Number(start);
  const end = length < 0n ? items.length : Math.min(items.length, from + Number(length));
  const key = nodeKey(value);
  let seen = 0n;
  for (let index = from; index < end; index++) {
    if (nodeKey(items[index]!) === key) seen++;
    if (seen === occurrence && nodeKey(items[index]!) === key) return BigInt(index);
  }
  return -1n;
}

define('bag_keys', ['dynamic', 'dynamic'], (cell: Cell) => {
  const bag = bagOf(cell);
  return bag === undefined ? null : array([...bag.keys()]);
});

define('bag_has_key', ['dynamic string', 'bool'], (cell: Cell, key: string) => {
  let node: DynamicNode | undefined = bagOf(cell);
  if (node === undefined) return null;
  if (!key.startsWith('$.')) return isBag(node) && node.has(key);
  for (const part of key.slice(2).split('.')) {
    if (!isBag(node) || !node.has(part)) return false;
    node = node.get(part);
  }
  return true;
});

define(
  'bag_merge',
  ['dynamic dynamic*', 'dynamic'],
  (...cells: Cell[]) => {
    const merged = new Map<string, DynamicNode>();
    let any = false;
    for (const bag of cells.map(bagOf)) {
      if (bag === undefined) continue;
      any = true;
      for (const [key, value] of bag) if (!merged.has(key)) merged.set(key, value);
    }
    return any ? dynamicFromNode(merged) : null;
  },
  { seesNulls: true },
);

define('bag_remove_keys', ['dynamic dynamic', 'dynamic'], (cell: Cell, keys: Cell) => {
  const bag = bagOf(cell);
  if (bag === undefined) return null;
  const gone = new Set((arrayOf(keys) ?? []).map(nodeText));
  return dynamicFromNode(new Map([...bag].filter(([key]) => !gone.has(key))));
});

dynamicFunctions.set(
  'bag_set_key',
  withValue(
    'dynamic string any',
    2,
    ([cell, key], value) => {
      const bag = bagOf(cell);
      return bag === undefined ? null : dynamicFromNode(new Map([...bag, [key as string, value]]));
    },
    'dynamic',
  ),
);

define('bag_zip', ['dynamic dynamic', 'dynamic'], (keys: Cell, values: Cell) => {
  const names = arrayOf(keys);
  const items = arrayOf(values);
  if (names === undefined || items === undefined) return null;
  return dynamicFromNode(new Map(names.map((name, index) => [nodeText(name), items[index] ?? null])));
});

const packBag: FunctionBinder = (args, site) => {
  if (args.length === 0 || args.length % 2 !== 0) {
    throw semanticError('SEM0219', `${site.name}(): function expects pairs of key and value`);
  }
  const types = args.map((arg) => arg.type);
  return rowExpr(
    'dynamic',
    args,
    (...cells) => {
      const bag = new Map<string, DynamicNode>();
      for (let at = 0; at < cells.length; at += 2) {
        bag.set(nodeText(nodeOf(types[at]!, cells[at]!)), nodeOf(types[at + 1]!, cells[at + 1]!));
      }
      return dynamicFromNode(bag);
    },
    { strict: false },
  );
};
for (const name of ['bag_pack', 'pack', 'pack_dictionary']) dynamicFunctions.set(name, packBag);

function packArray(args: readonly Expr[]): Expr {
  const types = args.map((arg) => arg.type);
  return rowExpr(
    'dynamic',
    args,
    (...cells) => array(cells.map((cell, index) => nodeOf(types[index]!, cell))),
    {
      strict: false,
    },
  );
}
dynamicFunctions.set('pack_array', packArray);

dynamicFunctions.set('repeat', (args, site) => {
  const converted = convertArguments('any long', args, site);
  const { type } = converted[0]!;
  return rowExpr(
    'dynamic',
    converted,
    (value, count) => {
      if (count === null || (count as bigint) < 0n || (count as bigint) > MAX_ARRAY) return null;
      return array(new Array(Number(count)).fill(nodeOf(type, value!)));
    },
    { strict: false },
  );
});

/** Longest array a function makes, in elements. */
const MAX_ARRAY = 1_048_576n;

define('zip', ['dynamic dynamic*', 'dynamic'], (...cells: Cell[]) => {
  const lists = cells.map((cell) => arrayOf(cell) ?? []);
  const length = Math.max(...lists.map((list) => list.length));
  return array(Array.from({ length }, (_, index) => lists.map((list) => list[index] ?? null)));
});

define('strcat_array array_strcat', ['dynamic text', 'string'], (cell: Cell, delimiter: string) =>
  arrayOf(cell)?.map(nodeText).join(delimiter) ?? null);

define('dynamic_to_json', ['dynamic', 'string'], (value: Dynamic) => sortedJson(value.value()));

/** JSON with the members of every bag in order of their names. */
function sortedJson(node: DynamicNode): string {
  if (isArray(node)) return `[${node.map(sortedJson).join(',')}]`;
  if (!isBag(node)) return dynamicFromNode(node).text;
  const members = [...node].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${members.map(([key, value]) => `${JSON.stringify(key)}:${sortedJson(value)}`).join(',')}}`;
}

dynamicFunctions.set('array_iff', arrayIff);
dynamicFunctions.set('array_iif', arrayIff);

function arrayIff(args: readonly Expr[], site: Parameters<FunctionBinder>[1]): Expr {
  const converted = convertArguments('dynamic any any', args, site);
  const types = converted.map((arg) => arg.type);
  const branch = (cell: Cell | undefined, type: ScalarType, index: number): DynamicNode => {
    const items = type === 'dynamic' ? arrayOf(cell) : undefined;
    return items === undefined ? nodeOf(type, cell ?? null) : (items[index] ?? null);
  };
  return rowExpr(
    'dynamic',
    converted,
    (conditions, yes, no) => {
      const items = arrayOf(conditions);
      if (items === undefined) return null;
      return array(
        items.map((condition, index) => {
          const truth = typeof condition === 'boolean' ? condition : (numberOf(condition) ?? 0) !== 0;
          if (condition === null) return null;
          return truth ? branch(yes, types[1]!, index) : branch(no, types[2]!, index);
        }),
      );
    },
    { strict: false },
  );
}
