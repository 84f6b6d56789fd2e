import { createColumnBuilder, type StoreColumnBuilder, type WideBuilder } from '../store/builders.js';
import type { StoreColumn } from '../store/columns.js';
import type { TextBuilder } from '../store/text-builder.js';
import type { Cell, Dynamic, DynamicNode, ScalarType } from '../store/types.js';
import { cellParser, parseInt32, parseLong, parseReal } from '../values/cell.js';
import { dynamicFromNode } from '../values/dynamic.js';
import { parseJson, printJson } from '../values/json.js';
import { MAX_CELL_BYTES } from './limits.js';
import { cellFromNode, type RecordNode, TypedValue, toDynamicNode } from './nodes.js';
import type { Target } from './plan.js';
import {
  datetimeFromUnix,
  isUnixTransform,
  propertyBagArrayToDictionary,
  type UnixTransform,
  withoutPath,
} from './transforms.js';

/** A column being filled; each method adds one row. */
export interface Field {
  missing(): void;
  /** From a field of delimited text. */
  text(text: string): void;
  /** From the JSON value spelled by `source.slice(start, end)`, known to be legal. */
  json(source: string, start: number, end: number): void;
  /** From a value of a binary format. */
  node(node: RecordNode): void;
  /** The type of the column, when a cell of that type can be added as it is. */
  readonly takes: ScalarType | undefined;
  /** A cell of the type {@link takes}. */
  cell(cell: Cell): void;
  finish(): StoreColumn;
}

/** Text of at most {@link MAX_CELL_BYTES} UTF-8 bytes, cut between characters. */
function cutText(text: string): string {
  if (text.length * 3 <= MAX_CELL_BYTES || Buffer.byteLength(text) <= MAX_CELL_BYTES) return text;
  const bytes = Buffer.from(text);
  let end = MAX_CELL_BYTES;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

/** Safe integers of up to this many characters need no bigint. */
const SAFE_CHARS = 15;

/** The whole number spelled by plain digits, or `undefined` when the text is longer or of another form. */
function smallWhole(text: string, start: number, end: number): number | undefined {
  if (end - start > SAFE_CHARS || end === start) return undefined;
  let at = start;
  const negative = text.charCodeAt(at) === 45;
  if (negative) at++;
  if (at === end) return undefined;
  let value = 0;
  for (; at < end; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return negative ? 0 - value : value;
}

function jsonString(source: string, start: number, end: number): string {
  const inner = source.slice(start + 1, end - 1);
  return inner.includes('\\') ? (JSON.parse(source.slice(start, end)) as string) : inner;
}

/** A number with fraction or exponent, if it is whole. */
function wholeReal(text: string): string | undefined {
  const value = Number(text);
  return Number.isInteger(value) ? BigInt(value).toString() : undefined;
}

const QUOTE = 34;
const SMALL_N = 110;
const SMALL_T = 116;
const SMALL_F = 102;
const BRACE = 123;
const BRACKET = 91;

abstract class BaseField implements Field {
  protected readonly type: ScalarType;
  protected readonly builder: StoreColumnBuilder;

  constructor(type: ScalarType) {
    this.type = type;
    this.builder = createColumnBuilder(type);
  }

  get takes(): ScalarType | undefined {
    return this.type;
  }

  missing(): void {
    this.builder.appendNull();
  }

  node(node: RecordNode): void {
    this.builder.append(cellFromNode(this.type, node));
  }

  cell(cell: Cell): void {
    this.builder.append(cell);
  }

  finish(): StoreColumn {
    return this.builder.finish();
  }

  abstract text(text: string): void;
  abstract json(source: string, start: number, end: number): void;
}

class ScalarField extends BaseField {
  private readonly parse: (text: string) => Cell;

  constructor(type: ScalarType) {
    super(type);
    this.parse = cellParser(type);
  }

  text(text: string): void {
    if (text === '') this.builder.appendNull();
    else this.builder.append(this.parse(text));
  }

  json(source: string, start: number, end: number): void {
    switch (source.charCodeAt(start)) {
      case QUOTE:
        this.text(jsonString(source, start, end));
        return;
      case SMALL_T:
      case SMALL_F:
        this.builder.append(this.type === 'bool' ? source.charCodeAt(start) === SMALL_T : null);
        return;
      case SMALL_N:
      case BRACE:
      case BRACKET:
        this.builder.appendNull();
        return;
      default:
        this.number(source.slice(start, end));
    }
  }

  private number(text: string): void {
    const takesNumbers = this.type === 'decimal' || this.type === 'bool';
    this.builder.append(takesNumbers ? this.parse(text) : null);
  }
}

/** int, long and real, which must be fast. */
class NumberField extends BaseField {
  private plain(value: number): void {
    if (this.type === 'long') (this.builder as WideBuilder).appendSafe(value);
    else if (this.type === 'int' && value !== (value | 0)) this.builder.appendNull();
    else this.builder.append(value);
  }

  text(text: string): void {
    const small = smallWhole(text, 0, text.length);
    if (small !== undefined) this.plain(small);
    else if (this.type === 'long') this.builder.append(parseLong(text));
    else this.builder.append(this.type === 'int' ? parseInt32(text) : parseReal(text));
  }

  json(source: string, start: number, end: number): void {
    const small = smallWhole(source, start, end);
    if (small !== undefined) {
      this.plain(small);
      return;
    }
    const c = source.charCodeAt(start);
    if (c === QUOTE) this.text(jsonString(source, start, end));
    else if (c === 45 || (c >= 48 && c <= 57)) this.number(source.slice(start, end));
    else this.builder.appendNull();
  }

  private number(text: string): void {
    if (this.type === 'real') this.builder.append(Number(text));
    else this.text(/[.eE]/.test(text) ? (wholeReal(text) ?? '') : text);
  }
}

class StringField extends BaseField {
  private put(text: string): void {
    (this.builder as TextBuilder).appendText(cutText(text));
  }

  text(text: string): void {
    this.put(text);
  }

  json(source: string, start: number, end: number): void {
    const c = source.charCodeAt(start);
    if (c === QUOTE) this.put(jsonString(source, start, end));
    else this.put(c === SMALL_N ? '' : source.slice(start, end));
  }

  override node(node: RecordNode): void {
    this.put(cellFromNode('string', node) as string);
  }

  override cell(cell: Cell): void {
    this.put((cell ?? '') as string);
  }
}

class DynamicField extends BaseField {
  override get takes(): undefined {
    return undefined;
  }

  private put(text: string): void {
    if (text.length * 3 > MAX_CELL_BYTES && Buffer.byteLength(text) > MAX_CELL_BYTES)
      this.builder.appendNull();
    else (this.builder as TextBuilder).appendText(text);
  }

  text(text: string): void {
    const cell = cellParser('dynamic')(text) as Dynamic | null;
    if (cell === null) this.builder.appendNull();
    else this.put(cell.text);
  }

  json(source: string, start: number, end: number): void {
    if (source.charCodeAt(start) === SMALL_N) this.builder.appendNull();
    else this.put(source.slice(start, end));
  }

  override node(node: RecordNode): void {
    if (node === null) this.builder.appendNull();
    else this.put(dynamicFromNode(toDynamicNode(node)).text);
  }
}

function plainField(type: ScalarType): BaseField {
  switch (type) {
    case 'int':
    case 'long':
    case 'real':
      return new NumberField(type);
    case 'string':
      return new StringField(type);
    case 'dynamic':
      return new DynamicField(type);
    default:
      return new ScalarField(type);
  }
}

class UnixField extends BaseField {
  private readonly transform: UnixTransform;

  constructor(type: ScalarType, transform: UnixTransform) {
    super(type);
    this.transform = transform;
  }

  text(text: string): void {
    this.builder.append(datetimeFromUnix(this.transform, text));
  }

  json(source: string, start: number, end: number): void {
    const quoted = source.charCodeAt(start) === QUOTE;
    this.text(quoted ? jsonString(source, start, end) : source.slice(start, end));
  }

  override node(node: RecordNode): void {
    if (node instanceof TypedValue && node.type === 'datetime') this.builder.append(node.value as bigint);
    else this.text(cellFromNode('string', node) as string);
  }
}

/** Passes values on after reshaping them as trees. */
class ReshapedField implements Field {
  readonly takes = undefined;
  private readonly to: Field;
  private readonly reshape: (node: DynamicNode) => DynamicNode;

  constructor(to: Field, reshape: (node: DynamicNode) => DynamicNode) {
    this.to = to;
    this.reshape = reshape;
  }

  missing(): void {
    this.to.missing();
  }

  text(text: string): void {
    this.json(text, 0, text.length);
  }

  json(source: string, start: number, end: number): void {
    const node = parseJson(source.slice(start, end));
    if (node === undefined) {
      this.to.text(source.slice(start, end));
      return;
    }
    const text = printJson(this.reshape(node));
    this.to.json(text, 0, text.length);
  }

  node(node: RecordNode): void {
    this.to.node(this.reshape(toDynamicNode(node)));
  }

  cell(cell: Cell): void {
    this.to.cell(cell);
  }

  finish(): StoreColumn {
    return this.to.finish();
  }
}

class Base64Field extends StringField {
  override get takes(): undefined {
    return undefined;
  }

  override text(text: string): void {
    super.text(Buffer.from(text).toString('base64'));
  }

  override node(node: RecordNode): void {
    if (node === null) this.missing();
    else if (node instanceof TypedValue && node.type === 'bytes') {
      super.text(Buffer.from(node.value as Uint8Array).toString('base64'));
    } else this.text(cellFromNode('string', node) as string);
  }
}

/** The field that fills a target's column. */
export function createField(target: Target): Field {
  const { transform, column } = target;
  if (isUnixTransform(transform) && column.type === 'datetime') return new UnixField('datetime', transform);
  if (transform === 'BytesAsBase64' && column.type === 'string') return new Base64Field('string');
  if (transform === 'PropertyBagArrayToDictionary') {
    return new ReshapedField(plainField(column.type), propertyBagArrayToDictionary);
  }
  if (transform === 'DropMappedFields') {
    const drop = (node: DynamicNode) => target.dropped.reduce(withoutPath, node);
    return new ReshapedField(plainField(column.type), drop);
  }
  return plainField(column.type);
}
