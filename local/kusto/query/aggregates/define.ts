import type { Cell, ScalarType } from '../../store/types.js';
import { semanticError } from '../failures.js';
import type { Expr, Vector } from '../plan/types.js';

/** Group of each row of a batch, and how many groups there are so far. */
export interface Groups {
  readonly ids: Uint32Array;
  readonly count: number;
}

/** Gathers one aggregate over all groups. */
export interface Accumulator {
  add(groups: Groups, args: readonly Vector[]): void;
  /** The finished cell of an output in a group; a group that got no row has the aggregate's default. */
  result(output: number, group: number): Cell;
}

export interface AggregateOutput {
  readonly name: string | undefined;
  readonly type: ScalarType;
}

export interface BoundAggregate {
  readonly args: readonly Expr[];
  readonly outputs: readonly AggregateOutput[];
  create(): Accumulator;
}

export interface NamedExpr {
  readonly expr: Expr;
  readonly name: string | undefined;
}

export interface AggregateCall {
  readonly name: string;
  readonly args: readonly NamedExpr[];
  /** The last argument was `*`: these are the columns it stands for. */
  readonly star: readonly NamedExpr[] | undefined;
}

export type AggregateBinder = (call: AggregateCall) => BoundAggregate;

export function expectArguments(call: AggregateCall, least: number, most = least): void {
  const count = call.args.length;
  if (count >= least && count <= most && call.star === undefined) return;
  const range = least === most ? `${least}` : `${least} to ${most}`;
  throw semanticError('SEM0219', `${call.name}(): function expects ${range} argument(s), got ${count}`);
}

/** `sum_x`, or `sum_` when the argument has no name. */
export function prefixed(prefix: string, call: AggregateCall, index = 0): string {
  return `${prefix}_${call.args[index]?.name ?? ''}`;
}

/** Doubles that grow with the number of groups. */
export class Doubles {
  values = new Float64Array(16);
  private readonly initial: number;

  constructor(initial = 0) {
    this.initial = initial;
    this.values.fill(initial);
  }

  /** The array with room for `count` groups. */
  room(count: number): Float64Array {
    if (count > this.values.length) {
      const grown = new Float64Array(Math.max(count, this.values.length * 2)).fill(this.initial);
      grown.set(this.values);
      this.values = grown;
    }
    return this.values;
  }

  at(group: number): number {
    return group < this.values.length ? this.values[group]! : this.initial;
  }
}

/** Row numbers where a condition argument is true. */
export function isTrueAt(condition: Vector | undefined, row: number): boolean {
  return condition === undefined || condition.get(row) === true;
}
