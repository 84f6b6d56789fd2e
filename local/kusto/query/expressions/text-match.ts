import { BoolColumn, ConstantColumn } from '../../store/columns.js';
import { semanticError } from '../failures.js';
import type { Expr, Vector } from '../plan/types.js';
import { buildVector } from '../vector/build.js';
import { castExpr, vectorExpr } from './basic.js';
import { testText } from './compare.js';
import { compileRegex } from './regex.js';

const ALPHANUMERIC = /[\p{L}\p{N}]/u;

function isAlphanumeric(code: number): boolean {
  if (code < 128) {
    return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
  }
  return ALPHANUMERIC.test(String.fromCharCode(code));
}

interface TermRule {
  readonly start: boolean;
  readonly end: boolean;
}

/** Whether `needle` stands in `text` with term boundaries where the rule asks for them. */
function hasTerm(text: string, needle: string, rule: TermRule): boolean {
  if (needle === '') return true;
  const first = isAlphanumeric(needle.charCodeAt(0));
  const last = isAlphanumeric(needle.charCodeAt(needle.length - 1));
  for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
    const end = at + needle.length;
    const startOk = !rule.start || at === 0 || !first || !isAlphanumeric(text.charCodeAt(at - 1));
    const endOk = !rule.end || end === text.length || !last || !isAlphanumeric(text.charCodeAt(end));
    if (startOk && endOk) return true;
  }
  return false;
}

const WHOLE: TermRule = { start: true, end: true };
const PREFIX: TermRule = { start: true, end: false };
const SUFFIX: TermRule = { start: false, end: true };

/** A test of a text against the right-hand text, prepared once per right-hand text. */
type Prepare = (needle: string) => (text: string) => boolean;

function insensitive(prepare: Prepare): Prepare {
  return (needle) => {
    const test = prepare(needle.toLowerCase());
    return (text) => test(text.toLowerCase());
  };
}

const contains: Prepare = (needle) => (text) => text.includes(needle);
const startsWith: Prepare = (needle) => (text) => text.startsWith(needle);
const endsWith: Prepare = (needle) => (text) => text.endsWith(needle);
const term =
  (rule: TermRule): Prepare =>
  (needle) =>
  (text) =>
    hasTerm(text, needle, rule);

const matches: Prepare = (pattern) => {
  const regex = compileRegex(pattern);
  return (text) => {
    regex.lastIndex = 0;
    return regex.test(text);
  };
};

const POSITIVE: Readonly<Record<string, Prepare>> = {
  '=~': insensitive((needle) => (text) => text === needle),
  contains: insensitive(contains),
  contains_cs: contains,
  startswith: insensitive(startsWith),
  startswith_cs: startsWith,
  endswith: insensitive(endsWith),
  endswith_cs: endsWith,
  has: insensitive(term(WHOLE)),
  has_cs: term(WHOLE),
  hasprefix: insensitive(term(PREFIX)),
  hasprefix_cs: term(PREFIX),
  hassuffix: insensitive(term(SUFFIX)),
  hassuffix_cs: term(SUFFIX),
  'matches regex': matches,
};

interface Matcher {
  readonly prepare: Prepare;
  readonly negated: boolean;
}

/** The text operator of this spelling (`!has_cs`, `!~`, `matches regex`), or `undefined`. */
export function textOperator(spelling: string): Matcher | undefined {
  const negated = spelling.startsWith('!');
  const name = spelling === '!~' ? '=~' : negated ? spelling.slice(1) : spelling;
  const prepare = POSITIVE[name];
  return prepare === undefined ? undefined : { prepare, negated };
}

/** An operand of a text operator. */
function asText(expr: Expr, operator: string): Expr {
  if (expr.type === 'string') return expr;
  if (expr.type === 'dynamic' || expr.type === 'guid') return castExpr(expr, 'string');
  throw semanticError(
    'SEM0024',
    `Operator '${operator}' requires a string operand, but one is of type ${expr.type}. Try tostring()`,
  );
}

function negate(vector: Vector): Vector {
  if (vector instanceof BoolColumn) {
    return new BoolColumn(
      vector.values.map((value: number) => 1 - value),
      vector.nulls,
    );
  }
  return buildVector('bool', vector.length, (row) => vector.get(row) !== true);
}

function matchVectors(matcher: Matcher, text: Vector, needle: Vector): Vector {
  let result: Vector;
  if (needle instanceof ConstantColumn) {
    result = testText(text, matcher.prepare(needle.value as string));
  } else {
    result = buildVector('bool', text.length, (row) =>
      matcher.prepare(needle.get(row) as string)(text.get(row) as string),
    );
  }
  return matcher.negated ? negate(result) : result;
}

export function textMatch(operator: string, matcher: Matcher, sides: readonly [Expr, Expr]): Expr {
  const args = sides.map((side) => asText(side, operator));
  return vectorExpr('bool', args, ([text, needle]) => matchVectors(matcher, text!, needle!));
}

/** `has_any` / `has_all` over a list of texts. */
export function hasList(text: Expr, list: () => readonly string[], every: boolean): Expr {
  return vectorExpr('bool', [asText(text, every ? 'has_all' : 'has_any')], ([vector]) => {
    const tests = list().map((needle) => POSITIVE['has']!(needle));
    return testText(vector!, (value) =>
      every ? tests.every((test) => test(value)) : tests.some((test) => test(value)),
    );
  });
}
