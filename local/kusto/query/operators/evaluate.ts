import { notSupported } from '../../errors.js';
import type { Cell, Dynamic, DynamicNode, ScalarType } from '../../store/types.js';
import { columnIndex, withRows } from '../bind/env.js';
import { nameOf, schemaOf } from '../bind/literals.js';
import { castNode } from '../conversion/cast.js';
import { isBag } from '../conversion/nodes.js';
import { constantValue } from '../expressions/basic.js';
import { semanticError, unresolvedScalar } from '../failures.js';
import { child, elements, need, type Syntax } from '../parser/syntax.js';
import type { PlanColumn, Rel } from '../plan/types.js';
import { makeBatch } from '../vector/batch.js';
import { buildVector, vectorOf } from '../vector/build.js';
import { type OperatorBinder, visibleColumns } from './define.js';
import { fixedTable } from './materialize.js';

function estimateRows(input: Rel): Rel {
  const schema: PlanColumn[] = [{ name: 'EstimatedRowsCount', type: 'long' }];
  return {
    schema,
    ordered: true,
    knownRows: 1,
    async *open(run) {
      let rows = input.knownRows;
      if (rows === undefined) {
        rows = 0;
        for await (const batch of input.open(run)) rows += batch.rowCount;
      }
      yield* fixedTable(schema, [makeBatch(1, [vectorOf('long', [BigInt(rows)])])]).open(run);
    },
  };
}

interface Unpack {
  readonly input: Rel;
  /** Position of the bag column. */
  readonly bag: number;
  readonly prefix: string;
  /** Columns the answer has: the schema must be known before rows are read. */
  readonly schema: readonly { readonly name: string; readonly type: ScalarType }[];
}

function unpacked({ input, bag, prefix, schema }: Unpack): Rel {
  const kept = visibleColumns(input.schema).filter(({ index }) => index !== bag);
  return {
    schema,
    ordered: input.ordered,
    async *open(run) {
      for await (const batch of input.open(run)) {
        const bags = batch.column(bag);
        const nodes = Array.from({ length: batch.rowCount }, (_, row) => bagAt(bags.get(row)));
        yield makeBatch(
          batch.rowCount,
          schema.map(({ name, type }) => {
            const own = kept.find(({ column }) => column.name === name);
            if (own !== undefined) return () => batch.column(own.index);
            const key = name.slice(prefix.length);
            return () =>
              buildVector(type, batch.rowCount, (row) => castNode(nodes[row]?.get(key) ?? null, type));
          }),
        );
        await run.pause();
      }
    },
  };
}

function bagAt(cell: Cell): ReadonlyMap<string, DynamicNode> | undefined {
  const node = cell === null ? null : (cell as Dynamic).value();
  return isBag(node) ? node : undefined;
}

const bagUnpack: OperatorBinder = (input, node, env) => {
  const call = need(node, 'FunctionCall');
  const [column, prefix, ...rest] = elements(need(call, 'ArgumentList'), 'Expressions');
  if (column === undefined || column.kind !== 'NameReference') {
    throw semanticError('SEM0100', 'bag_unpack(): the first argument must be a dynamic column');
  }
  if (rest.length > 0) throw notSupported('more than two arguments of plug-in bag_unpack');
  const bag = columnIndex(input.schema, nameOf(column));
  if (bag < 0) throw unresolvedScalar('evaluate', nameOf(column));
  const clause = child(node, 'Schema');
  if (clause === undefined) {
    throw notSupported(
      'plug-in bag_unpack without an output schema (write `evaluate bag_unpack(c) : (*, a:long)`)',
    );
  }
  const inside = withRows(env, input.schema, 'evaluate');
  const text =
    prefix === undefined ? '' : (constantValue(env.session.binder.scalar(prefix, inside)) as string);
  const schema = need(clause, 'Schema');
  const star = schema.children.some((part) => hasStar(part));
  const own = star
    ? visibleColumns(input.schema)
        .filter(({ index }) => index !== bag)
        .map(({ column: kept }) => ({ name: kept.name, type: kept.type }))
    : [];
  return unpacked({ input, bag, prefix: text, schema: [...own, ...schemaOf(schema)] });
};

function hasStar(node: Syntax): boolean {
  return node.text === '*' || node.kind === 'StarExpression' || node.children.some(hasStar);
}

/** `evaluate plugin(…)`. */
export const evaluateOperator: OperatorBinder = (input, node, env) => {
  const name = nameOf(need(need(node, 'FunctionCall'), 'Name'));
  if (name === 'estimate_rows_count') return estimateRows(input);
  if (name === 'bag_unpack') return bagUnpack(input, node, env);
  throw notSupported(`plug-in ${name}`);
};
