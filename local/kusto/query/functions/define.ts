import type { Cell, ScalarType } from '../../store/types.js';
import { castExpr, rowExpr } from '../expressions/basic.js';
import { isInteger, isNumeric } from '../expressions/types.js';
import { semanticError } from '../failures.js';
import type { Expr, PlanColumn } from '../plan/types.js';

/** Where and when a function is called. */
export interface CallSite {
  readonly name: string;
  /** Ticks of `now()`, the same during the whole query. */
  readonly now: bigint;
  readonly database: string;
  /** Columns of the row the call stands in. */
  readonly columns: readonly PlanColumn[];
}

export type FunctionBinder = (args: readonly Expr[], site: CallSite) => Expr;

export type FunctionTable = Map<string, FunctionBinder>;

/**
 * What a parameter takes: a type (with the implicit conversions from narrower types and from dynamic), `text`
 * (anything, as `tostring` gives it), `number` (any numeric type, kept), `any`.
 */
type ParameterKind = ScalarType | 'text' | 'number' | 'any';

interface Parameter {
  readonly kind: ParameterKind;
  readonly optional: boolean;
  readonly repeated: boolean;
}

interface Signature {
  readonly parameters: readonly Parameter[];
  readonly least: number;
  readonly most: number;
}

/** Parameters apart by spaces; `?` marks an optional, `*` a repeated one. */
function parseSignature(text: string): Signature {
  const parameters = text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => ({
      kind: word.replace(/[?*]$/, '') as ParameterKind,
      optional: word.endsWith('?') || word.endsWith('*'),
      repeated: word.endsWith('*'),
    }));
  const repeated = parameters.some((parameter) => parameter.repeated);
  return {
    parameters,
    least: parameters.filter((parameter) => !parameter.optional).length,
    most: repeated ? Number.POSITIVE_INFINITY : parameters.length,
  };
}

function wrongArgument(site: CallSite, position: number, wanted: string, got: ScalarType): Error {
  return semanticError(
    'SEM0234',
    `${site.name}(): argument #${position} must be a ${wanted} value, not one of type ${got}`,
  );
}

function numberArgument(arg: Expr, site: CallSite, position: number): Expr {
  if (isNumeric(arg.type)) return arg;
  if (arg.type === 'dynamic' || arg.type === 'bool')
    return castExpr(arg, arg.type === 'bool' ? 'long' : 'real');
  throw wrongArgument(site, position, 'numeric', arg.type);
}

function convertArgument(arg: Expr, kind: ParameterKind, site: CallSite, position: number): Expr {
  if (kind === 'any' || kind === arg.type) return arg;
  if (kind === 'text') return castExpr(arg, 'string');
  if (kind === 'number') return numberArgument(arg, site, position);
  const widens =
    arg.type === 'dynamic' ||
    (kind === 'long' && isInteger(arg.type)) ||
    (kind === 'int' && isInteger(arg.type)) ||
    (kind === 'real' && isNumeric(arg.type)) ||
    (kind === 'decimal' && isNumeric(arg.type));
  if (!widens) throw wrongArgument(site, position, kind, arg.type);
  return castExpr(arg, kind);
}

function checkCount(count: number, signature: Signature, site: CallSite): void {
  if (count >= signature.least && count <= signature.most) return;
  const expected =
    signature.most === signature.least
      ? `${signature.least}`
      : `${signature.least} to ${Number.isFinite(signature.most) ? signature.most : 'many'}`;
  throw semanticError('SEM0219', `${site.name}(): function expects ${expected} argument(s), got ${count}`);
}

/**
 * Arguments checked and converted as a signature says.
 * @throws KustoError SEM0219 for a wrong count, SEM0234 for a wrong type
 */
export function convertArguments(signature: string, args: readonly Expr[], site: CallSite): readonly Expr[] {
  const parsed = parseSignature(signature);
  checkCount(args.length, parsed, site);
  return args.map((arg, index) => {
    const parameter = parsed.parameters[Math.min(index, parsed.parameters.length - 1)]!;
    return convertArgument(arg, parameter.kind, site, index + 1);
  });
}

export interface DefineOptions {
  /** The function wants to see nulls; by default a null argument gives null. */
  readonly seesNulls?: boolean;
  readonly volatile?: boolean;
}

type Result = ScalarType | ((types: readonly ScalarType[]) => ScalarType);

/** Adds functions of one row: name or names, signature, result type, body. */
export function definer(table: FunctionTable) {
  return (
    names: string,
    [signature, result]: readonly [string, Result],
    // biome-ignore lint/suspicious/noExplicitAny: bodies state the cell types their signature guarantees
    fn: (...args: any[]) => Cell,
    options: DefineOptions = {},
  ): void => {
    const bind: FunctionBinder = (args, site) => {
      const converted = convertArguments(signature, args, site);
      const type = typeof result === 'string' ? result : result(converted.map((arg) => arg.type));
      return rowExpr(type, converted, fn, {
        strict: options.seesNulls !== true,
        volatile: options.volatile === true,
      });
    };
    for (const name of names.split(' ')) table.set(name, bind);
  };
}
