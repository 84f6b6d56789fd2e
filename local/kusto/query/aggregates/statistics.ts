import type { Cell, Dynamic, ScalarType } from '../../store/types.js';
import { dynamicFromNode } from '../../values/dynamic.js';
import { castNode } from '../conversion/cast.js';
import { isArray, nodeOf } from '../conversion/nodes.js';
import { castExpr, constantValue } from '../expressions/basic.js';
import { compareCells } from '../expressions/compare.js';
import { asCondition } from '../expressions/logic.js';
import { semanticError } from '../failures.js';
import type { Expr, Vector } from '../plan/types.js';
import {
  type Accumulator,
  type AggregateBinder,
  type AggregateCall,
  Doubles,
  expectArguments,
  type Groups,
  isTrueAt,
  prefixed,
} from './define.js';

/** Mean and squared deviations kept by Welford's method, which does not lose small differences. */
class VarianceAccumulator implements Accumulator {
  private readonly counts = new Doubles();
  private readonly means = new Doubles();
  private readonly squares = new Doubles();
  private readonly finish: (squares: number, count: number) => number;

  constructor(finish: (squares: number, count: number) => number) {
    this.finish = finish;
  }

  add(groups: Groups, [vector, condition]: readonly Vector[]): void {
    const counts = this.counts.room(groups.count);
    const means = this.means.room(groups.count);
    const squares = this.squares.room(groups.count);
    const { ids } = groups;
    for (let row = 0; row < ids.length; row++) {
      const value = isTrueAt(condition, row) ? (vector!.get(row) as number | null) : null;
      if (value === null) continue;
      const group = ids[row]!;
      const count = counts[group]! + 1;
      const delta = value - means[group]!;
      counts[group] = count;
      means[group]! += delta / count;
      squares[group]! += delta * (value - means[group]!);
    }
  }

  result(_output: number, group: number): Cell {
    return this.finish(this.squares.at(group), this.counts.at(group));
  }
}

const sampleVariance = (squares: number, count: number) => (count < 2 ? 0 : squares / (count - 1));
const populationVariance = (squares: number, count: number) => (count === 0 ? 0 : squares / count);
const SPREADS: Readonly<Record<string, (squares: number, count: number) => number>> = {
  variance: sampleVariance,
  variancep: populationVariance,
  stdev: (squares, count) => Math.sqrt(sampleVariance(squares, count)),
  stdevp: (squares, count) => Math.sqrt(populationVariance(squares, count)),
};

export const spreadAggregates: readonly (readonly [string, AggregateBinder])[] = Object.entries(
  SPREADS,
).flatMap(([name, finish]) => [
  [name, spreadBinder(name, finish, false)] as const,
  [`${name}if`, spreadBinder(`${name}if`, finish, true)] as const,
]);

function spreadBinder(
  name: string,
  finish: (squares: number, count: number) => number,
  conditional: boolean,
): AggregateBinder {
  return (call) => {
    expectArguments(call, conditional ? 2 : 1);
    const value = castExpr(call.args[0]!.expr, 'real');
    return {
      args: conditional ? [value, asCondition(call.args[1]!.expr, name)] : [value],
      outputs: [{ name: prefixed(name, call), type: 'real' }],
      create: () => new VarianceAccumulator(finish),
    };
  };
}

/** Nearest rank over all values: exact, where the service estimates. */
class PercentileAccumulator implements Accumulator {
  private readonly values: Cell[][] = [];
  private readonly weights: number[][] = [];
  private readonly ordered = new Map<number, readonly number[]>();
  private readonly type: ScalarType;
  private readonly percents: readonly number[];
  private readonly asArray: boolean;

  constructor(type: ScalarType, percents: readonly number[], asArray: boolean) {
    this.type = type;
    this.percents = percents;
    this.asArray = asArray;
  }

  add(groups: Groups, [vector, weights]: readonly Vector[]): void {
    const { ids } = groups;
    for (let row = 0; row < ids.length; row++) {
      const cell = vector!.get(row);
      const weight = weights === undefined ? 1 : Number(weights.get(row) ?? 0n);
      if (cell === null || weight <= 0) continue;
      const group = ids[row]!;
      this.values[group] ??= [];
      this.values[group]!.push(cell);
      if (weights === undefined) continue;
      this.weights[group] ??= [];
      this.weights[group]!.push(weight);
    }
  }

  /** Positions of a group's values in order. */
  private order(group: number, values: readonly Cell[]): readonly number[] {
    let order = this.ordered.get(group);
    if (order === undefined) {
      order = [...values.keys()].sort((a, b) => compareCells(this.type, values[a]!, values[b]!));
      this.ordered.set(group, order);
    }
    return order;
  }

  private at(group: number, percent: number): Cell {
    const values = this.values[group];
    if (values === undefined) return null;
    const order = this.order(group, values);
    const weights = this.weights[group];
    if (weights === undefined) {
      const rank = Math.ceil((percent / 100) * values.length);
      return values[order[Math.min(Math.max(rank, 1), values.length) - 1]!]!;
    }
    const target = (percent / 100) * weights.reduce((sum, weight) => sum + weight, 0);
    let reached = 0;
    for (const position of order) {
      reached += weights[position]!;
      if (reached >= target) return values[position]!;
    }
    return values[order.at(-1)!]!;
  }

  result(output: number, group: number): Cell {
    if (!this.asArray) return this.at(group, this.percents[output]!);
    if (this.values[group] === undefined) return null;
    return dynamicFromNode(this.percents.map((percent) => nodeOf(this.type, this.at(group, percent))));
  }
}

function percentsOf(args: readonly Expr[], call: AggregateCall): number[] {
  return args.flatMap((arg) => {
    if (!arg.constant) throw semanticError('SEM0234', `${call.name}(): a percentile must be a constant`);
    if (arg.type === 'dynamic') {
      const node = (constantValue(arg) as Dynamic | null)?.value();
      return isArray(node) ? node.map((item) => castNode(item, 'real') as number) : [];
    }
    return [constantValue(castExpr(arg, 'real')) as number];
  });
}

interface PercentileKind {
  readonly weighted: boolean;
  readonly asArray: boolean;
}

function percentileBinder({ weighted, asArray }: PercentileKind): AggregateBinder {
  return (call) => {
    const skipped = weighted ? 2 : 1;
    if (call.args.length <= skipped) {
      throw semanticError('SEM0219', `${call.name}(): function expects at least ${skipped + 1} argument(s)`);
    }
    const given = call.args[0]!;
    const value = given.expr.type === 'int' ? castExpr(given.expr, 'long') : given.expr;
    const percents = percentsOf(
      call.args.slice(skipped).map((arg) => arg.expr),
      call,
    );
    const outputs = asArray
      ? [{ name: `percentiles_${given.name ?? ''}`, type: 'dynamic' as const }]
      : percents.map((percent) => ({
          name: `percentile_${given.name ?? ''}_${String(percent).replace('.', '_')}`,
          type: value.type,
        }));
    return {
      args: weighted ? [value, castExpr(call.args[1]!.expr, 'long')] : [value],
      outputs,
      create: () => new PercentileAccumulator(value.type, percents, asArray),
    };
  };
}

export const percentileAggregates: readonly (readonly [string, AggregateBinder])[] = [
  ['percentile', percentileBinder({ weighted: false, asArray: false })],
  ['percentiles', percentileBinder({ weighted: false, asArray: false })],
  ['percentiles_array', percentileBinder({ weighted: false, asArray: true })],
  ['percentilew', percentileBinder({ weighted: true, asArray: false })],
  ['percentilesw', percentileBinder({ weighted: true, asArray: false })],
  ['percentilesw_array', percentileBinder({ weighted: true, asArray: true })],
];

class BinaryAccumulator implements Accumulator {
  private readonly values: bigint[] = [];
  private readonly combine: (a: bigint, b: bigint) => bigint;

  constructor(combine: (a: bigint, b: bigint) => bigint) {
    this.combine = combine;
  }

  add(groups: Groups, [vector]: readonly Vector[]): void {
    const { ids } = groups;
    for (let row = 0; row < ids.length; row++) {
      const cell = vector!.get(row) as bigint | null;
      if (cell === null) continue;
      const held = this.values[ids[row]!];
      this.values[ids[row]!] = held === undefined ? cell : BigInt.asIntN(64, this.combine(held, cell));
    }
  }

  result(_output: number, group: number): Cell {
    return this.values[group] ?? null;
  }
}

function binaryBinder(combine: (a: bigint, b: bigint) => bigint): AggregateBinder {
  return (call) => {
    expectArguments(call, 1);
    const { expr, name } = call.args[0]!;
    return {
      args: [castExpr(expr, 'long')],
      outputs: [{ name, type: 'long' }],
      create: () => new BinaryAccumulator(combine),
    };
  };
}

export const binaryAggregates: readonly (readonly [string, AggregateBinder])[] = [
  ['binary_all_and', binaryBinder((a, b) => a & b)],
  ['binary_all_or', binaryBinder((a, b) => a | b)],
  ['binary_all_xor', binaryBinder((a, b) => a ^ b)],
];
