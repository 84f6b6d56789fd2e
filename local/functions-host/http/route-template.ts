import { HostError } from '../errors.js';
import { type Constraint, parseConstraint } from './route-constraints.js';

interface Parameter {
  name: string;
  optional: boolean;
  catchAll: boolean;
  defaultValue?: string;
  constraints: Constraint[];
}

type Part = { literal: string } | { parameter: Parameter };

/** A parsed route template: ASP.NET routing syntax, as in the `route` of an HTTP trigger. */
export interface RouteTemplate {
  readonly text: string;
  readonly segments: readonly Part[][];
  /** Orders routes: literals before constrained parameters before free ones before catch-alls. */
  readonly precedence: readonly number[];
}

function bad(template: string, why: string): HostError {
  return new HostError('binding-invalid', `route "${template}" ${why}`);
}

/** Splits at `separator` outside of braces and parentheses. */
function splitOutside(text: string, separator: string): string[] {
  const pieces = [''];
  let depth = 0;
  for (const char of text) {
    if (char === '{' || char === '(') depth += 1;
    if (char === '}' || char === ')') depth -= 1;
    if (char === separator && depth === 0) pieces.push('');
    else pieces[pieces.length - 1] += char;
  }
  return pieces;
}

function parseParameter(body: string, template: string): Parameter {
  const stars = /^\*{1,2}/.exec(body)?.[0] ?? '';
  let rest = body.slice(stars.length);
  const optional = rest.endsWith('?');
  if (optional) rest = rest.slice(0, -1);
  const [declaration = '', ...defaults] = splitOutside(rest, '=');
  const [name = '', ...constraints] = splitOutside(declaration, ':');
  if (!/^[A-Za-z_][\w-]*$/.test(name))
    throw bad(template, `has a parameter without a usable name: {${body}}`);
  return {
    name,
    optional,
    catchAll: stars !== '',
    defaultValue: defaults.length > 0 ? defaults.join('=') : undefined,
    constraints: constraints.map((text) =>
      parseConstraint(text.replaceAll('{{', '{').replaceAll('}}', '}'), template),
    ),
  };
}

/** Index just after the brace that closes the parameter opened before `from`; doubled braces inside `(…)` are text. */
function parameterEnd(segment: string, from: number, template: string): number {
  let parentheses = 0;
  for (let at = from; at < segment.length; at += 1) {
    const char = segment[at];
    if (char === '(') parentheses += 1;
    else if (char === ')') parentheses -= 1;
    else if (char === '}' && parentheses <= 0) return at + 1;
  }
  throw bad(template, 'has a "{" that is never closed');
}

function parseSegment(segment: string, template: string): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < segment.length; ) {
    if (segment[at] === '{') {
      const end = parameterEnd(segment, at + 1, template);
      parts.push({ parameter: parseParameter(segment.slice(at + 1, end - 1), template) });
      at = end;
    } else {
      const next = segment.indexOf('{', at);
      const end = next < 0 ? segment.length : next;
      parts.push({ literal: segment.slice(at, end) });
      at = end;
    }
  }
  return parts;
}

function segmentPrecedence(parts: readonly Part[]): number {
  const [first] = parts;
  if (parts.length > 1) return 2;
  if (!first || 'literal' in first) return 1;
  const base = first.parameter.catchAll ? 5 : 3;
  return first.parameter.constraints.length > 0 ? base - 1 : base;
}

/**
 * Parses a route template such as `items/{id:int}/{*rest}`.
 * @throws HostError `binding-invalid` naming the template
 */
export function parseRouteTemplate(text: string): RouteTemplate {
  const trimmed = text.replace(/^\/+|\/+$/g, '');
  const segments =
    trimmed === '' ? [] : splitOutside(trimmed, '/').map((segment) => parseSegment(segment, text));
  segments.forEach((parts, index) => {
    const catchAll = parts.some((part) => 'parameter' in part && part.parameter.catchAll);
    if (catchAll && (index < segments.length - 1 || parts.length > 1)) {
      throw bad(text, 'has a catch-all that is not the last segment');
    }
  });
  return { text, segments, precedence: segments.map(segmentPrecedence) };
}

const escapePattern = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Matches every part of a segment; a parameter takes as much as it can. */
function matchParts(parts: readonly Part[], value: string): Record<string, string> | undefined {
  const names: string[] = [];
  const pattern = parts.map((part) => {
    if ('literal' in part) return escapePattern(part.literal);
    names.push(part.parameter.name);
    return '(.+)';
  });
  const match = new RegExp(`^${pattern.join('')}$`, 'i').exec(value);
  return match ? Object.fromEntries(names.map((name, index) => [name, match[index + 1] ?? ''])) : undefined;
}

/** Matches a segment made of several parts; an optional last parameter may be absent, with the `.` before it. */
function matchComplex(parts: readonly Part[], value: string, found: Record<string, string>): boolean {
  const last = parts.at(-1);
  const before = parts.at(-2);
  const droppable =
    last &&
    'parameter' in last &&
    last.parameter.optional &&
    before &&
    'literal' in before &&
    before.literal === '.';
  const values = matchParts(parts, value) ?? (droppable ? matchParts(parts.slice(0, -2), value) : undefined);
  Object.assign(found, values);
  return values !== undefined;
}

function matchParameter(
  parameter: Parameter,
  rest: readonly string[],
  found: Record<string, string>,
): boolean {
  const value = parameter.catchAll ? rest.join('/') : rest[0];
  if (value === undefined || value === '') {
    if (parameter.defaultValue !== undefined) found[parameter.name] = parameter.defaultValue;
    return parameter.catchAll || parameter.optional || parameter.defaultValue !== undefined;
  }
  found[parameter.name] = value;
  return true;
}

function satisfied(template: RouteTemplate, found: Readonly<Record<string, string>>): boolean {
  return template.segments.every((parts) =>
    parts.every((part) => {
      if ('literal' in part) return true;
      const value = found[part.parameter.name];
      return value === undefined || part.parameter.constraints.every((holds) => holds(value));
    }),
  );
}

/**
 * Matches the decoded segments of a path; literals match in any case.
 * @returns the route values, or undefined when the path does not fit
 */
export function matchRoute(
  template: RouteTemplate,
  path: readonly string[],
): Record<string, string> | undefined {
  const found: Record<string, string> = {};
  let sawCatchAll = false;
  for (const [index, parts] of template.segments.entries()) {
    const [first] = parts;
    if (parts.length === 1 && first && 'parameter' in first) {
      sawCatchAll ||= first.parameter.catchAll;
      if (!matchParameter(first.parameter, path.slice(index), found)) return undefined;
      continue;
    }
    const value = path[index];
    if (value === undefined) return undefined;
    if (parts.length > 1) {
      if (!matchComplex(parts, value, found)) return undefined;
    } else if (first && 'literal' in first && first.literal.toLowerCase() !== value.toLowerCase())
      return undefined;
  }
  if (!sawCatchAll && path.length > template.segments.length) return undefined;
  return satisfied(template, found) ? found : undefined;
}

/** Sort order of two templates: the more specific first. */
export function comparePrecedence(left: RouteTemplate, right: RouteTemplate): number {
  const length = Math.max(left.precedence.length, right.precedence.length);
  for (let index = 0; index < length; index += 1) {
    const difference = (left.precedence[index] ?? 0) - (right.precedence[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
