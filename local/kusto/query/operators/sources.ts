import type { Cell, ScalarType } from '../../store/types.js';
import type { Env } from '../bind/env.js';
import { nameOf, schemaOf } from '../bind/literals.js';
import { castExpr, constantValue } from '../expressions/basic.js';
import { isInteger, isNumeric } from '../expressions/types.js';
import { limitExceeded, semanticError } from '../failures.js';
import { elements, need, type Syntax } from '../parser/syntax.js';
import type { Expr, Rel } from '../plan/types.js';
import { makeBatch } from '../vector/batch.js';
import { buildVector, vectorOf } from '../vector/build.js';
import { fixedTable } from './materialize.js';
import { BATCH_ROWS } from './scan.js';

/** Most rows `range` makes. */
const MAX_RANGE_ROWS = 50_000_000;

function schemaClause(node: Syntax): Syntax {
  return need(node, 'Schema');
}

function literalFor(node: Syntax, type: ScalarType, env: Env): Cell {
  const expr = env.session.binder.scalar(node, env);
  if (!expr.constant) throw semanticError('SEM0100', "'datatable' operator: values must be constant");
  const value = constantValue(expr);
  if (value === null) return null;
  const fits =
    expr.type === type ||
    (isNumeric(expr.type) && isNumeric(type)) ||
    type === 'dynamic' ||
    expr.type === 'dynamic' ||
    (expr.type === 'string' && type !== 'bool');
  if (!fits)
    throw semanticError('SEM0100', `'datatable' operator: a ${type} value is expected, not ${expr.type}`);
  return constantValue(castExpr(expr, type));
}

/** `datatable(schema) [values]`. */
export function dataTable(node: Syntax, env: Env): Rel {
  const schema = schemaOf(schemaClause(node));
  const values = elements(node, 'Values');
  const width = schema.length;
  if (width === 0 || values.length % width !== 0) {
    throw semanticError(
      'SEM0100',
      `'datatable' operator: ${values.length} values do not fill rows of ${width} columns`,
    );
  }
  const cells: Cell[][] = schema.map(() => []);
  const inside: Env = { ...env, columns: [], operator: 'datatable' };
  values.forEach((value, index) => {
    const column = index % width;
    cells[column]!.push(literalFor(value, schema[column]!.type, inside));
  });
  const rows = values.length / width;
  const vectors = schema.map((column, index) => vectorOf(column.type, cells[index]!));
  return fixedTable(schema, rows === 0 ? [] : [makeBatch(rows, vectors)]);
}

function rangeType(from: Expr, to: Expr, step: Expr): ScalarType {
  if (from.type === 'datetime' || from.type === 'timespan') {
    if (to.type === from.type && step.type === 'timespan') return from.type;
  } else if ([from, to, step].every((expr) => isInteger(expr.type))) return 'long';
  else if ([from, to, step].every((expr) => isNumeric(expr.type))) return 'real';
  throw semanticError(
    'SEM0100',
    `'range' operator: from ${from.type} to ${to.type} step ${step.type} is not a range`,
  );
}

interface Steps {
  readonly first: number | bigint;
  readonly step: number | bigint;
  readonly rows: number;
}

function countSteps(first: Cell, last: Cell, step: Cell): Steps | undefined {
  if (first === null || last === null || step === null) return undefined;
  const zero = typeof step === 'bigint' ? 0n : 0;
  if (step === zero) throw semanticError('SEM0100', "'range' operator: the step must not be zero");
  const rows =
    typeof step === 'bigint'
      ? Number(((last as bigint) - (first as bigint)) / step)
      : Math.floor(((last as number) - (first as number)) / (step as number) + 1e-12);
  const reaches = (step as bigint) > zero ? last >= first : last <= first;
  const total = reaches ? rows + 1 : 0;
  if (total > MAX_RANGE_ROWS) throw limitExceeded(`range of ${total} rows; at most ${MAX_RANGE_ROWS}`);
  return { first: first as number | bigint, step: step as number | bigint, rows: total };
}

/** `range x from a to b step c`. */
export function rangeTable(node: Syntax, env: Env): Rel {
  const { scalar } = env.session.binder;
  const inside: Env = { ...env, columns: [], operator: 'range' };
  const [from, to, step] = ['From', 'To', 'Step'].map((role) => scalar(need(node, role), inside)) as [
    Expr,
    Expr,
    Expr,
  ];
  const type = rangeType(from, to, step);
  const stepType = type === 'datetime' ? 'timespan' : type;
  const bounds = [castExpr(from, type), castExpr(to, type), castExpr(step, stepType)] as const;
  return {
    schema: [{ name: nameOf(need(node, 'Name')), type }],
    ordered: true,
    async *open(run) {
      const steps = countSteps(constantValue(bounds[0]), constantValue(bounds[1]), constantValue(bounds[2]));
      if (steps === undefined) return;
      for (let start = 0; start < steps.rows; start += BATCH_ROWS) {
        const rows = Math.min(BATCH_ROWS, steps.rows - start);
        yield makeBatch(rows, [buildVector(type, rows, (row) => valueAt(steps, start + row))]);
        await run.pause();
      }
    },
  };
}

function valueAt({ first, step }: Steps, index: number): Cell {
  if (typeof first === 'bigint') return first + (step as bigint) * BigInt(index);
  return first + (step as number) * index;
}
