import { notSupported } from '../../errors.js';
import { type ArithmeticOperator, arithmetic, negate } from '../expressions/arithmetic.js';
import { columnExpr, constantExpr } from '../expressions/basic.js';
import { type ComparisonOperator, comparison } from '../expressions/compare.js';
import { and, or } from '../expressions/logic.js';
import { elementAccess, propertyAccess } from '../expressions/member.js';
import { textMatch, textOperator } from '../expressions/text-match.js';
import { isNumeric } from '../expressions/types.js';
import { semanticError, unresolvedScalar } from '../failures.js';
import { need, type Syntax, sourceText } from '../parser/syntax.js';
import type { Expr } from '../plan/types.js';
import { bindCall } from './call.js';
import { columnIndex, type Env } from './env.js';
import { literalOf, nameOf, typeOfLiteral } from './literals.js';
import { bindBetween, bindHasList, bindIn } from './membership.js';
import { bindToScalar } from './subquery.js';

type ScalarBinder = (node: Syntax, env: Env) => Expr;

function scalarName(node: Syntax, env: Env): Expr {
  const name = nameOf(node);
  const index = columnIndex(env.columns, name);
  if (index >= 0) return columnExpr(index, env.columns[index]!.type);
  const binding = env.scope.get(name);
  if (binding?.kind === 'scalar') return binding.expr;
  if (binding?.kind === 'table') {
    throw semanticError('SEM0002', `'${name}' is a table; a scalar expression is expected here`);
  }
  throw unresolvedScalar(env.operator, name);
}

function side(node: Syntax, role: string, env: Env): Expr {
  return env.session.binder.scalar(need(node, role), env);
}

function operatorText(node: Syntax): string {
  return sourceText(need(node, 'Operator')).replaceAll(/\s+/g, ' ');
}

const arithmeticNode: ScalarBinder = (node, env) =>
  arithmetic(operatorText(node) as ArithmeticOperator, side(node, 'Left', env), side(node, 'Right', env));

const comparisonNode: ScalarBinder = (node, env) => {
  const spelled = operatorText(node);
  const operator = (spelled === '<>' ? '!=' : spelled) as ComparisonOperator;
  return comparison(operator, side(node, 'Left', env), side(node, 'Right', env));
};

function unary(node: Syntax, env: Env, minus: boolean): Expr {
  const operand = side(node, 'Expression', env);
  if (!isNumeric(operand.type) && operand.type !== 'timespan' && operand.type !== 'dynamic') {
    throw semanticError('SEM0064', `Operator '${minus ? '-' : '+'}' cannot be applied to ${operand.type}`);
  }
  return minus ? negate(operand) : operand;
}

const path: ScalarBinder = (node, env) => {
  const selector = need(node, 'Selector');
  const target = side(node, 'Expression', env);
  if (selector.kind === 'NameReference') return propertyAccess(target, nameOf(selector));
  if (selector.kind === 'BracketedExpression') {
    return elementAccess(target, env.session.binder.scalar(need(selector, 'Expression'), env));
  }
  throw notSupported(`the path '${sourceText(node)}'`);
};

const element: ScalarBinder = (node, env) => {
  const selector = need(node, 'Selector');
  const index = env.session.binder.scalar(need(selector, 'Expression'), env);
  return elementAccess(side(node, 'Expression', env), index);
};

const BINDERS: Readonly<Record<string, ScalarBinder>> = {
  NameReference: scalarName,
  BracketedExpression: scalarName,
  ParenthesizedExpression: (node, env) => side(node, 'Expression', env),
  UnaryMinusExpression: (node, env) => unary(node, env, true),
  UnaryPlusExpression: (node, env) => unary(node, env, false),
  AddExpression: arithmeticNode,
  SubtractExpression: arithmeticNode,
  MultiplyExpression: arithmeticNode,
  DivideExpression: arithmeticNode,
  ModuloExpression: arithmeticNode,
  EqualExpression: comparisonNode,
  NotEqualExpression: comparisonNode,
  LessThanExpression: comparisonNode,
  LessThanOrEqualExpression: comparisonNode,
  GreaterThanExpression: comparisonNode,
  GreaterThanOrEqualExpression: comparisonNode,
  AndExpression: (node, env) => and(side(node, 'Left', env), side(node, 'Right', env)),
  OrExpression: (node, env) => or(side(node, 'Left', env), side(node, 'Right', env)),
  InExpression: bindIn,
  NotInExpression: bindIn,
  InCsExpression: bindIn,
  NotInCsExpression: bindIn,
  BetweenExpression: bindBetween,
  NotBetweenExpression: bindBetween,
  HasAnyExpression: bindHasList,
  HasAllExpression: bindHasList,
  FunctionCallExpression: bindCall,
  PathExpression: path,
  ElementExpression: element,
  ToScalarExpression: bindToScalar,
  TypeOfLiteralExpression: (node) => constantExpr('string', typeOfLiteral(node)[0] ?? null),
  NullLiteralExpression: () => constantExpr('dynamic', null),
};

/**
 * A syntax node as a typed expression.
 * @throws KustoError semantic error, or a refusal by name
 */
export function bindScalar(node: Syntax, env: Env): Expr {
  const literal = literalOf(node);
  if (literal !== undefined) return constantExpr(literal.type, literal.value);
  const binder = BINDERS[node.kind];
  if (binder !== undefined) return binder(node, env);
  const operator = node.children.find((child) => child.role === 'Operator');
  const matcher = operator && textOperator(operatorText(node));
  if (matcher !== undefined) {
    return textMatch(operatorText(node), matcher, [side(node, 'Left', env), side(node, 'Right', env)]);
  }
  throw notSupported(operator === undefined ? `'${sourceText(node)}'` : `operator '${operatorText(node)}'`);
}
