import type { Cell, Dynamic, DynamicNode, ScalarType } from '../../store/types.js';
import { type Env, withRows } from '../bind/env.js';
import { typeOfLiteral } from '../bind/literals.js';
import { NameMaker, outputName } from '../bind/naming.js';
import { castNode } from '../conversion/cast.js';
import { isArray, isBag } from '../conversion/nodes.js';
import { constantValue } from '../expressions/basic.js';
import { semanticError } from '../failures.js';
import { child, elements, need, type Syntax } from '../parser/syntax.js';
import type { Batch, Expr, PlanColumn, Rel } from '../plan/types.js';
import { type ColumnSource, makeBatch } from '../vector/batch.js';
import { vectorOf } from '../vector/build.js';
import { hiddenColumns, inputBatches, type OperatorBinder, visibleColumns } from './define.js';
import { operatorParameters } from './parameters.js';

interface Expansion {
  readonly name: string;
  readonly expr: Expr;
  readonly type: ScalarType;
  /** Replaces the input column at this position, else is appended. */
  readonly replaces: number;
}

function bindExpansion(
  node: Syntax,
  input: Rel,
  env: Env,
): Omit<Expansion, 'name'> & { name: string | undefined } {
  const item = need(node, 'Expression');
  const inner = item.kind === 'SimpleNamedExpression' ? need(item, 'Expression') : item;
  const expr = env.session.binder.scalar(inner, env);
  if (expr.type !== 'dynamic') {
    throw semanticError('SEM0100', `'mv-expand' operator: a dynamic value is expected, not ${expr.type}`);
  }
  const clause = child(node, 'ToTypeOf');
  const type = clause === undefined ? 'dynamic' : (typeOfLiteral(need(clause, 'TypeOf'))[0] ?? 'dynamic');
  const name = outputName(item);
  const replaces = input.schema.findIndex((column) => column.name === name && column.hidden !== true);
  return { name, expr, type, replaces };
}

/** Values that a number may become without being parsed; texts become only what has no JSON form of its own. */
function element(node: DynamicNode, type: ScalarType): Cell {
  const parsed = type === 'long' || type === 'int' || type === 'real' || type === 'bool';
  return typeof node === 'string' && parsed ? null : castNode(node, type);
}

/** Elements of one value: `undefined` for a null, which gives one row. */
function itemsOf(cell: Cell, asPairs: boolean): readonly DynamicNode[] | undefined {
  if (cell === null) return undefined;
  const node = (cell as Dynamic).value();
  if (isArray(node)) return node;
  if (isBag(node)) return [...node].map(([key, value]) => (asPairs ? [key, value] : new Map([[key, value]])));
  return [node];
}

interface ExpandPlan {
  readonly input: Rel;
  readonly expansions: readonly Expansion[];
  readonly indexName: string | undefined;
  readonly limit: number;
  readonly asPairs: boolean;
}

interface Expanded {
  readonly rows: number[];
  readonly indices: Cell[];
  readonly cells: Cell[][];
}

/** Rows handed on at once. */
const SLICE_ROWS = 65_536;

function* expandBatch(batch: Batch, plan: ExpandPlan): Generator<Expanded> {
  const vectors = plan.expansions.map(({ expr }) => expr.evaluate(batch));
  const fresh = (): Expanded => ({ rows: [], indices: [], cells: plan.expansions.map(() => []) });
  let out = fresh();
  for (let row = 0; row < batch.rowCount; row++) {
    const lists = vectors.map((vector) => itemsOf(vector.get(row), plan.asPairs));
    const count = Math.min(Math.max(...lists.map((list) => list?.length ?? 1)), plan.limit);
    for (let index = 0; index < count; index++) {
      out.rows.push(row);
      out.indices.push(BigInt(index));
      for (let position = 0; position < lists.length; position++) {
        out.cells[position]!.push(element(lists[position]?.[index] ?? null, plan.expansions[position]!.type));
      }
      if (out.rows.length >= SLICE_ROWS) {
        yield out;
        out = fresh();
      }
    }
  }
  if (out.rows.length > 0) yield out;
}

/** Position of the expansion that stands at each output column, or the input column taken. */
function layout(plan: ExpandPlan): { schema: PlanColumn[]; sources: (number | Expansion)[] } {
  const visible = visibleColumns(plan.input.schema);
  const schema: PlanColumn[] = [];
  const sources: (number | Expansion)[] = [];
  for (const { column, index } of visible) {
    const expansion = plan.expansions.find((one) => one.replaces === index);
    schema.push(expansion === undefined ? column : { name: column.name, type: expansion.type });
    sources.push(expansion ?? index);
  }
  for (const expansion of plan.expansions) {
    if (expansion.replaces >= 0) continue;
    schema.push({ name: expansion.name, type: expansion.type });
    sources.push(expansion);
  }
  return { schema, sources };
}

function expanded(plan: ExpandPlan): Rel {
  const { schema, sources } = layout(plan);
  const hidden = hiddenColumns(plan.input.schema);
  const indexColumn = plan.indexName === undefined ? [] : [{ name: plan.indexName, type: 'long' as const }];
  return {
    schema: [...schema, ...indexColumn, ...hidden.map(({ column }) => column)],
    ordered: plan.input.ordered,
    async *open(run) {
      for await (const batch of inputBatches(plan.input, run, false)) {
        for (const slice of expandBatch(batch, plan)) {
          const columns: ColumnSource[] = sources.map((source) =>
            typeof source === 'number'
              ? () => batch.column(source).take(slice.rows)
              : () => vectorOf(source.type, slice.cells[plan.expansions.indexOf(source)]!),
          );
          if (plan.indexName !== undefined) columns.push(() => vectorOf('long', slice.indices));
          columns.push(
            ...hidden.map(
              ({ index }) =>
                () =>
                  batch.column(index).take(slice.rows),
            ),
          );
          yield makeBatch(slice.rows.length, columns);
          await run.pause();
        }
      }
    },
  };
}

/** The legacy spelling `mvexpand` gives at most so many rows per input row. */
const LEGACY_LIMIT = 128;

function rowLimit(node: Syntax, env: Env): number {
  const clause = child(node, 'RowLimitClause');
  if (clause === undefined) {
    return need(node, 'MvExpandKeyword').text === 'mvexpand' ? LEGACY_LIMIT : Number.POSITIVE_INFINITY;
  }
  return Number(constantValue(env.session.binder.scalar(need(clause, 'RowLimit'), { ...env, columns: [] })));
}

export const mvExpandOperator: OperatorBinder = (input, node, env) => {
  const parameters = operatorParameters(node, 'mv-expand', ['kind', 'bagexpansion', 'with_itemindex']);
  const inside = withRows(env, input.schema, 'mv-expand');
  const names = new NameMaker(visibleColumns(input.schema).map(({ column }) => column.name));
  const expansions = elements(node, 'Expressions').map((item) => {
    const bound = bindExpansion(item, input, inside);
    return { ...bound, name: bound.replaces >= 0 ? bound.name! : names.next(bound.name) };
  });
  return expanded({
    input,
    expansions,
    indexName: parameters.get('with_itemindex'),
    limit: rowLimit(node, env),
    asPairs: (parameters.get('kind') ?? parameters.get('bagexpansion')) === 'array',
  });
};
