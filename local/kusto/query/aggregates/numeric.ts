import { isNullAt } from '../../store/null-mask.js';
import type { Cell, Decimal, ScalarType } from '../../store/types.js';
import { addDecimal, divDecimal } from '../../values/decimal.js';
import { castExpr } from '../expressions/basic.js';
import { asCondition } from '../expressions/logic.js';
import { numberView } from '../expressions/numbers.js';
import { isNumeric } from '../expressions/types.js';
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

class CountAccumulator implements Accumulator {
  private readonly counts = new Doubles();

  add(groups: Groups, [condition]: readonly Vector[]): void {
    const counts = this.counts.room(groups.count);
    const { ids } = groups;
    if (condition === undefined) for (let row = 0; row < ids.length; row++) counts[ids[row]!]!++;
    else for (let row = 0; row < ids.length; row++) if (condition.get(row) === true) counts[ids[row]!]!++;
  }

  result(_output: number, group: number): Cell {
    return BigInt(this.counts.at(group));
  }
}

/** Half of the exactly held range: adding one more safe integer is still seen to leave it. */
const EXACT_LIMIT = 2 ** 52;

/** Sums of 64-bit integers, wrapping as they do. Small sums stay doubles, which are exact below 2^53. */
class LongSum implements Accumulator {
  private readonly partial = new Doubles();
  private readonly carried = new Map<number, bigint>();

  private carry(group: number, value: bigint): void {
    this.carried.set(group, BigInt.asIntN(64, (this.carried.get(group) ?? 0n) + value));
  }

  add(groups: Groups, [vector, condition]: readonly Vector[]): void {
    const partial = this.partial.room(groups.count);
    const view = numberView(vector!);
    const { ids } = groups;
    if (view === undefined) {
      for (let row = 0; row < ids.length; row++) {
        const cell = isTrueAt(condition, row) ? vector!.get(row) : null;
        if (cell !== null) this.carry(ids[row]!, cell as bigint);
      }
      return;
    }
    const { values, nulls, single } = view;
    for (let row = 0; row < ids.length; row++) {
      if (isNullAt(nulls, row) || (condition !== undefined && condition.get(row) !== true)) continue;
      const group = ids[row]!;
      const value = values[single ? 0 : row]!;
      let sum = partial[group]! + value;
      if (sum > EXACT_LIMIT || sum < -EXACT_LIMIT) {
        this.carry(group, BigInt(partial[group]!) + BigInt(value));
        sum = 0;
      }
      partial[group] = sum;
    }
  }

  result(_output: number, group: number): Cell {
    return BigInt.asIntN(64, BigInt(this.partial.at(group)) + (this.carried.get(group) ?? 0n));
  }
}

class RealSum implements Accumulator {
  protected readonly sums = new Doubles();
  protected readonly counts = new Doubles();

  add(groups: Groups, [vector, condition]: readonly Vector[]): void {
    const sums = this.sums.room(groups.count);
    const counts = this.counts.room(groups.count);
    const { ids } = groups;
    const view = numberView(vector!);
    for (let row = 0; row < ids.length; row++) {
      if (condition !== undefined && condition.get(row) !== true) continue;
      if (view === undefined ? vector!.isNull(row) : isNullAt(view.nulls, row)) continue;
      const value = view === undefined ? Number(vector!.get(row)) : view.values[view.single ? 0 : row]!;
      const group = ids[row]!;
      sums[group]! += value;
      counts[group]!++;
    }
  }

  result(_output: number, group: number): Cell {
    return this.sums.at(group);
  }
}

class RealAverage extends RealSum {
  override result(_output: number, group: number): Cell {
    return this.sums.at(group) / this.counts.at(group);
  }
}

/** Sums and averages of decimals and ticks, cell by cell. */
class CellSum<T> implements Accumulator {
  private readonly sums: (T | undefined)[] = [];
  private readonly counts = new Doubles();
  private readonly plus: (a: T, b: T) => T;
  private readonly finish: (sum: T | undefined, count: number) => Cell;

  constructor(plus: (a: T, b: T) => T, finish: (sum: T | undefined, count: number) => Cell) {
    this.plus = plus;
    this.finish = finish;
  }

  add(groups: Groups, [vector, condition]: readonly Vector[]): void {
    const counts = this.counts.room(groups.count);
    const { ids } = groups;
    for (let row = 0; row < ids.length; row++) {
      const cell = isTrueAt(condition, row) ? vector!.get(row) : null;
      if (cell === null) continue;
      const group = ids[row]!;
      const sum = this.sums[group];
      this.sums[group] = sum === undefined ? (cell as T) : this.plus(sum, cell as T);
      counts[group]!++;
    }
  }

  result(_output: number, group: number): Cell {
    return this.finish(this.sums[group], this.counts.at(group));
  }
}

const plusTicks = (a: bigint, b: bigint) => a + b;
const ZERO_DECIMAL: Decimal = { unscaled: 0n, scale: 0 };

function sumOf(type: ScalarType): Accumulator {
  if (type === 'real') return new RealSum();
  if (type === 'decimal') return new CellSum<Decimal>(addDecimal, (sum) => sum ?? ZERO_DECIMAL);
  if (type === 'long') return new LongSum();
  return new CellSum<bigint>(plusTicks, (sum) => BigInt.asIntN(64, sum ?? 0n));
}

function averageOf(type: ScalarType): Accumulator {
  if (type === 'real') return new RealAverage();
  if (type === 'decimal') {
    return new CellSum<Decimal>(addDecimal, (sum, count) =>
      sum === undefined ? null : divDecimal(sum, { unscaled: BigInt(count), scale: 0 }),
    );
  }
  return new CellSum<bigint>(plusTicks, (sum, count) => (sum === undefined ? null : sum / BigInt(count)));
}

function summable(expr: Expr, call: AggregateCall): Expr {
  if (expr.type === 'int' || expr.type === 'bool') return castExpr(expr, 'long');
  if (isNumeric(expr.type) || expr.type === 'timespan' || expr.type === 'datetime') return expr;
  if (expr.type === 'dynamic') return castExpr(expr, 'real');
  throw semanticError(
    'SEM0234',
    `${call.name}(): argument must be a number, timespan or datetime, not ${expr.type}`,
  );
}

function withCondition(call: AggregateCall, conditional: boolean): Expr[] {
  return conditional ? [asCondition(call.args[1]!.expr, call.name)] : [];
}

export function sumBinder(name: string, conditional: boolean): AggregateBinder {
  return (call) => {
    expectArguments(call, conditional ? 2 : 1);
    const arg = summable(call.args[0]!.expr, call);
    return {
      args: [arg, ...withCondition(call, conditional)],
      outputs: [{ name: prefixed(name, call), type: arg.type }],
      create: () => sumOf(arg.type),
    };
  };
}

export function averageBinder(name: string, conditional: boolean): AggregateBinder {
  return (call) => {
    expectArguments(call, conditional ? 2 : 1);
    const given = summable(call.args[0]!.expr, call);
    const arg = given.type === 'long' ? castExpr(given, 'real') : given;
    return {
      args: [arg, ...withCondition(call, conditional)],
      outputs: [{ name: prefixed(name, call), type: arg.type }],
      create: () => averageOf(arg.type),
    };
  };
}

export const countBinder: AggregateBinder = (call) => {
  expectArguments(call, 0, 1);
  return {
    args: [],
    outputs: [{ name: prefixed('count', call), type: 'long' }],
    create: () => new CountAccumulator(),
  };
};

export const countIfBinder: AggregateBinder = (call) => {
  expectArguments(call, 1);
  return {
    args: [asCondition(call.args[0]!.expr, call.name)],
    outputs: [{ name: prefixed('countif', call), type: 'long' }],
    create: () => new CountAccumulator(),
  };
};
