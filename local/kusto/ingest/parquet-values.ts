import type { SchemaElement, SchemaTree } from 'hyparquet';
import type { Cell, ScalarType } from '../store/types.js';
import { parseJson } from '../values/json.js';
import {
  bigintFromBytes,
  durationTicks,
  guidFromBytes,
  type TimeUnit,
  ticksFromDays,
  ticksSinceEpoch,
} from './binary-values.js';
import { type RecordNode, TypedValue } from './nodes.js';

/** How the raw values of a leaf are read: as cells of one type, or as a tree (JSON text). */
export interface Leaf {
  readonly type: ScalarType | 'bytes' | 'json';
  /** From a raw value that is not null. */
  cell(raw: unknown): Cell | Uint8Array;
}

function timeUnit(element: SchemaElement): TimeUnit | undefined {
  const { logical_type: logical, converted_type: converted } = element;
  if (logical?.type === 'TIMESTAMP' || logical?.type === 'TIME') return logical.unit;
  if (converted === 'TIMESTAMP_MILLIS' || converted === 'TIME_MILLIS') return 'MILLIS';
  return converted === 'TIMESTAMP_MICROS' || converted === 'TIME_MICROS' ? 'MICROS' : undefined;
}

function isTimestamp(element: SchemaElement): boolean {
  return (
    element.logical_type?.type === 'TIMESTAMP' || element.converted_type?.startsWith('TIMESTAMP_') === true
  );
}

function decimalLeaf(scale: number): Leaf {
  return {
    type: 'decimal',
    cell: (raw) => ({
      unscaled: raw instanceof Uint8Array ? bigintFromBytes(raw) : BigInt(raw as number | bigint),
      scale,
    }),
  };
}

function isUnsigned(element: SchemaElement, bits: number): boolean {
  const logical = element.logical_type;
  if (element.converted_type === `UINT_${bits}`) return true;
  return logical?.type === 'INTEGER' && logical.bitWidth === bits && !logical.isSigned;
}

function wholeLeaf(element: SchemaElement): Leaf {
  const unit = timeUnit(element);
  if (unit !== undefined && isTimestamp(element)) {
    return { type: 'datetime', cell: (raw) => ticksSinceEpoch(unit, BigInt(raw as bigint)) };
  }
  if (unit !== undefined)
    return { type: 'timespan', cell: (raw) => durationTicks(unit, BigInt(raw as bigint)) };
  if (element.type === 'INT64') {
    if (!isUnsigned(element, 64)) return { type: 'long', cell: (raw) => raw as bigint };
    return { type: 'decimal', cell: (raw) => ({ unscaled: BigInt.asUintN(64, raw as bigint), scale: 0 }) };
  }
  if (element.logical_type?.type === 'DATE' || element.converted_type === 'DATE') {
    return { type: 'datetime', cell: (raw) => ticksFromDays(raw as number) };
  }
  if (isUnsigned(element, 32)) return { type: 'long', cell: (raw) => BigInt((raw as number) >>> 0) };
  return { type: 'int', cell: (raw) => raw as number };
}

function half(bytes: Uint8Array): number {
  const bits = (bytes[1]! << 8) | bytes[0]!;
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

function bytesLeaf(element: SchemaElement): Leaf {
  const { logical_type: logical, converted_type: converted } = element;
  if (logical?.type === 'UUID') return { type: 'guid', cell: (raw) => guidFromBytes(raw as Uint8Array) };
  if (logical?.type === 'FLOAT16') return { type: 'real', cell: (raw) => half(raw as Uint8Array) };
  if (logical?.type === 'JSON' || converted === 'JSON') return { type: 'json', cell: (raw) => raw as string };
  if (isText(element)) return { type: 'string', cell: (raw) => raw as string };
  return { type: 'bytes', cell: (raw) => raw as Uint8Array };
}

function isText(element: SchemaElement): boolean {
  const { logical_type: logical, converted_type: converted } = element;
  const names = ['STRING', 'ENUM', 'JSON'];
  return (
    (logical !== undefined && names.includes(logical.type)) ||
    converted === 'UTF8' ||
    converted === 'ENUM' ||
    converted === 'JSON'
  );
}

export function leafOf(element: SchemaElement): Leaf {
  if (element.logical_type?.type === 'DECIMAL' || element.converted_type === 'DECIMAL') {
    return decimalLeaf(element.scale ?? 0);
  }
  switch (element.type) {
    case 'BOOLEAN':
      return { type: 'bool', cell: (raw) => Boolean(raw) };
    case 'INT32':
    case 'INT64':
      return wholeLeaf(element);
    case 'INT96':
      return { type: 'datetime', cell: (raw) => ticksSinceEpoch('NANOS', raw as bigint) };
    case 'FLOAT':
    case 'DOUBLE':
      return { type: 'real', cell: (raw) => raw as number };
    default:
      return bytesLeaf(element);
  }
}

/** The element as the library is to see it: raw values, because its own conversions lose digits. */
export function rawElement(element: SchemaElement): SchemaElement {
  if (element.type === undefined) return element;
  const { converted_type: _converted, logical_type: _logical, ...raw } = element;
  return isText(element) ? { ...raw, converted_type: 'UTF8' } : raw;
}

function leafNode(leaf: Leaf, raw: unknown): RecordNode {
  const cell = leaf.cell(raw);
  if (cell === null) return null;
  switch (leaf.type) {
    case 'bytes':
      return new TypedValue('bytes', cell as Uint8Array);
    case 'json':
      return parseJson(cell as string) ?? (cell as string);
    case 'real':
      return { real: cell as number };
    case 'bool':
    case 'string':
    case 'int':
    case 'long':
      return cell as RecordNode;
    default:
      return new TypedValue(leaf.type, cell);
  }
}

function isAnnotated(tree: SchemaTree, name: 'LIST' | 'MAP'): boolean {
  return tree.element.converted_type === name || tree.element.logical_type?.type === name;
}

function listNode(tree: SchemaTree, value: readonly unknown[]): RecordNode {
  const repeated = tree.children[0]!;
  const item = repeated.children.length === 1 ? repeated.children[0]! : repeated;
  return value.map((member) => nodeFromParquet(item, member));
}

function mapNode(tree: SchemaTree, value: object): RecordNode {
  const valueTree = tree.children[0]?.children[1];
  return new Map(
    Object.entries(value).map(([key, member]) => [
      key,
      valueTree === undefined ? null : nodeFromParquet(valueTree, member),
    ]),
  );
}

/** A value as the library assembled it from raw leaves → the tree it stands for. */
export function nodeFromParquet(tree: SchemaTree, value: unknown): RecordNode {
  if (value === null || value === undefined) return null;
  if (isAnnotated(tree, 'LIST') && Array.isArray(value)) return listNode(tree, value);
  if (Array.isArray(value)) return value.map((member) => nodeFromParquet(tree, member));
  if (tree.children.length === 0) return leafNode(leafOf(tree.element), value);
  if (isAnnotated(tree, 'MAP') || tree.element.converted_type === 'MAP_KEY_VALUE') {
    return mapNode(tree, value as object);
  }
  const struct = value as Readonly<Record<string, unknown>>;
  return new Map(
    tree.children.map((child) => [child.element.name, nodeFromParquet(child, struct[child.element.name])]),
  );
}
