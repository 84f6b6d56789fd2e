import { notSupported } from '../../errors.js';
import { aggregateNames } from '../aggregates/registry.js';
import { semanticError } from '../failures.js';
import { builtInFunctions } from '../functions/registry.js';
import { windowFunctions } from '../functions/window.js';
import { isBuiltInFunction } from '../parser/parse.js';
import { elements, need, type Syntax } from '../parser/syntax.js';
import type { Expr } from '../plan/types.js';
import type { Env } from './env.js';
import { nameOf } from './literals.js';
import { siteFunctions } from './site-functions.js';
import { callFunction, findFunction } from './user-function.js';

function argumentNodes(call: Syntax): readonly Syntax[] {
  return elements(need(call, 'ArgumentList'), 'Expressions');
}

/** Argument expressions, whose names (as in `f(name = 1)`) are of no meaning to built-in functions. */
function boundArguments(call: Syntax, env: Env): Expr[] {
  return argumentNodes(call).map((node) => env.session.binder.scalar(node, env));
}

function windowCall(name: string, node: Syntax, env: Env): Expr {
  if (env.windows === undefined) {
    throw semanticError('SEM0086', `Function '${name}' cannot be invoked in the current context`);
  }
  if (!env.windows.ordered) {
    throw semanticError(
      'SEM0086',
      `Function '${name}' cannot be invoked in the current context: the row set must be serialized`,
    );
  }
  env.windows.used = true;
  return windowFunctions.get(name)!(boundArguments(node, env), siteOf(name, env));
}

function siteOf(name: string, env: Env) {
  return { name, now: env.session.now, database: env.database, columns: env.columns };
}

function unknownFunction(name: string): Error {
  if (isBuiltInFunction(name)) return notSupported(`function '${name}()'`);
  return semanticError('SEM0260', `Unknown function: '${name}'`);
}

/** A function call in a scalar place. */
export function bindCall(node: Syntax, env: Env): Expr {
  const name = nameOf(need(node, 'Name'));
  if (env.aggregates !== undefined && aggregateNames.has(name)) return env.aggregates.call(name, node);
  const own = env.scope.get(name)?.kind === 'function';
  if (!own) {
    const special = siteFunctions.get(name);
    if (special !== undefined) return special(argumentNodes(node), env);
    const builtIn = builtInFunctions.get(name);
    if (builtIn !== undefined) return builtIn(boundArguments(node, env), siteOf(name, env));
    if (windowFunctions.has(name)) return windowCall(name, node, env);
  }
  const fn = findFunction(name, env);
  if (fn === undefined) {
    if (aggregateNames.has(name)) {
      throw semanticError('SEM0086', `Aggregate function '${name}' cannot be invoked in the current context`);
    }
    throw unknownFunction(name);
  }
  const bound = callFunction(fn, node, env);
  if ('rel' in bound)
    throw semanticError('SEM0002', `Function '${name}' gives a table; a scalar is expected here`);
  return bound.expr;
}
