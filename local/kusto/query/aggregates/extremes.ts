import { isNullAt } from '../../store/null-mask.js';
import type { Cell, ScalarType } from '../../store/types.js';
import { compareCells } from '../expressions/compare.js';
import { asCondition } from '../expressions/logic.js';
import { numberView } from '../expressions/numbers.js';
import { semanticError } from '../failures.js';
import type { Vector } from '../plan/types.js';
import {
  type Accumulator,
  type AggregateBinder,
  type AggregateCall,
  expectArguments,
  type Groups,
  isTrueAt,
  type NamedExpr,
  prefixed,
} from './define.js';

/** Does a cell replace the best so far? NaN loses to every number, so that no order of the rows changes the answer. */
function isBetter(type: ScalarType, cell: Cell, best: Cell, sign: 1 | -1): boolean {
  if (Number.isNaN(cell)) return false;
  return Number.isNaN(best) || compareCells(type, cell, best) * sign > 0;
}

class ExtremeAccumulator implements Accumulator {
  private readonly best: Cell[] = [];
  private readonly type: ScalarType;
  private readonly sign: 1 | -1;

  constructor(type: ScalarType, sign: 1 | -1) {
    this.type = type;
    this.sign = sign;
  }

  private offer(group: number, cell: Cell): void {
    const best = this.best[group];
    if (best === undefined || best === null || isBetter(this.type, cell, best, this.sign)) {
      this.best[group] = cell;
    }
  }

  add(groups: Groups, [vector, condition]: readonly Vector[]): void {
    const view = condition === undefined ? numberView(vector!) : undefined;
    if (view !== undefined && !view.single && groups.count < groups.ids.length)
      this.addNumbers(groups, vector!);
    else {
      const { ids } = groups;
      for (let row = 0; row < ids.length; row++) {
        const cell = isTrueAt(condition, row) ? vector!.get(row) : null;
        if (cell !== null) this.offer(ids[row]!, cell);
      }
    }
  }

  /** Finds the best row of each group in this batch on doubles, then offers only those cells. */
  private addNumbers(groups: Groups, vector: Vector): void {
    const { values, nulls } = numberView(vector)!;
    const rows = new Int32Array(groups.count).fill(-1);
    const { ids } = groups;
    const greatest = this.sign > 0;
    for (let row = 0; row < ids.length; row++) {
      if (isNullAt(nulls, row)) continue;
      const group = ids[row]!;
      const holder = rows[group]!;
      if (holder < 0 || Number.isNaN(values[holder]!)) rows[group] = row;
      else if (greatest ? values[row]! > values[holder]! : values[row]! < values[holder]!) rows[group] = row;
    }
    for (let group = 0; group < rows.length; group++) {
      if (rows[group]! >= 0) this.offer(group, vector.get(rows[group]!));
    }
  }

  result(_output: number, group: number): Cell {
    return this.best[group] ?? null;
  }
}

function checkOrder(call: AggregateCall): void {
  const type = call.args[0]!.expr.type;
  if (type !== 'dynamic' && type !== 'guid') return;
  throw semanticError(
    'SEM0234',
    `${call.name}(): argument must be orderable (a number, timespan, datetime, string or boolean), not ${type}`,
  );
}

export function extremeBinder(name: string, sign: 1 | -1, conditional: boolean): AggregateBinder {
  return (call) => {
    expectArguments(call, conditional ? 2 : 1);
    checkOrder(call);
    const { expr } = call.args[0]!;
    return {
      args: conditional ? [expr, asCondition(call.args[1]!.expr, name)] : [expr],
      outputs: [{ name: prefixed(name, call), type: expr.type }],
      create: () => new ExtremeAccumulator(expr.type, sign),
    };
  };
}

/** Keeps, per group, the cells of the row whose first argument is the extreme. */
class ArgExtremeAccumulator implements Accumulator {
  private readonly rows: (readonly Cell[] | undefined)[] = [];
  private readonly type: ScalarType;
  private readonly sign: 1 | -1;

  constructor(type: ScalarType, sign: 1 | -1) {
    this.type = type;
    this.sign = sign;
  }

  add(groups: Groups, args: readonly Vector[]): void {
    const winners = new Map<number, number>();
    const keys = args[0]!;
    const { ids } = groups;
    for (let row = 0; row < ids.length; row++) {
      const group = ids[row]!;
      const holder = winners.get(group);
      const best = holder === undefined ? this.rows[group]?.[0] : keys.get(holder);
      if (this.beats(keys.get(row), best)) winners.set(group, row);
    }
    for (const [group, row] of winners) this.rows[group] = args.map((arg) => arg.get(row));
  }

  /** A null loses to everything but an empty place. */
  private beats(cell: Cell, best: Cell | undefined): boolean {
    if (best === undefined) return true;
    if (cell === null) return false;
    return best === null || isBetter(this.type, cell, best, this.sign);
  }

  result(output: number, group: number): Cell {
    return this.rows[group]?.[output] ?? null;
  }
}

function allArguments(call: AggregateCall): readonly NamedExpr[] {
  return [...call.args, ...(call.star ?? [])];
}

export function argExtremeBinder(sign: 1 | -1): AggregateBinder {
  return (call) => {
    if (call.args.length === 0)
      throw semanticError('SEM0219', `${call.name}(): function expects an argument`);
    checkOrder(call);
    const all = allArguments(call);
    return {
      args: all.map((arg) => arg.expr),
      outputs: all.map((arg) => ({ name: arg.name, type: arg.expr.type })),
      create: () => new ArgExtremeAccumulator(call.args[0]!.expr.type, sign),
    };
  };
}

/** The first cell of a group that is not null, for each argument apart. */
class AnyAccumulator implements Accumulator {
  private readonly cells: Cell[][];

  constructor(outputs: number) {
    this.cells = Array.from({ length: outputs }, () => []);
  }

  add(groups: Groups, args: readonly Vector[]): void {
    const condition = args[this.cells.length];
    const { ids } = groups;
    this.cells.forEach((cells, output) => {
      const vector = args[output]!;
      for (let row = 0; row < ids.length; row++) {
        const held = cells[ids[row]!];
        if (held !== undefined && held !== null && held !== '') continue;
        if (isTrueAt(condition, row)) cells[ids[row]!] = vector.get(row);
      }
    });
  }

  result(output: number, group: number): Cell {
    return this.cells[output]![group] ?? null;
  }
}

export const takeAnyBinder: AggregateBinder = (call) => {
  const all = allArguments(call);
  if (all.length === 0) throw semanticError('SEM0219', `${call.name}(): function expects an argument`);
  const prefix = call.name === 'any' && call.args.length === 1 ? 'any_' : '';
  return {
    args: all.map((arg) => arg.expr),
    outputs: all.map((arg) => ({
      name: arg.name === undefined ? undefined : prefix + arg.name,
      type: arg.expr.type,
    })),
    create: () => new AnyAccumulator(all.length),
  };
};

export const takeAnyIfBinder: AggregateBinder = (call) => {
  expectArguments(call, 2);
  const [value, condition] = call.args;
  const name = call.name === 'anyif' ? prefixed('anyif', call) : value!.name;
  return {
    args: [value!.expr, asCondition(condition!.expr, call.name)],
    outputs: [{ name, type: value!.expr.type }],
    create: () => new AnyAccumulator(1),
  };
};
