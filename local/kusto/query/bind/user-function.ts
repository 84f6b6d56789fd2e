import type { StoredFunction } from '../../catalog/types.js';
import { castExpr } from '../expressions/basic.js';
import { commonType } from '../expressions/types.js';
import { semanticError } from '../failures.js';
import { parseQuery } from '../parser/parse.js';
import { child, elements, need, type Syntax } from '../parser/syntax.js';
import type { Expr, Rel } from '../plan/types.js';
import { type Bound, columnIndex, type Env, Scope, type UserFunction } from './env.js';
import { bindLet } from './let.js';
import { nameOf, schemaOf, typeOf } from './literals.js';

/** Deepest nesting of user function calls. */
const MAX_CALL_DEPTH = 50;

interface Argument {
  readonly name: string | undefined;
  readonly node: Syntax;
}

function argumentsOf(call: Syntax): Argument[] {
  return elements(need(call, 'ArgumentList'), 'Expressions').map((node) =>
    node.kind === 'SimpleNamedExpression'
      ? { name: nameOf(need(node, 'Name')), node: need(node, 'Expression') }
      : { name: undefined, node },
  );
}

function scalarArgument(expr: Expr, type: Syntax, name: string): Expr {
  const wanted = typeOf(type);
  if (expr.type === wanted) return expr;
  const widens =
    expr.type === 'dynamic' || wanted === 'dynamic' || commonType([expr.type, wanted]) !== undefined;
  if (!widens) {
    throw semanticError(
      'SEM0025',
      `Parameter '${name}' is of type ${wanted}; the argument is of type ${expr.type}`,
    );
  }
  return castExpr(expr, wanted);
}

function tableArgument(rel: Rel, type: Syntax, name: string): Rel {
  for (const column of schemaOf(type)) {
    const index = columnIndex(rel.schema, column.name);
    if (index < 0 || rel.schema[index]!.type !== column.type) {
      throw semanticError(
        'SEM0100',
        `Tabular argument '${name}' lacks the column '${column.name}' of type ${column.type}`,
      );
    }
  }
  return rel;
}

function bindParameter(
  parameter: Syntax,
  argument: Syntax | undefined,
  envs: { call: Env; scope: Scope },
): void {
  const declared = need(parameter, 'NameAndType');
  const name = nameOf(need(declared, 'Name'));
  const type = need(declared, 'Type');
  const { binder } = envs.call.session;
  const fallback = child(parameter, 'DefaultValue');
  const given = argument ?? (fallback && need(fallback, 'Value'));
  if (given === undefined) throw semanticError('SEM0219', `Argument for parameter '${name}' is missing`);
  if (type.kind === 'SchemaTypeExpression') {
    const rel = tableArgument(binder.table(given, { ...envs.call, columns: [] }), type, name);
    envs.scope.set(name, { kind: 'table', rel });
  } else {
    envs.scope.set(name, {
      kind: 'scalar',
      expr: scalarArgument(binder.scalar(given, envs.call), type, name),
    });
  }
}

function pick(
  args: readonly Argument[],
  parameters: readonly Syntax[],
  fn: UserFunction,
): (Syntax | undefined)[] {
  const names = parameters.map((parameter) => nameOf(need(need(parameter, 'NameAndType'), 'Name')));
  const picked: (Syntax | undefined)[] = names.map(() => undefined);
  args.forEach((argument, position) => {
    const index = argument.name === undefined ? position : names.indexOf(argument.name);
    if (index < 0 || index >= names.length) {
      throw semanticError(
        'SEM0219',
        `Function '${fn.name}' expects ${names.length} argument(s), got ${args.length}`,
      );
    }
    picked[index] = argument.node;
  });
  return picked;
}

/** What a call answers: a scalar expression or a table, as its body says. */
export function callFunction(fn: UserFunction, call: Syntax | undefined, env: Env, extra?: Rel): Bound {
  if (env.depth >= MAX_CALL_DEPTH) {
    throw semanticError('SEM0306', `Function '${fn.name}' is nested more than ${MAX_CALL_DEPTH} calls deep`);
  }
  const scope = new Scope(fn.scope);
  let parameters = elements(need(fn.declaration, 'Parameters'), 'Parameters');
  if (extra !== undefined) {
    const first = parameters[0];
    const declared = first && need(first, 'NameAndType');
    if (declared === undefined || need(declared, 'Type').kind !== 'SchemaTypeExpression') {
      throw semanticError('SEM0219', `invoke: the first parameter of '${fn.name}' must be tabular`);
    }
    const name = nameOf(need(declared, 'Name'));
    scope.set(name, { kind: 'table', rel: tableArgument(extra, need(declared, 'Type'), name) });
    parameters = parameters.slice(1);
  }
  const picked = pick(call === undefined ? [] : argumentsOf(call), parameters, fn);
  parameters.forEach((parameter, index) => {
    bindParameter(parameter, picked[index], { call: env, scope });
  });
  return bindBody(fn, scope, env);
}

function bindBody(fn: UserFunction, scope: Scope, env: Env): Bound {
  const body = need(fn.declaration, 'Body');
  const inside: Env = {
    session: env.session,
    scope,
    database: fn.database,
    operator: env.operator,
    columns: [],
    depth: env.depth + 1,
  };
  for (const statement of elements(body, 'Statements')) bindLet(statement, inside);
  const expression = child(body, 'Expression');
  if (expression === undefined) throw semanticError('SEM0100', `Function '${fn.name}' has an empty body`);
  return env.session.binder.any(expression, inside);
}

/** A function of the catalogue as a declaration. */
function storedFunction(stored: StoredFunction, database: string): UserFunction {
  const parameters = stored.parameters.trim() === '' ? '()' : stored.parameters.trim();
  const text = stored.body.trim();
  const body = text.startsWith('{') ? text : `{${text}}`;
  const root = parseQuery(`let stored_function = ${parameters} ${body}; print 1`);
  const declaration = need(elements(root, 'Statements')[0]!, 'Expression');
  return { name: stored.name, declaration, scope: new Scope(), database };
}

/** The function a name means here, the query's own before the database's. */
export function findFunction(name: string, env: Env): UserFunction | undefined {
  const binding = env.scope.get(name);
  if (binding?.kind === 'function') return binding.fn;
  const stored = env.session.catalog.function(env.database, name);
  return stored && storedFunction(stored, env.database);
}
