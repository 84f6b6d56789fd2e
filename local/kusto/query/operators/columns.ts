import { columnIndex } from '../bind/env.js';
import { nameOf } from '../bind/literals.js';
import { columnExpr } from '../expressions/basic.js';
import { unresolvedScalar } from '../failures.js';
import { child, elements, firstToken, need, type Syntax } from '../parser/syntax.js';
import type { PlanColumn, Rel } from '../plan/types.js';
import type { OperatorBinder } from './define.js';
import { visibleColumns } from './define.js';
import { projected } from './project.js';

/** Whether a name fits a pattern whose `*` stands for any text. */
export function matchesWildcard(pattern: string, name: string): boolean {
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${source}$`, 's').test(name);
}

function isPattern(node: Syntax): boolean {
  return node.kind === 'NameReference' && node.children[0]?.kind === 'WildcardedName';
}

/** Positions of the columns a name or pattern means. */
function columnsMeant(node: Syntax, input: Rel, operator: string): number[] {
  const name = nameOf(node);
  if (isPattern(node)) {
    return visibleColumns(input.schema)
      .filter(({ column }) => matchesWildcard(name, column.name))
      .map(({ index }) => index);
  }
  const index = columnIndex(input.schema, name);
  if (index < 0) throw unresolvedScalar(operator, name);
  return [index];
}

function pick(input: Rel, indices: readonly number[], rename?: (index: number) => string): Rel {
  const columns = indices.map((index) => {
    const column = input.schema[index] as PlanColumn;
    return { name: rename?.(index) ?? column.name, expr: columnExpr(index, column.type) };
  });
  return projected({ input, columns, whole: false });
}

export const projectAway: OperatorBinder = (input, node) => {
  const gone = new Set(
    elements(node, 'Expressions').flatMap((item) => columnsMeant(item, input, 'project-away')),
  );
  return pick(
    input,
    visibleColumns(input.schema)
      .map(({ index }) => index)
      .filter((index) => !gone.has(index)),
  );
};

export const projectKeep: OperatorBinder = (input, node) => {
  const kept = new Set(
    elements(node, 'Expressions').flatMap((item) => columnsMeant(item, input, 'project-keep')),
  );
  return pick(
    input,
    visibleColumns(input.schema)
      .map(({ index }) => index)
      .filter((index) => kept.has(index)),
  );
};

export const projectRename: OperatorBinder = (input, node) => {
  const names = new Map<number, string>();
  for (const item of elements(node, 'Expressions')) {
    const [index] = columnsMeant(need(item, 'Expression'), input, 'project-rename');
    names.set(index!, nameOf(need(item, 'Name')));
  }
  return pick(
    input,
    visibleColumns(input.schema).map(({ index }) => index),
    (index) => names.get(index) ?? input.schema[index]!.name,
  );
};

function orderOf(node: Syntax): string {
  const ordering = child(node, 'Ordering');
  return ordering === undefined ? '' : firstToken(ordering);
}

export const projectReorder: OperatorBinder = (input, node) => {
  const order: number[] = [];
  for (const item of elements(node, 'Expressions')) {
    const name = item.kind === 'OrderedExpression' ? need(item, 'Expression') : item;
    const meant = columnsMeant(name, input, 'project-reorder').filter((index) => !order.includes(index));
    const direction = orderOf(item);
    if (direction !== '') {
      const sign = direction.includes('desc') ? -1 : 1;
      meant.sort((a, b) => compareNames(input.schema[a]!.name, input.schema[b]!.name) * sign);
    }
    order.push(...meant);
  }
  const rest = visibleColumns(input.schema)
    .map(({ index }) => index)
    .filter((index) => !order.includes(index));
  return pick(input, [...order, ...rest]);
};

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
