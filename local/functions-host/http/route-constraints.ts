import { HostError } from '../errors.js';

/** Says whether one route value is acceptable. */
export type Constraint = (value: string) => boolean;

const INT32_MAX = 2_147_483_647n;
const INT64_MAX = 9_223_372_036_854_775_807n;

function isWhole(value: string, max: bigint): boolean {
  if (!/^[+-]?\d{1,20}$/.test(value)) return false;
  const number = BigInt(value.replace(/^\+/, ''));
  return number <= max && number >= -max - 1n;
}

const isNumber: Constraint = (value) => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value);

const SIMPLE: Readonly<Record<string, Constraint>> = {
  int: (value) => isWhole(value, INT32_MAX),
  long: (value) => isWhole(value, INT64_MAX),
  bool: (value) => /^(true|false)$/i.test(value),
  alpha: (value) => /^[a-z]*$/i.test(value),
  guid: (value) => /^\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$/i.test(value),
  datetime: (value) => /\d/.test(value) && !Number.isNaN(Date.parse(value)),
  decimal: isNumber,
  double: isNumber,
  float: isNumber,
  required: (value) => value !== '',
};

type Maker = (values: number[]) => Constraint;

const WITH_NUMBERS: Readonly<Record<string, Maker>> = {
  minlength:
    ([least = 0]) =>
    (value) =>
      value.length >= least,
  maxlength:
    ([most = 0]) =>
    (value) =>
      value.length <= most,
  length:
    ([least = 0, most = least]) =>
    (value) =>
      value.length >= least && value.length <= most,
  min:
    ([least = 0]) =>
    (value) =>
      isWhole(value, INT64_MAX) && Number(value) >= least,
  max:
    ([most = 0]) =>
    (value) =>
      isWhole(value, INT64_MAX) && Number(value) <= most,
  range:
    ([least = 0, most = least]) =>
    (value) =>
      isWhole(value, INT64_MAX) && Number(value) >= least && Number(value) <= most,
};

/**
 * Reads one inline constraint (`int`, `length(2,5)`, `regex(^a+$)`).
 * @throws HostError `binding-invalid` for a constraint ASP.NET routing does not have
 */
export function parseConstraint(text: string, template: string): Constraint {
  const [, name = '', body] = /^([a-z]+)(?:\((.*)\))?$/is.exec(text) ?? [];
  const key = name.toLowerCase();
  const simple = SIMPLE[key];
  if (simple && body === undefined) return simple;
  const maker = WITH_NUMBERS[key];
  if (maker && body !== undefined) {
    const values = body.split(',').map(Number);
    if (values.length > 0 && values.every((value) => Number.isFinite(value))) return maker(values);
  }
  if (key === 'regex' && body !== undefined) {
    const pattern = new RegExp(body, 'i');
    return (value) => pattern.test(value);
  }
  throw new HostError('binding-invalid', `route "${template}" has an unknown constraint "${text}"`);
}
