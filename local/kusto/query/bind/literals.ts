import type { Cell, DynamicNode, ScalarType } from '../../store/types.js';
import { parseCell } from '../../values/cell.js';
import { numberNode } from '../../values/json.js';
import { scalarTypeNamed } from '../../values/type-names.js';
import { dynamicCell, nodeOf } from '../conversion/nodes.js';
import { syntaxError } from '../failures.js';
import { elements, firstToken, need, type Syntax, sourceText } from '../parser/syntax.js';

const LITERAL_TYPES: Readonly<Record<string, ScalarType>> = {
  LongLiteralExpression: 'long',
  IntLiteralExpression: 'int',
  RealLiteralExpression: 'real',
  DecimalLiteralExpression: 'decimal',
  BooleanLiteralExpression: 'bool',
  DateTimeLiteralExpression: 'datetime',
  TimespanLiteralExpression: 'timespan',
  GuidLiteralExpression: 'guid',
  StringLiteralExpression: 'string',
  CompoundStringLiteralExpression: 'string',
  DynamicExpression: 'dynamic',
};

export interface Literal {
  readonly type: ScalarType;
  readonly value: Cell;
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '0': '\0',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};

const ESCAPE = /\\(?:[uU]([0-9a-fA-F]{8}|[0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\s\S]))/g;

function withoutEscapes(text: string): string {
  return text.replace(ESCAPE, (_, ...parts: string[]) => {
    const [unicode, byte, letter] = parts;
    const hex = unicode ?? byte;
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    return ESCAPES[letter!] ?? letter!;
  });
}

/** The value of a string literal: quoted, verbatim (`@`), hidden (`h`) or fenced. */
function stringLiteral(token: string): string {
  const text = /^[hH]/.test(token) ? token.slice(1) : token;
  if (text.startsWith('```') || text.startsWith('~~~')) return text.slice(3, -3);
  if (text.startsWith('@')) {
    const quote = text[1]!;
    return text.slice(2, -1).replaceAll(quote + quote, quote);
  }
  return withoutEscapes(text.slice(1, -1));
}

function inner(text: string): string {
  const match = /^[A-Za-z_]\w*\s*\(([\s\S]*)\)$/.exec(text);
  const body = (match === null ? text : match[1]!).trim();
  return /^(["']).*\1$/s.test(body) ? body.slice(1, -1) : body;
}

function literalCell(type: ScalarType, text: string, node: Syntax): Cell {
  const body = inner(text);
  if (body === 'null' || (body === '' && text !== body)) return null;
  const cell = parseCell(type, body);
  if (cell === null) throw syntaxError(`'${text}' is not a legal ${type} literal`, node.source, node.start);
  return cell;
}

/** The literal a node spells, or `undefined` when it is no literal. */
export function literalOf(node: Syntax): Literal | undefined {
  const type = LITERAL_TYPES[node.kind];
  if (type === undefined) return undefined;
  if (node.kind === 'DynamicExpression') {
    return { type, value: dynamicCell(dynamicNode(need(node, 'Expression'))) };
  }
  if (node.kind === 'CompoundStringLiteralExpression') {
    return {
      type,
      value: elements(node, 'Tokens')
        .map((token) => stringLiteral(token.text))
        .join(''),
    };
  }
  const text = firstToken(node);
  return { type, value: type === 'string' ? stringLiteral(text) : literalCell(type, text, node) };
}

function numericNode(node: Syntax): DynamicNode | undefined {
  const text = sourceText(node).replaceAll(/\s/g, '');
  return /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) ? numberNode(text) : undefined;
}

/** The node a JSON part of a `dynamic(…)` literal spells; typed literals inside become what JSON has for them. */
function dynamicNode(node: Syntax): DynamicNode {
  switch (node.kind) {
    case 'JsonArrayExpression':
      return elements(node, 'Values').map(dynamicNode);
    case 'JsonObjectExpression':
      return new Map(
        elements(node, 'Pairs').map((pair) => [
          stringLiteral(need(pair, 'Name').text),
          dynamicNode(need(pair, 'Value')),
        ]),
      );
    case 'NullLiteralExpression':
      return null;
    default:
      return scalarNode(node);
  }
}

function scalarNode(node: Syntax): DynamicNode {
  const number = numericNode(node);
  if (number !== undefined) return number;
  if (node.kind === 'UnaryMinusExpression') {
    const negative = literalOf(need(node, 'Expression'));
    if (negative?.type === 'timespan') return nodeOf('timespan', -(negative.value as bigint));
  }
  const literal = literalOf(node);
  if (literal !== undefined) return nodeOf(literal.type, literal.value);
  throw syntaxError('A dynamic literal may hold literals only', node.source, node.start);
}

/** The name a reference, declaration or bracketed name spells. */
export function nameOf(node: Syntax): string {
  switch (node.kind) {
    case 'NameReference':
    case 'NameDeclaration':
      return nameOf(node.children[0]!);
    case 'BracketedName':
    case 'BracketedExpression':
    case 'BracedName': {
      const name = node.children.find((part) => part.kind === 'StringLiteralExpression');
      return name === undefined ? sourceText(node) : stringLiteral(firstToken(name));
    }
    default:
      return sourceText(node);
  }
}

/** The scalar type a type expression names. */
export function typeOf(node: Syntax): ScalarType {
  const name = sourceText(node).trim().toLowerCase();
  const type = scalarTypeNamed(name);
  if (type === undefined) throw syntaxError(`'${name}' is not a scalar type`, node.source, node.start);
  return type;
}

/** Columns of a row schema `(a:long, ['b c']:string)`. */
export function schemaOf(node: Syntax): { name: string; type: ScalarType }[] {
  return elements(node, 'Columns')
    .filter((column) => column.kind === 'NameAndTypeDeclaration')
    .map((column) => ({ name: nameOf(need(column, 'Name')), type: typeOf(need(column, 'Type')) }));
}

/** The types of `typeof(a, b)`. */
export function typeOfLiteral(node: Syntax): ScalarType[] {
  return elements(node, 'Types').map(typeOf);
}
