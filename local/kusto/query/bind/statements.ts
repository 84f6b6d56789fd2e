import { notSupported } from '../../errors.js';
import type { Cell, ScalarType } from '../../store/types.js';
import { parseCell } from '../../values/cell.js';
import { castCell } from '../conversion/cast.js';
import { castExpr, constantExpr, constantValue } from '../expressions/basic.js';
import { semanticError } from '../failures.js';
import { parseQuery } from '../parser/parse.js';
import { child, elements, firstToken, need, type Syntax } from '../parser/syntax.js';
import type { Rel } from '../plan/types.js';
import type { Env } from './env.js';
import { bindLet } from './let.js';
import { literalOf, nameOf, typeOf } from './literals.js';

/** The value of a query parameter given as text that is a KQL literal, or raw text for strings. */
function parameterCell(raw: unknown, type: ScalarType, name: string): Cell {
  if (raw === null) return null;
  if (typeof raw === 'boolean' || typeof raw === 'number') {
    const cell = type === 'string' ? String(raw) : parseCell(type, String(raw));
    if (cell !== null) return cell;
  }
  const text = typeof raw === 'string' ? raw : JSON.stringify(raw);
  const literal = literalText(text);
  if (literal !== undefined) {
    if (literal.value === null) return null;
    const cell =
      literal.type === type ? literal.value : (castCell(literal.type, type)?.(literal.value) ?? null);
    if (cell !== null) return cell;
  }
  if (type === 'string') return text;
  const cell = parseCell(type, text);
  if (cell !== null) return cell;
  throw semanticError('SEM0100', `Query parameter '${name}': '${text}' is not a ${type} value`);
}

const LITERAL = /^\s*(?:[A-Za-z]+\s*\(.*\)|h?@?(["']).*\1)\s*$/s;

/** A text that is spelled as a typed or quoted literal. */
function literalText(text: string): { type: ScalarType; value: Cell } | undefined {
  if (!LITERAL.test(text)) return undefined;
  try {
    const print = need(elements(parseQuery(`print ${text}`), 'Statements')[0]!, 'Expression');
    return literalOf(elements(print, 'Expressions')[0]!);
  } catch {
    return undefined;
  }
}

function bindParameters(statement: Syntax, env: Env): void {
  for (const parameter of elements(statement, 'Parameters')) {
    const declared = need(parameter, 'NameAndType');
    const name = nameOf(need(declared, 'Name'));
    const type = typeOf(need(declared, 'Type'));
    const given = env.session.parameters[name];
    const fallback = child(parameter, 'DefaultValue');
    if (given !== undefined) {
      env.scope.set(name, { kind: 'scalar', expr: constantExpr(type, parameterCell(given, type, name)) });
    } else if (fallback !== undefined) {
      const expr = castExpr(env.session.binder.scalar(need(fallback, 'Value'), env), type);
      env.scope.set(name, { kind: 'scalar', expr: constantExpr(type, constantValue(expr)) });
    } else {
      throw semanticError('SEM0100', `Query parameter '${name}' has no value and no default`);
    }
  }
}

/** Options that `set` statements give, by lower-case name. */
export type SetOptions = ReadonlyMap<string, unknown>;

function optionValue(statement: Syntax): unknown {
  const clause = child(statement, 'ValueClause');
  const value = clause && child(clause, 'Value');
  if (value === undefined) return true;
  const literal = literalOf(value);
  return literal === undefined ? firstToken(value) : literal.value;
}

/** Options of the `set` statements of a query. */
export function setOptions(root: Syntax): SetOptions {
  return new Map(
    elements(root, 'Statements')
      .filter((statement) => statement.kind === 'SetOptionStatement')
      .map((statement) => [nameOf(need(statement, 'Name')).toLowerCase(), optionValue(statement)]),
  );
}

/** Binds the statements of a query in order; answers its tabular statements. */
export function bindStatements(root: Syntax, env: Env): Rel[] {
  const results: Rel[] = [];
  for (const statement of elements(root, 'Statements')) {
    switch (statement.kind) {
      case 'LetStatement':
        bindLet(statement, env);
        break;
      case 'SetOptionStatement':
        break;
      case 'QueryParametersStatement':
        bindParameters(statement, env);
        break;
      case 'ExpressionStatement':
        results.push(env.session.binder.table(need(statement, 'Expression'), env));
        break;
      default:
        throw notSupported(`statement '${firstToken(statement)}'`);
    }
  }
  if (results.length === 0) throw semanticError('SEM0100', 'The query has no tabular expression statement');
  return results;
}
