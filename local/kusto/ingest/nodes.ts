import type { Cell, Decimal, DynamicNode, DynamicReal, ScalarType } from '../store/types.js';
import { cellToText, MAX_LONG, MIN_LONG, parseCell } from '../values/cell.js';
import { parseDecimal } from '../values/decimal.js';
import { dynamicFromNode } from '../values/dynamic.js';
import type { PathStep } from './json-path.js';

/** A scalar of a binary format that JSON has no form for; its type need not be the column's. */
export class TypedValue {
  readonly type: ScalarType | 'bytes';
  readonly value: Exclude<Cell, null> | Uint8Array;

  constructor(type: ScalarType | 'bytes', value: Exclude<Cell, null> | Uint8Array) {
    this.type = type;
    this.value = value;
  }

  /** Text as it appears in a string column or inside a dynamic. */
  text(): string {
    if (this.type === 'bytes') return Buffer.from(this.value as Uint8Array).toString('utf8');
    return cellToText(this.type, this.value as Cell);
  }
}

/** A record of a binary format before its values meet the columns. */
export type RecordNode =
  | null
  | boolean
  | number
  | bigint
  | string
  | DynamicReal
  | TypedValue
  | readonly RecordNode[]
  | ReadonlyMap<string, RecordNode>;

export function nodeAt(root: RecordNode, path: readonly PathStep[]): RecordNode {
  let node: RecordNode = root;
  for (const step of path) {
    if (node instanceof Map && typeof step === 'string') node = node.get(step) ?? null;
    else if (Array.isArray(node) && typeof step === 'number') node = node[step] ?? null;
    else return null;
  }
  return node;
}

/** The node with its typed scalars spelled as strings; depth is bounded by the formats' own limit. */
export function toDynamicNode(node: RecordNode): DynamicNode {
  if (node instanceof TypedValue) {
    return node.type === 'bytes' ? Buffer.from(node.value as Uint8Array).toString('base64') : node.text();
  }
  if (Array.isArray(node)) return node.map(toDynamicNode);
  if (node instanceof Map) {
    return new Map(
      Array.from(node as Map<string, RecordNode>, ([key, value]) => [key, toDynamicNode(value)]),
    );
  }
  return node as DynamicNode;
}

function isReal(node: RecordNode): node is DynamicReal {
  return typeof node === 'object' && node !== null && 'real' in node;
}

function wholeCell(type: ScalarType, value: bigint): Cell {
  switch (type) {
    case 'long':
      return value < MIN_LONG || value > MAX_LONG ? null : value;
    case 'int':
      return value < -2147483648n || value > 2147483647n ? null : Number(value);
    case 'real':
      return Number(value);
    case 'decimal':
      return { unscaled: value, scale: 0 };
    case 'bool':
      return value !== 0n;
    case 'string':
      return value.toString();
    default:
      return null;
  }
}

function realCell(type: ScalarType, value: number): Cell {
  switch (type) {
    case 'real':
      return value;
    case 'decimal':
      return Number.isFinite(value) ? parseDecimal(String(value)) : null;
    case 'string':
      return cellToText('real', value);
    case 'long':
    case 'int':
    case 'bool':
      return Number.isInteger(value) ? wholeCell(type, BigInt(value)) : null;
    default:
      return null;
  }
}

function typedCell(type: ScalarType, node: TypedValue): Cell {
  if (node.type === type) return node.value as Cell;
  if (type === 'string') return node.text();
  if (node.type === 'decimal' && type === 'real') return Number(cellToText('decimal', node.value as Decimal));
  if (node.type === 'decimal') return parseCell(type, node.text());
  return null;
}

/** The cell a value of a binary format becomes in a column of `type`; what does not fit is null. */
export function cellFromNode(type: ScalarType, node: RecordNode): Cell {
  if (type === 'dynamic') return node === null ? null : dynamicFromNode(toDynamicNode(node));
  if (node === null) return type === 'string' ? '' : null;
  switch (typeof node) {
    case 'string':
      return parseCell(type, node);
    case 'boolean':
      return type === 'bool' ? node : type === 'string' ? String(node) : null;
    case 'bigint':
      return wholeCell(type, node);
    case 'number':
      return Number.isInteger(node) ? wholeCell(type, BigInt(node)) : realCell(type, node);
    default:
      break;
  }
  if (node instanceof TypedValue) return typedCell(type, node);
  if (isReal(node)) return realCell(type, node.real);
  return type === 'string' ? dynamicFromNode(toDynamicNode(node)).text : null;
}
