import { notSupported } from '../../errors.js';
import type { ScalarType } from '../../store/types.js';
import { withRows } from '../bind/env.js';
import { literalOf, nameOf } from '../bind/literals.js';
import { callFunction, findFunction } from '../bind/user-function.js';
import { semanticError } from '../failures.js';
import { child, elements, need, type Syntax, sourceText } from '../parser/syntax.js';
import type { PlanColumn, Rel } from '../plan/types.js';
import { makeBatch } from '../vector/batch.js';
import { vectorOf } from '../vector/build.js';
import { type OperatorBinder, visibleColumns } from './define.js';
import { rowCountArgument, taken } from './filter.js';
import { fixedTable, materialized } from './materialize.js';
import { topOfSorted } from './sort.js';
import { distinctRows } from './summarize.js';

/** .NET type names `getschema` prints. */
const NET_TYPES: Readonly<Record<ScalarType, string>> = {
  bool: 'System.SByte',
  int: 'System.Int32',
  long: 'System.Int64',
  real: 'System.Double',
  decimal: 'System.Data.SqlTypes.SqlDecimal',
  string: 'System.String',
  datetime: 'System.DateTime',
  timespan: 'System.TimeSpan',
  guid: 'System.Guid',
  dynamic: 'System.Object',
};

const SCHEMA_OF_SCHEMA: readonly PlanColumn[] = [
  { name: 'ColumnName', type: 'string' },
  { name: 'ColumnOrdinal', type: 'int' },
  { name: 'DataType', type: 'string' },
  { name: 'ColumnType', type: 'string' },
];

export const getSchemaOperator: OperatorBinder = (input) => {
  const columns = visibleColumns(input.schema).map(({ column }) => column);
  const batch = makeBatch(columns.length, [
    vectorOf(
      'string',
      columns.map((column) => column.name),
    ),
    vectorOf(
      'int',
      columns.map((_, index) => index),
    ),
    vectorOf(
      'string',
      columns.map((column) => NET_TYPES[column.type]),
    ),
    vectorOf(
      'string',
      columns.map((column) => column.type),
    ),
  ]);
  return fixedTable(SCHEMA_OF_SCHEMA, [batch], true);
};

/** `as name`: the rows so far get a name the rest of the query may use. */
export const asOperator: OperatorBinder = (input, node, env) => {
  const rel = materialized(input);
  env.scope.set(nameOf(need(node, 'Name')), { kind: 'table', rel });
  return rel;
};

export const invokeOperator: OperatorBinder = (input, node, env) => {
  const call = need(node, 'Function');
  const name = nameOf(need(call, 'Name'));
  const fn = findFunction(name, env);
  if (fn === undefined) throw semanticError('SEM0260', `Unknown function: '${name}'`);
  const bound = callFunction(fn, call, env, input);
  if (!('rel' in bound)) throw semanticError('SEM0002', `invoke: function '${name}' does not give a table`);
  return bound.rel;
};

function propertyValue(node: Syntax): unknown {
  const literal = literalOf(node);
  if (literal === undefined) return sourceText(node);
  return typeof literal.value === 'bigint' ? Number(literal.value) : literal.value;
}

/** Names of `@ExtendedProperties` by the lower-case names of `render`. */
const RENDER_PROPERTIES: Readonly<Record<string, string>> = {
  title: 'Title',
  xcolumn: 'XColumn',
  series: 'Series',
  ycolumns: 'YColumns',
  anomalycolumns: 'AnomalyColumns',
  xtitle: 'XTitle',
  ytitle: 'YTitle',
  xaxis: 'XAxis',
  yaxis: 'YAxis',
  legend: 'Legend',
  ysplit: 'YSplit',
  accumulate: 'Accumulate',
  kind: 'Kind',
  ymin: 'Ymin',
  ymax: 'Ymax',
  xmin: 'Xmin',
  xmax: 'Xmax',
};

export const renderOperator: OperatorBinder = (input, node, env) => {
  const visualization: Record<string, unknown> = { Visualization: need(node, 'ChartType').text };
  const clause = child(node, 'WithClause');
  const given = [
    ...elements(node, 'Parameters'),
    ...(clause === undefined ? [] : elements(clause, 'Properties')),
  ];
  for (const property of given) {
    const name = nameOf(need(property, 'Name'));
    const known = RENDER_PROPERTIES[name.toLowerCase()];
    if (known === undefined) throw notSupported(`property '${name}' of operator \`render\``);
    visualization[known] = propertyValue(need(property, 'Expression'));
  }
  env.session.visualization = visualization;
  return input;
};

export const consumeOperator: OperatorBinder = (input) => ({
  schema: [],
  ordered: false,
  async *open(run) {
    for await (const batch of input.open(run)) {
      for (let column = 0; column < input.schema.length; column++) batch.column(column);
      await run.pause();
    }
    yield* [];
  },
});

/** `sample` may answer any rows; these are the first ones. */
export const sampleOperator: OperatorBinder = (input, node, env) => {
  const expr = env.session.binder.scalar(need(node, 'Expression'), { ...env, columns: [] });
  return taken(input, rowCountArgument(expr, 'sample'));
};

export const sampleDistinctOperator: OperatorBinder = (input, node, env) => {
  const limit = env.session.binder.scalar(need(node, 'Expression'), { ...env, columns: [] });
  const inside = withRows(env, input.schema, 'sample-distinct');
  const of = need(node, 'OfExpression');
  return taken(distinctRows(input, [of], inside), rowCountArgument(limit, 'sample-distinct'));
};

/** `take`; directly behind `sort` it keeps only its rows while it reads. */
export const takeOperator: OperatorBinder = (input, node, env): Rel => {
  const expr = env.session.binder.scalar(need(node, 'Expression'), { ...env, columns: [] });
  const limit = rowCountArgument(expr, 'take');
  return topOfSorted(input, limit) ?? taken(input, limit);
};
