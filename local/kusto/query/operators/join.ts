import { notSupported } from '../../errors.js';
import { columnIndex, type Env } from '../bind/env.js';
import { nameOf } from '../bind/literals.js';
import { NameMaker } from '../bind/naming.js';
import { columnExpr } from '../expressions/basic.js';
import { comparable } from '../expressions/compare.js';
import { semanticError, unresolvedScalar } from '../failures.js';
import { elements, need, type Syntax, sourceText } from '../parser/syntax.js';
import type { Batch, Expr, PlanColumn, Rel, Run } from '../plan/types.js';
import { type ColumnSource, makeBatch, takeRows } from '../vector/batch.js';
import { constantVector } from '../vector/build.js';
import type { OperatorBinder } from './define.js';
import { visibleColumns } from './define.js';
import { buildIndex, dedupe, type JoinIndex } from './join-index.js';
import { collect } from './materialize.js';
import { operatorParameters } from './parameters.js';

export interface JoinKeys {
  readonly left: readonly Expr[];
  readonly right: readonly Expr[];
  /** Right columns that `on x` or `$right.x` name. */
  readonly rightColumns: readonly number[];
  readonly leftColumns: readonly number[];
}

interface Side {
  readonly side: 'left' | 'right';
  readonly index: number;
}

function sideOf(node: Syntax, left: Rel, right: Rel): Side | undefined {
  if (node.kind !== 'PathExpression') return undefined;
  const head = nameOf(need(node, 'Expression'));
  if (head !== '$left' && head !== '$right') return undefined;
  const name = nameOf(need(node, 'Selector'));
  const rel = head === '$left' ? left : right;
  const index = columnIndex(rel.schema, name);
  if (index < 0) throw unresolvedScalar('join', name);
  return { side: head === '$left' ? 'left' : 'right', index };
}

function conditionPair(node: Syntax, left: Rel, right: Rel): readonly [number, number][] {
  if (node.kind === 'AndExpression') {
    return [
      ...conditionPair(need(node, 'Left'), left, right),
      ...conditionPair(need(node, 'Right'), left, right),
    ];
  }
  if (node.kind === 'ParenthesizedExpression') return conditionPair(need(node, 'Expression'), left, right);
  if (node.kind === 'NameReference') {
    const name = nameOf(node);
    const pair: [number, number] = [columnIndex(left.schema, name), columnIndex(right.schema, name)];
    if (pair.includes(-1)) throw unresolvedScalar('join', name);
    return [pair];
  }
  if (node.kind === 'EqualExpression') {
    const sides = [sideOf(need(node, 'Left'), left, right), sideOf(need(node, 'Right'), left, right)];
    const one = sides.find((side) => side?.side === 'left');
    const other = sides.find((side) => side?.side === 'right');
    if (one !== undefined && other !== undefined) return [[one.index, other.index]];
  }
  throw semanticError(
    'SEM0100',
    `'join' operator: the condition '${sourceText(node)}' is not an equality of $left and $right columns`,
  );
}

/** Key columns of `on a, $left.b == $right.c`. */
function joinKeys(clause: Syntax, left: Rel, right: Rel): JoinKeys {
  if (clause.kind !== 'JoinOnClause') throw notSupported(`the join condition '${sourceText(clause)}'`);
  const pairs = elements(clause, 'Expressions').flatMap((node) => conditionPair(node, left, right));
  const exprs = pairs.map(([a, b]) =>
    comparable(columnExpr(a, left.schema[a]!.type), columnExpr(b, right.schema[b]!.type)),
  );
  return {
    left: exprs.map(([a]) => a),
    right: exprs.map(([, b]) => b),
    leftColumns: pairs.map(([a]) => a),
    rightColumns: pairs.map(([, b]) => b),
  };
}

interface JoinPlan {
  readonly left: Rel;
  readonly right: Rel;
  readonly keys: JoinKeys;
  /** Right columns in the answer, by position. */
  readonly rightOut: readonly number[];
  readonly schema: readonly PlanColumn[];
}

function evaluate(exprs: readonly Expr[], batch: Batch) {
  return exprs.map((expr) => expr.evaluate(batch));
}

/** Row pairs as one batch; -1 stands for a missing row. */
function pairs(
  plan: JoinPlan,
  sides: { left: Batch; right: Batch },
  rows: { left: Int32Array; right: Int32Array },
): Batch {
  const leftColumns = visibleColumns(plan.left.schema);
  const sources: ColumnSource[] = [
    ...leftColumns.map(
      ({ index }) =>
        () =>
          sides.left.column(index).take(rows.left),
    ),
    ...plan.rightOut.map((index) => () => sides.right.column(index).take(rows.right)),
  ];
  return makeBatch(rows.left.length, sources);
}

interface Outer {
  readonly left: boolean;
  readonly right: boolean;
}

async function* pairedRows(plan: JoinPlan, outer: Outer, run: Run, unique: boolean): AsyncGenerator<Batch> {
  const right = await collect(plan.right, run);
  const index = buildIndex(plan.keys.right, right);
  const matched = outer.right ? new Uint8Array(right.rowCount) : undefined;
  const seen = unique ? dedupe(plan.keys.left) : undefined;
  for await (const given of plan.left.open(run)) {
    const batch = seen === undefined ? given : takeRows(given, plan.left.schema.length, seen(given));
    for (const rows of index.match(evaluate(plan.keys.left, batch), batch.rowCount, outer.left)) {
      if (matched !== undefined) for (const row of rows.right) if (row >= 0) matched[row] = 1;
      yield pairs(plan, { left: batch, right }, rows);
      await run.pause();
    }
  }
  if (matched === undefined) return;
  const rest = Int32Array.from({ length: right.rowCount }, (_, row) => row).filter(
    (row) => matched[row] === 0,
  );
  if (rest.length === 0) return;
  const none = new Int32Array(rest.length).fill(-1);
  yield pairs(plan, { left: emptyBatch(plan.left), right }, { left: none, right: rest });
}

function emptyBatch(rel: Rel): Batch {
  return makeBatch(
    0,
    rel.schema.map(
      ({ type }) =>
        () =>
          constantVector(type, null, 0),
    ),
  );
}

interface HalfJoin {
  readonly kept: Rel;
  readonly other: Rel;
  readonly keptKeys: readonly Expr[];
  readonly otherKeys: readonly Expr[];
  readonly wantsMatch: boolean;
}

/** Semi and anti joins: rows of one side that have, or lack, a partner. */
function halfJoin({ kept, other, keptKeys, otherKeys, wantsMatch }: HalfJoin): Rel {
  const columns = visibleColumns(kept.schema);
  return {
    schema: columns.map(({ column }) => column),
    ordered: false,
    async *open(run) {
      const index: JoinIndex = buildIndex(otherKeys, await collect(other, run));
      for await (const batch of kept.open(run)) {
        const rows = index.partners(evaluate(keptKeys, batch), batch.rowCount, wantsMatch);
        if (rows.length > 0) yield takeRows(batch, kept.schema.length, rows);
        await run.pause();
      }
    },
  };
}

const OUTER: Readonly<Record<string, Outer>> = {
  innerunique: { left: false, right: false },
  inner: { left: false, right: false },
  leftouter: { left: true, right: false },
  rightouter: { left: false, right: true },
  fullouter: { left: true, right: true },
};

interface Half {
  readonly keepsLeft: boolean;
  readonly wantsMatch: boolean;
}

const HALVES: Readonly<Record<string, Half>> = {
  leftsemi: { keepsLeft: true, wantsMatch: true },
  rightsemi: { keepsLeft: false, wantsMatch: true },
  leftanti: { keepsLeft: true, wantsMatch: false },
  leftantisemi: { keepsLeft: true, wantsMatch: false },
  anti: { keepsLeft: true, wantsMatch: false },
  rightanti: { keepsLeft: false, wantsMatch: false },
  rightantisemi: { keepsLeft: false, wantsMatch: false },
};

function joinSchema(left: Rel, right: Rel, rightOut: readonly number[]): PlanColumn[] {
  const names = new NameMaker();
  const columns = [
    ...visibleColumns(left.schema).map(({ column }) => column),
    ...rightOut.map((index) => right.schema[index]!),
  ];
  return columns.map(({ name, type }) => ({ name: names.unique(name), type }));
}

export interface JoinRequest {
  readonly left: Rel;
  readonly right: Rel;
  readonly keys: JoinKeys;
  readonly kind: string;
  /** Right columns to leave out. */
  readonly without?: readonly number[];
}

/** Two tables joined by equality of keys. */
function joined({ left, right, keys, kind, without = [] }: JoinRequest): Rel {
  const half = HALVES[kind];
  if (half !== undefined) {
    const [kept, other] = half.keepsLeft ? [left, right] : [right, left];
    const [keptKeys, otherKeys] = half.keepsLeft ? [keys.left, keys.right] : [keys.right, keys.left];
    return halfJoin({ kept, other, keptKeys, otherKeys, wantsMatch: half.wantsMatch });
  }
  const outer = OUTER[kind];
  if (outer === undefined) throw semanticError('SEM0100', `'join' operator: '${kind}' is not a join kind`);
  const rightOut = visibleColumns(right.schema)
    .map(({ index }) => index)
    .filter((index) => !without.includes(index));
  const plan = { left, right, keys, rightOut, schema: joinSchema(left, right, rightOut) };
  return {
    schema: plan.schema,
    ordered: false,
    open: (run) => pairedRows(plan, outer, run, kind === 'innerunique'),
  };
}

function rightTable(node: Syntax, env: Env): Rel {
  return env.session.binder.table(need(node, 'Expression'), { ...env, columns: [] });
}

export const joinOperator: OperatorBinder = (left, node, env) => {
  const kind = operatorParameters(node, 'join', ['kind']).get('kind') ?? 'innerunique';
  const right = rightTable(node, env);
  return joined({ left, right, keys: joinKeys(need(node, 'ConditionClause'), left, right), kind });
};

/** `lookup`: right key columns are left out; left outer unless told otherwise. */
export const lookupOperator: OperatorBinder = (left, node, env) => {
  const kind = operatorParameters(node, 'lookup', ['kind']).get('kind') ?? 'leftouter';
  if (kind !== 'leftouter' && kind !== 'inner') {
    throw semanticError('SEM0100', `'lookup' operator: kind must be leftouter or inner, not ${kind}`);
  }
  const right = rightTable(node, env);
  const keys = joinKeys(need(node, 'LookupClause'), left, right);
  return joined({ left, right, keys, kind, without: keys.rightColumns });
};
