import type { AggregateCall, BoundAggregate, NamedExpr } from '../aggregates/define.js';
import { aggregates } from '../aggregates/registry.js';
import type { AggregateSink, Env } from '../bind/env.js';
import { withRows } from '../bind/env.js';
import { nameOf } from '../bind/literals.js';
import { NameMaker, outputName } from '../bind/naming.js';
import { columnExpr } from '../expressions/basic.js';
import { semanticError } from '../failures.js';
import { child, elements, need, type Syntax } from '../parser/syntax.js';
import type { Expr, PlanColumn, Rel, Run } from '../plan/types.js';
import { makeBatch } from '../vector/batch.js';
import { buildVector } from '../vector/build.js';
import { GroupIndex } from '../vector/encoder.js';
import { computed, type OperatorBinder, visibleColumns } from './define.js';

interface Key {
  readonly name: string | undefined;
  readonly expr: Expr;
}

/** Where each aggregate's outputs stand in the row of results, behind the keys. */
class AggregateList implements AggregateSink {
  readonly bound: BoundAggregate[] = [];
  private readonly env: Env;
  private readonly keys: readonly Key[];
  private width: number;

  constructor(env: Env, keys: readonly Key[]) {
    this.env = env;
    this.keys = keys;
    this.width = keys.length;
  }

  private named(node: Syntax): NamedExpr {
    const inner = node.kind === 'SimpleNamedExpression' ? need(node, 'Expression') : node;
    const expr = this.env.session.binder.scalar(inner, this.env);
    return { expr, name: outputName(node) };
  }

  private starColumns(args: readonly NamedExpr[]): NamedExpr[] {
    const skip = new Set([...args.map((arg) => arg.name), ...this.keys.map((key) => key.name)]);
    return visibleColumns(this.env.columns)
      .filter(({ column }) => !skip.has(column.name))
      .map(({ column, index }) => ({ expr: columnExpr(index, column.type), name: column.name }));
  }

  /** Binds a call and gives the positions of its outputs. */
  add(name: string, node: Syntax): { aggregate: BoundAggregate; at: number } {
    const nodes = elements(need(node, 'ArgumentList'), 'Expressions');
    const args = nodes.filter((arg) => arg.kind !== 'StarExpression').map((arg) => this.named(arg));
    const star = nodes.some((arg) => arg.kind === 'StarExpression') ? this.starColumns(args) : undefined;
    const call: AggregateCall = { name, args, star };
    const aggregate = aggregates.get(name)!(call);
    const at = this.width;
    this.bound.push(aggregate);
    this.width += aggregate.outputs.length;
    return { aggregate, at };
  }

  call(name: string, node: Syntax): Expr {
    const { aggregate, at } = this.add(name, node);
    return columnExpr(at, aggregate.outputs[0]!.type);
  }
}

interface ResultColumn {
  readonly name: string | undefined;
  readonly expr: Expr;
}

function explicitNames(node: Syntax): readonly string[] {
  if (node.kind === 'SimpleNamedExpression') return [nameOf(need(node, 'Name'))];
  if (node.kind === 'CompoundNamedExpression') return elements(need(node, 'Names'), 'Names').map(nameOf);
  return [];
}

function bindAggregate(node: Syntax, list: AggregateList, env: Env): ResultColumn[] {
  const names = explicitNames(node);
  const inner = node.kind.endsWith('NamedExpression') ? need(node, 'Expression') : node;
  if (inner.kind === 'FunctionCallExpression') {
    const name = nameOf(need(inner, 'Name'));
    if (aggregates.has(name)) {
      const { aggregate, at } = list.add(name, inner);
      if (names.length > aggregate.outputs.length) {
        throw semanticError('SEM0100', `'summarize' operator: ${name}() gives fewer columns than are named`);
      }
      return aggregate.outputs.map((output, index) => ({
        name: names[index] ?? output.name,
        expr: columnExpr(at + index, output.type),
      }));
    }
  }
  const expr = env.session.binder.scalar(inner, { ...env, columns: [], aggregates: list });
  return [{ name: names[0] ?? nestedName(inner), expr }];
}

/** `toint(sum(x))` is named after the aggregate inside it. */
function nestedName(node: Syntax): string | undefined {
  if (node.kind !== 'FunctionCallExpression') return undefined;
  const argument = elements(need(node, 'ArgumentList'), 'Expressions')[0];
  if (argument?.kind !== 'FunctionCallExpression') return undefined;
  const name = nameOf(need(argument, 'Name'));
  if (!aggregates.has(name) || !outputName(node))
    return aggregates.has(name) ? keptName(node, argument) : undefined;
  return outputName(node);
}

function keptName(outer: Syntax, inner: Syntax): string | undefined {
  const kept = /^(?:to\w+|round|bin|floor|ceiling|abs|log|sqrt|exp)$/.test(nameOf(need(outer, 'Name')));
  if (!kept) return undefined;
  const first = elements(need(inner, 'ArgumentList'), 'Expressions')[0];
  const name = nameOf(need(inner, 'Name'));
  return `${name}_${(first && outputName(first)) ?? ''}`;
}

export interface Grouping {
  readonly keys: readonly Expr[];
  readonly aggregates: readonly BoundAggregate[];
}

/** Groups the rows of a table; answers one batch: the key columns, then the aggregates' outputs. */
async function aggregate(input: Rel, { keys, aggregates: bound }: Grouping, run: Run) {
  const index = new GroupIndex(keys.map((key) => key.type));
  const states = bound.map((one) => one.create());
  for await (const batch of input.open(run)) {
    if (batch.rowCount === 0) continue;
    const ids = index.add(
      keys.map((key) => key.evaluate(batch)),
      batch.rowCount,
    );
    const groups = { ids, count: index.count };
    states.forEach((state, position) => {
      state.add(
        groups,
        bound[position]!.args.map((arg) => arg.evaluate(batch)),
      );
    });
    await run.pause();
  }
  const rows = index.count;
  return makeBatch(rows, [
    ...keys.map((key, column) => () => buildVector(key.type, rows, (group) => index.key(column, group))),
    ...bound.flatMap((one, position) =>
      one.outputs.map(
        (output, number) => () =>
          buildVector(output.type, rows, (group) => states[position]!.result(number, group)),
      ),
    ),
  ]);
}

function bindKeys(node: Syntax, env: Env): Key[] {
  const clause = child(node, 'ByClause');
  if (clause === undefined) return [];
  return elements(clause, 'Expressions').map((item) => {
    const inner = item.kind === 'SimpleNamedExpression' ? need(item, 'Expression') : item;
    const expr = env.session.binder.scalar(inner, env);
    if (expr.type === 'dynamic') {
      throw semanticError(
        'SEM0070',
        "'summarize' operator: a group key must not be dynamic. Cast it to a scalar type, as in tostring(x)",
      );
    }
    return { name: outputName(item), expr };
  });
}

export const summarizeOperator: OperatorBinder = (input, node, env) => {
  const inside = withRows(env, input.schema, 'summarize');
  const keys = bindKeys(node, inside);
  const list = new AggregateList(inside, keys);
  const results = elements(node, 'Aggregates').flatMap((item) => bindAggregate(item, list, inside));
  const names = new NameMaker();
  const columns = [
    ...keys.map((key, index) => ({ name: key.name, expr: columnExpr(index, key.expr.type) as Expr })),
    ...results,
  ].map(({ name, expr }) => ({ name: names.next(name), expr }));
  const schema: PlanColumn[] = columns.map(({ name, expr }) => ({ name, type: expr.type }));
  const grouping = { keys: keys.map((key) => key.expr), aggregates: list.bound };
  const knownRows = keys.length === 0 ? { knownRows: 1 } : {};
  return {
    schema,
    ordered: false,
    ...knownRows,
    async *open(run) {
      const batch = await aggregate(input, grouping, run);
      if (batch.rowCount > 0) {
        yield computed(
          batch,
          columns.map((column) => column.expr),
        );
      }
    },
  };
};

/** The distinct combinations of some expressions, or of all columns for `*`. */
export function distinctRows(input: Rel, items: readonly Syntax[], env: Env): Rel {
  const all = items.some((item) => item.kind === 'StarExpression');
  const keys: Key[] = all
    ? visibleColumns(input.schema).map(({ column, index }) => ({
        name: column.name,
        expr: columnExpr(index, column.type),
      }))
    : items.map((item) => {
        const inner = item.kind === 'SimpleNamedExpression' ? need(item, 'Expression') : item;
        return { name: outputName(item), expr: env.session.binder.scalar(inner, env) };
      });
  const names = new NameMaker();
  return {
    schema: keys.map(({ name, expr }) => ({ name: names.next(name), type: expr.type })),
    ordered: false,
    async *open(run) {
      const batch = await aggregate(input, { keys: keys.map((key) => key.expr), aggregates: [] }, run);
      if (batch.rowCount > 0) yield batch;
    },
  };
}

export const distinctOperator: OperatorBinder = (input, node, env) =>
  distinctRows(input, elements(node, 'Expressions'), withRows(env, input.schema, 'distinct'));
