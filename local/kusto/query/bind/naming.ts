import { child, elements, need, type Syntax } from '../parser/syntax.js';
import { literalOf, nameOf } from './literals.js';

/** Functions whose result keeps the name of the column they are given. */
const KEEP_NAME = new Set(
  (
    'split tostring tohex todynamic toobject tolong toint toreal todouble todatetime totimespan totime tobool toboolean ' +
    'todecimal toguid parse_csv parsejson parse_json parse_xml format_datetime format_timespan startofday ' +
    'bin floor bin_at bin_auto binary_and binary_or binary_xor binary_not ' +
    'binary_shift_right binary_shift_left bitset_count_ones round ceiling pow sqrt log log2 log10 exp exp2 exp10 ' +
    'cos sin tan acos asin atan atan2 abs rand format_bytes any_value passthrough'
  ).split(' '),
);

const PREFIXED: Readonly<Record<string, string>> = {
  strlen: 'strlen',
  string_size: 'string_size',
  gettype: 'type',
};

const FIXED: Readonly<Record<string, string>> = { ingestion_time: '$IngestionTime' };

function argumentName(call: Syntax, index = 0): string | undefined {
  const node = elements(need(call, 'ArgumentList'), 'Expressions')[index];
  return node && outputName(node);
}

function callName(node: Syntax): string | undefined {
  const name = nameOf(need(node, 'Name'));
  const fixed = FIXED[name];
  if (fixed !== undefined) return fixed;
  if (name === 'column_ifexists' || name === 'columnifexists') {
    const first = elements(need(node, 'ArgumentList'), 'Expressions')[0];
    const literal = first && literalOf(first);
    return typeof literal?.value === 'string' ? literal.value : undefined;
  }
  const prefix = PREFIXED[name];
  if (prefix !== undefined) {
    const argument = argumentName(node);
    return argument === undefined ? undefined : `${prefix}_${argument}`;
  }
  return KEEP_NAME.has(name) ? argumentName(node) : undefined;
}

function joined(target: string | undefined, member: string): string {
  return target === undefined ? member : `${target}_${member}`;
}

function elementName(node: Syntax): string | undefined {
  const literal = literalOf(need(need(node, 'Selector'), 'Expression'));
  const target = outputName(need(node, 'Expression'));
  return target === undefined
    ? undefined
    : joined(target, literal === undefined ? '' : String(literal.value));
}

/** The name a result column takes from its expression, or `undefined` when it gets a number. */
export function outputName(node: Syntax): string | undefined {
  switch (node.kind) {
    case 'NameReference':
      return nameOf(node);
    case 'SimpleNamedExpression':
      return nameOf(need(node, 'Name'));
    case 'ParenthesizedExpression':
      return outputName(need(node, 'Expression'));
    case 'PathExpression': {
      const selector = child(node, 'Selector');
      return joined(outputName(need(node, 'Expression')), selector === undefined ? '' : nameOf(selector));
    }
    case 'ElementExpression':
      return elementName(node);
    case 'FunctionCallExpression':
      return callName(node);
    default:
      return undefined;
  }
}

/** Gives names that are not taken: a taken or missing name gets a number. */
export class NameMaker {
  private readonly taken: Set<string>;
  private unnamed = 0;
  private readonly base: string;

  constructor(taken: Iterable<string> = [], base = 'Column') {
    this.taken = new Set(taken);
    this.base = base;
  }

  has(name: string): boolean {
    return this.taken.has(name);
  }

  /** The name itself when free, else with the smallest free number behind it. */
  unique(name: string): string {
    let candidate = name;
    for (let number = 1; this.taken.has(candidate); number++) candidate = `${name}${number}`;
    this.taken.add(candidate);
    return candidate;
  }

  next(name: string | undefined): string {
    if (name !== undefined) return this.unique(name);
    this.unnamed++;
    return this.unique(`${this.base}${this.unnamed}`);
  }
}
