import type { Cell, Decimal, Dynamic, DynamicNode, ScalarType } from '../../store/types.js';
import { formatDatetime } from '../../values/datetime.js';
import { formatDecimal } from '../../values/decimal.js';
import { dynamicFromNode } from '../../values/dynamic.js';
import { isDynamicReal, printJson } from '../../values/json.js';
import { formatTimespan } from '../../values/timespan.js';

/** A whole number as a node: `number` where safe, else `bigint`. */
function wholeNode(value: bigint): DynamicNode {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** What a cell becomes inside a dynamic value. */
export function nodeOf(type: ScalarType, cell: Cell): DynamicNode {
  if (cell === null) return null;
  switch (type) {
    case 'long':
      return wholeNode(cell as bigint);
    case 'real':
      return { real: cell as number };
    case 'decimal':
      // JSON numbers are read as doubles; text keeps all digits.
      return formatDecimal(cell as Decimal);
    case 'datetime':
      return formatDatetime(cell as bigint);
    case 'timespan':
      return formatTimespan(cell as bigint);
    case 'dynamic':
      return (cell as Dynamic).value();
    default:
      return cell as DynamicNode;
  }
}

/** A node as a dynamic cell: JSON null is null. */
export function dynamicCell(node: DynamicNode | undefined): Cell {
  return node === null || node === undefined ? null : dynamicFromNode(node);
}

export function isBag(node: DynamicNode | undefined): node is ReadonlyMap<string, DynamicNode> {
  return node instanceof Map;
}

export function isArray(node: DynamicNode | undefined): node is readonly DynamicNode[] {
  return Array.isArray(node);
}

/** The text `tostring()` gives for a dynamic: strings bare, everything else as JSON. */
export function nodeText(node: DynamicNode): string {
  if (node === null) return '';
  return typeof node === 'string' ? node : printJson(node);
}

/** Equal nodes have equal keys: numbers by value, bags whatever the order of their members. */
export function nodeKey(node: DynamicNode): string {
  if (isBag(node)) {
    const members = [...node].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${members.map(([key, value]) => `${JSON.stringify(key)}:${nodeKey(value)}`).join(',')}}`;
  }
  if (isArray(node)) return `[${node.map(nodeKey).join(',')}]`;
  if (isDynamicReal(node)) return String(node.real);
  return typeof node === 'string' ? JSON.stringify(node) : String(node);
}

/** The type `gettype()` names for a node. */
export function nodeTypeName(node: DynamicNode): string {
  if (node === null) return 'null';
  if (isArray(node)) return 'array';
  if (isBag(node)) return 'dictionary';
  if (typeof node === 'string') return 'string';
  if (typeof node === 'boolean') return 'bool';
  return isDynamicReal(node) ? 'double' : 'long';
}
