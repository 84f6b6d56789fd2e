import type { Cell, Dynamic, DynamicNode } from '../../store/types.js';
import { dynamicCell, isArray, isBag } from '../conversion/nodes.js';
import { semanticError } from '../failures.js';
import type { Expr } from '../plan/types.js';
import { castExpr, rowExpr } from './basic.js';

function nodeOfCell(cell: Cell): DynamicNode {
  return cell === null ? null : (cell as Dynamic).value();
}

function mustBeDynamic(expr: Expr): void {
  if (expr.type === 'dynamic') return;
  throw semanticError(
    'SEM0107',
    `Path or element access needs a dynamic value, not one of type ${expr.type}`,
  );
}

/** `bag.name` and `bag['name']`. */
export function propertyAccess(expr: Expr, name: string): Expr {
  mustBeDynamic(expr);
  return rowExpr(
    'dynamic',
    [expr],
    (cell) => {
      const node = nodeOfCell(cell!);
      return isBag(node) ? dynamicCell(node.get(name)) : null;
    },
    { strict: true },
  );
}

function elementAt(node: DynamicNode, index: number): Cell {
  return isArray(node) ? dynamicCell(node[index < 0 ? node.length + index : index]) : null;
}

/** `value[expression]`: a text selects a member, a whole number an element, counted from the end when negative. */
export function elementAccess(expr: Expr, selector: Expr): Expr {
  mustBeDynamic(expr);
  if (selector.type === 'string') {
    return rowExpr(
      'dynamic',
      [expr, selector],
      (cell, key) => {
        const node = nodeOfCell(cell!);
        return isBag(node) ? dynamicCell(node.get(key as string)) : null;
      },
      { strict: true },
    );
  }
  if (selector.type === 'dynamic') {
    return rowExpr(
      'dynamic',
      [expr, selector],
      (cell, key) => {
        const node = nodeOfCell(cell!);
        const wanted = nodeOfCell(key!);
        if (typeof wanted === 'string') return isBag(node) ? dynamicCell(node.get(wanted)) : null;
        return typeof wanted === 'number' ? elementAt(node, wanted) : null;
      },
      { strict: true },
    );
  }
  return rowExpr(
    'dynamic',
    [expr, castExpr(selector, 'long')],
    (cell, index) => elementAt(nodeOfCell(cell!), Number(index)),
    { strict: true },
  );
}
