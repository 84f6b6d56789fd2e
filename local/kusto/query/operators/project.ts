import { type Env, withRows } from '../bind/env.js';
import { nameOf } from '../bind/literals.js';
import { NameMaker, outputName } from '../bind/naming.js';
import { columnExpr } from '../expressions/basic.js';
import { semanticError } from '../failures.js';
import { elements, need, type Syntax } from '../parser/syntax.js';
import type { Expr, PlanColumn, Rel } from '../plan/types.js';
import { rowsOnly } from '../vector/batch.js';
import { computed, hiddenColumns, inputBatches, type OperatorBinder, visibleColumns } from './define.js';

interface NamedColumn {
  readonly name: string;
  readonly expr: Expr;
}

interface Projection {
  readonly input: Rel;
  readonly columns: readonly NamedColumn[];
  /** Window functions look at all rows at once. */
  readonly whole: boolean;
}

/** A table whose columns are expressions over another; extent properties pass through. */
export function projected({ input, columns, whole }: Projection): Rel {
  const hidden = hiddenColumns(input.schema);
  const exprs = [
    ...columns.map((column) => column.expr),
    ...hidden.map(({ column, index }) => columnExpr(index, column.type)),
  ];
  const schema: PlanColumn[] = [
    ...columns.map(({ name, expr }) => ({ name, type: expr.type })),
    ...hidden.map(({ column }) => column),
  ];
  return {
    schema,
    ordered: input.ordered,
    ...(input.knownRows === undefined ? {} : { knownRows: input.knownRows }),
    async *open(run) {
      for await (const batch of inputBatches(input, run, whole)) yield computed(batch, exprs);
    },
  };
}

export function operatorEnv(
  env: Env,
  input: Rel,
  operator: string,
): Env & { windows: { used: boolean; ordered: boolean } } {
  return { ...withRows(env, input.schema, operator), windows: { used: false, ordered: input.ordered } };
}

interface Assignment {
  /** Explicit or derived name; `undefined` gets a number. */
  readonly name: string | undefined;
  readonly explicit: boolean;
  readonly expr: Expr;
}

function bindAssignment(node: Syntax, env: Env): Assignment[] {
  if (node.kind === 'CompoundNamedExpression') {
    const [first] = elements(need(node, 'Names'), 'Names');
    if (elements(need(node, 'Names'), 'Names').length !== 1) {
      throw semanticError(
        'SEM0100',
        `'${env.operator}' operator: a scalar expression has one result, several names are given`,
      );
    }
    return [
      {
        name: nameOf(first!),
        explicit: true,
        expr: env.session.binder.scalar(need(node, 'Expression'), env),
      },
    ];
  }
  if (node.kind === 'SimpleNamedExpression') {
    const expr = env.session.binder.scalar(need(node, 'Expression'), env);
    return [{ name: nameOf(need(node, 'Name')), explicit: true, expr }];
  }
  const expr = env.session.binder.scalar(node, env);
  return [{ name: outputName(node), explicit: node.kind === 'NameReference', expr }];
}

export const projectOperator: OperatorBinder = (input, node, env) => {
  const inside = operatorEnv(env, input, 'project');
  const names = new NameMaker();
  const assignments = elements(node, 'Expressions').flatMap((item) => bindAssignment(item, inside));
  const columns = assignments.map(({ name, explicit, expr }) => {
    if (explicit && names.has(name!)) {
      throw semanticError('SEM0001', `'project' operator: a column named '${name}' is already declared`);
    }
    return { name: names.next(name), expr };
  });
  return projected({ input, columns, whole: inside.windows.used });
};

/** Replaces or appends columns: `extend`, and `serialize` with expressions. */
export const extendOperator: OperatorBinder = (input, node, env) => {
  const inside = operatorEnv(env, input, 'extend');
  const columns: NamedColumn[] = visibleColumns(input.schema).map(({ column, index }) => ({
    name: column.name,
    expr: columnExpr(index, column.type),
  }));
  const names = new NameMaker(columns.map((column) => column.name));
  for (const { name, expr } of elements(node, 'Expressions').flatMap((item) =>
    bindAssignment(item, inside),
  )) {
    const at = name === undefined ? -1 : columns.findIndex((column) => column.name === name);
    if (at >= 0) columns[at] = { name: name!, expr };
    else columns.push({ name: names.next(name), expr });
  }
  return projected({ input, columns, whole: inside.windows.used });
};

export const serializeOperator: OperatorBinder = (input, node, env) =>
  extendOperator({ ...input, ordered: true }, node, env);

/** `print`: one row of named or numbered expressions. */
export function printTable(node: Syntax, env: Env): Rel {
  const inside = withRows(env, [], 'print');
  const names = new NameMaker();
  const columns = elements(node, 'Expressions').map((item, index) => {
    const [assignment] = bindAssignment(item, inside);
    const name = item.kind === 'SimpleNamedExpression' ? assignment!.name! : `print_${index}`;
    return { name: names.next(name), expr: assignment!.expr };
  });
  const one: Rel = {
    schema: [],
    ordered: false,
    knownRows: 1,
    async *open() {
      yield rowsOnly(1);
    },
  };
  return projected({ input: one, columns, whole: false });
}
