import type { Cell, Dynamic, DynamicNode, ScalarType } from '../../store/types.js';
import { dynamicFromNode } from '../../values/dynamic.js';
import { isBag, nodeKey, nodeOf } from '../conversion/nodes.js';
import { castExpr, constantValue } from '../expressions/basic.js';
import { asCondition } from '../expressions/logic.js';
import { semanticError } from '../failures.js';
import type { Expr, Vector } from '../plan/types.js';
import { KeyEncoder, MAX_GROUPS } from '../vector/encoder.js';
import {
  type Accumulator,
  type AggregateBinder,
  type AggregateCall,
  Doubles,
  type Groups,
  isTrueAt,
  prefixed,
} from './define.js';

/** Most elements `make_list` and its like gather per group, as the service has it. */
const MAX_COLLECTED = 1_048_576;

interface CollectOptions {
  readonly type: ScalarType;
  readonly limit: number;
  readonly keepNulls: boolean;
}

class ListAccumulator implements Accumulator {
  protected readonly lists: DynamicNode[][] = [];
  private readonly options: CollectOptions;

  constructor(options: CollectOptions) {
    this.options = options;
  }

  protected accepts(_group: number, _node: DynamicNode): boolean {
    return true;
  }

  add(groups: Groups, [vector, condition]: readonly Vector[]): void {
    const { type, limit, keepNulls } = this.options;
    const { ids } = groups;
    for (let row = 0; row < ids.length; row++) {
      if (!isTrueAt(condition, row)) continue;
      const cell = vector!.get(row);
      if (cell === null && !keepNulls) continue;
      const group = ids[row]!;
      this.lists[group] ??= [];
      const list = this.lists[group]!;
      const node = nodeOf(type, cell);
      if (list.length < limit && this.accepts(group, node)) list.push(node);
    }
  }

  result(_output: number, group: number): Cell {
    return dynamicFromNode(this.lists[group] ?? []);
  }
}

class SetAccumulator extends ListAccumulator {
  private readonly seen: Set<string>[] = [];

  protected override accepts(group: number, node: DynamicNode): boolean {
    this.seen[group] ??= new Set();
    const key = nodeKey(node);
    if (this.seen[group]!.has(key)) return false;
    this.seen[group]!.add(key);
    return true;
  }
}

class BagAccumulator implements Accumulator {
  private readonly bags: Map<string, DynamicNode>[] = [];

  add(groups: Groups, [vector, condition]: readonly Vector[]): void {
    const { ids } = groups;
    for (let row = 0; row < ids.length; row++) {
      const cell = isTrueAt(condition, row) ? vector!.get(row) : null;
      const node = cell === null ? null : (cell as Dynamic).value();
      if (!isBag(node)) continue;
      this.bags[ids[row]!] ??= new Map();
      const bag = this.bags[ids[row]!]!;
      for (const [key, value] of node) if (!bag.has(key)) bag.set(key, value);
    }
  }

  result(_output: number, group: number): Cell {
    return dynamicFromNode(this.bags[group] ?? new Map());
  }
}

interface Kind {
  readonly prefix: string;
  readonly conditional: boolean;
  readonly keepNulls?: boolean;
  readonly create: (options: CollectOptions) => Accumulator;
  readonly bag?: boolean;
}

function limitOf(arg: Expr | undefined, call: AggregateCall): number {
  if (arg === undefined) return MAX_COLLECTED;
  if (!arg.constant) throw semanticError('SEM0234', `${call.name}(): the size limit must be a constant`);
  const limit = Number(constantValue(castExpr(arg, 'long')));
  return limit <= 0 ? MAX_COLLECTED : Math.min(limit, MAX_COLLECTED);
}

function collector(kind: Kind): AggregateBinder {
  return (call) => {
    const least = kind.conditional ? 2 : 1;
    if (call.args.length < least || call.args.length > least + 1 || call.star !== undefined) {
      throw semanticError('SEM0219', `${call.name}(): function expects ${least} to ${least + 1} argument(s)`);
    }
    const value = call.args[0]!.expr;
    const { type } = value;
    const limit = limitOf(call.args[least]?.expr, call);
    const arg = kind.bag === true ? castExpr(value, 'dynamic') : value;
    return {
      args: kind.conditional ? [arg, asCondition(call.args[1]!.expr, call.name)] : [arg],
      outputs: [{ name: prefixed(kind.prefix, call), type: 'dynamic' }],
      create: () => kind.create({ type, limit, keepNulls: kind.keepNulls === true }),
    };
  };
}

const list = (options: CollectOptions) => new ListAccumulator(options);
const set = (options: CollectOptions) => new SetAccumulator(options);
const bag = () => new BagAccumulator();

export const collectionAggregates: readonly (readonly [string, AggregateBinder])[] = [
  ['make_list', collector({ prefix: 'list', conditional: false, create: list })],
  ['makelist', collector({ prefix: 'list', conditional: false, create: list })],
  ['make_list_if', collector({ prefix: 'list', conditional: true, create: list })],
  ['make_list_with_nulls', collector({ prefix: 'list', conditional: false, keepNulls: true, create: list })],
  ['make_set', collector({ prefix: 'set', conditional: false, create: set })],
  ['makeset', collector({ prefix: 'set', conditional: false, create: set })],
  ['make_set_if', collector({ prefix: 'set', conditional: true, create: set })],
  ['make_bag', collector({ prefix: 'bag', conditional: false, create: bag, bag: true })],
  ['make_bag_if', collector({ prefix: 'bag', conditional: true, create: bag, bag: true })],
  ['make_dictionary', collector({ prefix: 'dictionary', conditional: false, create: bag, bag: true })],
];

/** Counts distinct cells per group; nulls do not count. Exact, where the service estimates large counts. */
class DistinctAccumulator implements Accumulator {
  private readonly encoder: KeyEncoder;
  private readonly pairs = new Set<number>();
  private readonly counts = new Doubles();
  /** So far all rows were of one group and counted, so the encoder alone knows the answer. */
  private simple = true;

  constructor(type: ScalarType) {
    this.encoder = new KeyEncoder(type);
  }

  private leaveSimple(): void {
    this.simple = false;
    const nullCode = this.encoder.find(null);
    for (let code = 0; code < this.encoder.size; code++) if (code !== nullCode) this.pairs.add(code);
    this.counts.room(1)[0] = this.pairs.size;
  }

  add(groups: Groups, [vector, condition]: readonly Vector[]): void {
    if (this.simple && (groups.count > 1 || condition !== undefined)) this.leaveSimple();
    const codes = this.encoder.encode(vector!);
    if (this.simple) return;
    const nullCode = this.encoder.find(null);
    const counts = this.counts.room(groups.count);
    const { ids } = groups;
    for (let row = 0; row < ids.length; row++) {
      const code = codes[row]!;
      if (code === nullCode || !isTrueAt(condition, row)) continue;
      const pair = ids[row]! * MAX_GROUPS + code;
      const before = this.pairs.size;
      this.pairs.add(pair);
      if (this.pairs.size !== before) counts[ids[row]!]!++;
    }
  }

  result(_output: number, group: number): Cell {
    if (!this.simple) return BigInt(this.counts.at(group));
    return BigInt(this.encoder.size - (this.encoder.find(null) >= 0 ? 1 : 0));
  }
}

export function distinctBinder(prefix: string, conditional: boolean): AggregateBinder {
  return (call) => {
    const least = conditional ? 2 : 1;
    if (call.args.length < least || call.args.length > least + 1) {
      throw semanticError('SEM0219', `${call.name}(): function expects ${least} to ${least + 1} argument(s)`);
    }
    const { expr } = call.args[0]!;
    return {
      args: conditional ? [expr, asCondition(call.args[1]!.expr, call.name)] : [expr],
      outputs: [{ name: prefixed(prefix, call), type: 'long' }],
      create: () => new DistinctAccumulator(expr.type),
    };
  };
}
