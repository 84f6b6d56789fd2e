import { ConstantColumn, LongColumn, TicksColumn } from '../../store/columns.js';
import type { Cell, Decimal, ScalarType } from '../../store/types.js';
import { castExpr, constantExpr, vectorExpr } from '../expressions/basic.js';
import { isInteger, isNumeric, widerNumeric } from '../expressions/types.js';
import { semanticError } from '../failures.js';
import type { Expr, Vector } from '../plan/types.js';
import { lift, type RowFunction } from '../vector/lift.js';
import { convertArguments, type FunctionTable } from './define.js';
import { binDecimal } from './math.js';

export const binFunctions: FunctionTable = new Map();

function floorTo(value: bigint, size: bigint): bigint | null {
  if (size <= 0n) return null;
  const rest = value % size;
  return BigInt.asIntN(64, value - (rest < 0n ? rest + size : rest));
}

const ROW_BINS: Partial<Record<ScalarType, (value: never, size: never) => Cell>> = {
  long: floorTo,
  datetime: floorTo,
  timespan: floorTo,
  real: (value: number, size: number) => (size === 0 ? null : Math.floor(value / size) * size),
  decimal: (value: Decimal, size: Decimal) => binDecimal(value, size),
};

/** Safe integers binned as doubles: exact because the quotient is rounded down after a correct division. */
function binLongs(vector: LongColumn, size: number): Vector | undefined {
  const out = new Float64Array(vector.length);
  for (let row = 0; row < out.length; row++) {
    const value = vector.values[row]!;
    const rest = value % size;
    out[row] = value - (rest < 0 ? rest + size : rest);
    if (out[row]! < Number.MIN_SAFE_INTEGER) return undefined;
  }
  return new LongColumn(out, vector.nulls);
}

function binTicks(column: TicksColumn, size: bigint): Vector | undefined {
  const unit = BigInt(column.unit);
  const base = floorTo(column.base, size)!;
  if (size % unit !== 0n || (column.base - base) % unit !== 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) {
    return undefined;
  }
  const shift = Number((column.base - base) / unit);
  const steps = Number(size / unit);
  const out = new Float64Array(column.length);
  for (let row = 0; row < out.length; row++) out[row] = Math.floor((column.values[row]! + shift) / steps);
  return new TicksColumn(column.type, { base, unit: Number(size) }, out, column.nulls);
}

function fastBin(value: Vector, size: Vector): Vector | undefined {
  if (!(size instanceof ConstantColumn) || typeof size.value !== 'bigint' || size.value <= 0n)
    return undefined;
  if (value instanceof TicksColumn) return binTicks(value, size.value);
  if (value instanceof LongColumn && size.value < 2n ** 31n) return binLongs(value, Number(size.value));
  return undefined;
}

function binExpr(type: ScalarType, value: Expr, size: Expr): Expr {
  const fn = ROW_BINS[type] as RowFunction;
  return vectorExpr(
    type,
    [value, size],
    ([values, sizes]) =>
      fastBin(values!, sizes!) ?? lift(fn, [values!, sizes!], { type, length: values!.length, strict: true }),
  );
}

function bindBin(args: readonly Expr[], name: string): Expr {
  const [valueIn, sizeIn] = args as [Expr, Expr];
  const value = valueIn.type === 'dynamic' ? castExpr(valueIn, sizeIn.type) : valueIn;
  if (
    (value.type === 'datetime' || value.type === 'timespan') &&
    (sizeIn.type === 'timespan' || isNumeric(sizeIn.type))
  ) {
    const size = sizeIn.type === 'timespan' ? sizeIn : castExpr(castExpr(sizeIn, 'long'), 'timespan');
    return binExpr(value.type, value, size);
  }
  if (isNumeric(value.type) && isNumeric(sizeIn.type)) {
    const wider = widerNumeric(value.type, sizeIn.type);
    const type = isInteger(wider) ? 'long' : wider;
    return castBack(binExpr(type, castExpr(value, type), castExpr(sizeIn, type)), wider);
  }
  throw semanticError('SEM0231', `${name}(): cannot round ${valueIn.type} to a multiple of ${sizeIn.type}`);
}

function castBack(expr: Expr, type: ScalarType): Expr {
  return type === 'int' ? castExpr(expr, 'int') : expr;
}

binFunctions.set('bin', (args, site) => bindBin(convertArguments('any any', args, site), site.name));
binFunctions.set('floor', (args, site) => {
  const given = convertArguments('any any?', args, site);
  return bindBin(given.length === 1 ? [given[0]!, constantExpr('long', 1n)] : given, site.name);
});

const ROW_BINS_AT: Partial<Record<ScalarType, (value: never, size: never, at: never) => Cell>> = {
  long: (value: bigint, size: bigint, at: bigint) => shifted(value, size, at),
  datetime: (value: bigint, size: bigint, at: bigint) => shifted(value, size, at),
  timespan: (value: bigint, size: bigint, at: bigint) => shifted(value, size, at),
  real: (value: number, size: number, at: number) =>
    size === 0 ? null : Math.floor((value - at) / size) * size + at,
};

function shifted(value: bigint, size: bigint, at: bigint): bigint | null {
  const bin = floorTo(value - at, size);
  return bin === null ? null : bin + at;
}

binFunctions.set('bin_at', (args, site) => {
  const [value, size, at] = convertArguments('any any any', args, site) as [Expr, Expr, Expr];
  let type = value.type;
  if (isNumeric(type)) {
    const wider = widerNumeric(widerNumeric(type, size.type), at.type);
    type = isInteger(wider) ? 'long' : 'real';
  }
  const sizeType = type === 'datetime' ? 'timespan' : type;
  const fn = ROW_BINS_AT[type];
  if (fn === undefined || (sizeType === 'timespan' && size.type !== 'timespan')) {
    throw semanticError('SEM0231', `bin_at(): cannot round ${value.type} to a multiple of ${size.type}`);
  }
  const converted = [castExpr(value, type), castExpr(size, sizeType), castExpr(at, type)];
  return vectorExpr(type, converted, (vectors, batch) =>
    lift(fn as RowFunction, vectors, { type, length: batch.rowCount, strict: true }),
  );
});
