import { notSupported } from '../../errors.js';
import { constantValue } from '../expressions/basic.js';
import { semanticError, unresolvedTable } from '../failures.js';
import { materialized } from '../operators/materialize.js';
import { operatorParameters } from '../operators/parameters.js';
import { printTable } from '../operators/project.js';
import { operatorName, pipeOperators, withParameters } from '../operators/registry.js';
import { scanRowSet, scanTable } from '../operators/scan.js';
import { dataTable, rangeTable } from '../operators/sources.js';
import { unionSource } from '../operators/union.js';
import { elements, need, type Syntax, sourceText } from '../parser/syntax.js';
import type { Rel } from '../plan/types.js';
import type { Bound, Env } from './env.js';
import { nameOf } from './literals.js';
import { callFunction, findFunction } from './user-function.js';

type TableBinder = (node: Syntax, env: Env) => Bound | undefined;

/** The table a bare name means: declared names, then the catalogue, then a function without arguments. */
function namedTable(name: string, env: Env): Rel | undefined {
  const binding = env.scope.get(name);
  if (binding?.kind === 'table') return binding.rel;
  if (binding?.kind === 'scalar') return undefined;
  if (name === '$command_results' && env.session.input !== undefined) return scanRowSet(env.session.input);
  const table = env.session.catalog.table(env.database, name);
  if (table !== undefined) return scanTable(table, env.session.usesExtents);
  const fn = findFunction(name, env);
  if (fn === undefined) return undefined;
  const bound = callFunction(fn, undefined, env);
  return 'rel' in bound ? bound.rel : undefined;
}

function nameReference(node: Syntax, env: Env): Bound | undefined {
  const name = nameOf(node);
  const binding = env.scope.get(name);
  if (binding?.kind === 'scalar') return undefined;
  if (env.columns.some((column) => column.name === name)) return undefined;
  const rel = namedTable(name, env);
  return rel && { rel };
}

function textArgument(call: Syntax, env: Env): string {
  const [first] = elements(need(call, 'ArgumentList'), 'Expressions');
  if (first === undefined) throw semanticError('SEM0219', `${sourceText(call)}: a name is expected`);
  const value = constantValue(env.session.binder.scalar(first, { ...env, columns: [] }));
  if (typeof value !== 'string') throw semanticError('SEM0234', `${sourceText(call)}: a text is expected`);
  return value;
}

function tableCall(node: Syntax, env: Env): Rel {
  const name = textArgument(node, env);
  const rel = namedTable(name, env);
  if (rel === undefined) throw unresolvedTable(name);
  return rel;
}

function callTable(node: Syntax, env: Env): Bound | undefined {
  const name = nameOf(need(node, 'Name'));
  if (name === 'table' && env.scope.get(name) === undefined) return { rel: tableCall(node, env) };
  if (name === 'materialized_view' || name === 'external_table' || name === 'stored_query_result') {
    throw notSupported(`function '${name}()'`);
  }
  const binding = env.scope.get(name);
  const fn = binding?.kind === 'function' ? binding.fn : undefined;
  const stored = fn ?? (env.session.catalog.function(env.database, name) && findFunction(name, env));
  return stored && callFunction(stored, node, env);
}

/** The database a path begins with, such as `database('x')` or `cluster('c').database('x')`. */
function databaseOf(node: Syntax, env: Env): string | undefined {
  if (node.kind === 'PathExpression') {
    const head = need(node, 'Expression');
    const isCluster = head.kind === 'FunctionCallExpression' && nameOf(need(head, 'Name')) === 'cluster';
    return isCluster ? databaseOf(need(node, 'Selector'), env) : undefined;
  }
  if (node.kind !== 'FunctionCallExpression' || nameOf(need(node, 'Name')) !== 'database') return undefined;
  const name = textArgument(node, env);
  const known = env.session.catalog.databases().find((database) => database === name);
  if (known === undefined) throw semanticError('SEM0100', `Failed to resolve database named '${name}'`);
  return known;
}

function databasePath(node: Syntax, env: Env): Bound | undefined {
  const database = databaseOf(need(node, 'Expression'), env);
  if (database === undefined) return undefined;
  const selector = need(node, 'Selector');
  const there: Env = { ...env, database };
  if (selector.kind === 'FunctionCallExpression') return callTable(selector, there);
  const name = nameOf(selector);
  const table = env.session.catalog.table(database, name);
  if (table !== undefined) return { rel: scanTable(table, env.session.usesExtents) };
  const fn = env.session.catalog.function(database, name);
  if (fn === undefined) throw unresolvedTable(name);
  return callFunction(findFunction(name, there)!, undefined, there);
}

function pipe(node: Syntax, env: Env): Bound {
  const input = env.session.binder.table(need(node, 'Expression'), env);
  return { rel: applyOperator(input, need(node, 'Operator'), env) };
}

/** One operator behind a pipe. */
function applyOperator(input: Rel, node: Syntax, env: Env): Rel {
  const binder = pipeOperators[node.kind];
  if (binder === undefined) throw notSupported(`operator \`${operatorName(node)}\``);
  if (!withParameters.has(node.kind)) operatorParameters(node, operatorName(node), []);
  return binder(input, node, { ...env, columns: [] });
}

function parenthesized(node: Syntax, env: Env): Bound {
  return env.session.binder.any(need(node, 'Expression'), env);
}

const BINDERS: Readonly<Record<string, TableBinder>> = {
  PipeExpression: pipe,
  NameReference: nameReference,
  FunctionCallExpression: callTable,
  PathExpression: databasePath,
  ParenthesizedExpression: parenthesized,
  MaterializeExpression: (node, env) => ({
    rel: materialized(env.session.binder.table(need(node, 'Expression'), env)),
  }),
  DataTableExpression: (node, env) => ({ rel: dataTable(node, env) }),
  RangeOperator: (node, env) => ({ rel: rangeTable(node, env) }),
  PrintOperator: (node, env) => ({ rel: printTable(node, env) }),
  UnionOperator: (node, env) => ({ rel: unionSource(node, env) }),
};

/** A node that may be a table; `undefined` when it is a scalar expression. */
export function tryTable(node: Syntax, env: Env): Bound | undefined {
  const binder = BINDERS[node.kind];
  if (binder !== undefined) return binder(node, env);
  if (node.kind.endsWith('Operator') || node.kind === 'ExternalDataExpression') {
    throw notSupported(`operator \`${operatorName(node)}\``);
  }
  return undefined;
}

/**
 * A node as a table.
 * @throws KustoError SEM0100 when it names none
 */
export function bindTable(node: Syntax, env: Env): Rel {
  const bound = tryTable(node, env);
  if (bound !== undefined && 'rel' in bound) return bound.rel;
  throw unresolvedTable(node.kind === 'NameReference' ? nameOf(node) : sourceText(node));
}
