import { notSupported } from '../../errors.js';
import { need, type Syntax, sourceText } from '../parser/syntax.js';
import type { Env } from './env.js';
import { nameOf } from './literals.js';

/** `let name = function | scalar | table`. */
export function bindLet(statement: Syntax, env: Env): void {
  if (statement.kind !== 'LetStatement') {
    throw notSupported(`the statement '${sourceText(statement)}' inside a function`);
  }
  const name = nameOf(need(statement, 'Name'));
  const expression = need(statement, 'Expression');
  if (expression.kind === 'FunctionDeclaration') {
    const fn = { name, declaration: expression, scope: env.scope, database: env.database };
    env.scope.set(name, { kind: 'function', fn });
    return;
  }
  const bound = env.session.binder.any(expression, env);
  env.scope.set(
    name,
    'rel' in bound ? { kind: 'table', rel: bound.rel } : { kind: 'scalar', expr: bound.expr },
  );
}
