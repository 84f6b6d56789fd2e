import { z } from 'zod';
import { nearest } from './nearest.js';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.js';

/**
 * The kinds of value that pipeline.yaml knows. Each carries its meaning and default as metadata, from which the
 * JSON Schema and docs/configuration.md are generated. Numbers and booleans may come as text, because an app
 * setting always is text.
 */
export interface FieldOptions<T> {
  /** What the key means; one sentence. */
  readonly doc: string;
  readonly default?: T;
}

export interface NumberOptions extends FieldOptions<number> {
  readonly default: number;
  readonly min?: number;
  readonly max?: number;
}

interface Scale {
  readonly unit: 'bytes' | 'ms' | 'count';
  readonly examples: string;
  readonly parse: (value: number | string) => number | undefined;
  readonly format: (value: number) => string;
}

const sizes: Scale = { unit: 'bytes', examples: '1048576 or 64MiB', parse: parseSize, format: formatSize };
const durations: Scale = {
  unit: 'ms',
  examples: '30000 or 30s',
  parse: parseDuration,
  format: formatDuration,
};
const counts: Scale = {
  unit: 'count',
  examples: '500',
  parse: (value) => {
    const count = typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) : value;
    return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined;
  },
  format: String,
};

function numeric(scale: Scale, options: NumberOptions) {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = options;
  const what = scale.unit === 'bytes' ? 'a size' : scale.unit === 'ms' ? 'a duration' : 'a whole number';
  const expected = `write ${what} such as ${scale.examples}`;
  const range = [
    ...(min > 0 ? [`from ${scale.format(min)}`] : []),
    ...(max < Number.MAX_SAFE_INTEGER ? [`up to ${scale.format(max)}`] : []),
  ].join(' ');
  return z
    .union([z.number(), z.string()], { error: (issue) => `${show(issue.input)} is not ${what}; ${expected}` })
    .transform((value, context) => {
      const parsed = scale.parse(value);
      if (parsed === undefined) {
        context.addIssue({ code: 'custom', message: `${show(value)} is not ${what}; ${expected}` });
        return z.NEVER;
      }
      if (parsed < min || parsed > max) {
        const bound = parsed < min ? `at least ${scale.format(min)}` : `at most ${scale.format(max)}`;
        context.addIssue({ code: 'custom', message: `${show(value)} is out of range; write ${bound}` });
        return z.NEVER;
      }
      return parsed;
    })
    .default(options.default)
    .meta({
      description: options.doc,
      'x-unit': scale.unit,
      'x-default': scale.format(options.default),
      'x-range': range,
    });
}

export const size = (options: NumberOptions) => numeric(sizes, options);
export const duration = (options: NumberOptions) => numeric(durations, options);
export const count = (options: NumberOptions) => numeric(counts, options);

/** A size without a default: the caller decides from the other keys. */
export function optionalSize(options: Omit<NumberOptions, 'default'>) {
  return numeric(sizes, { ...options, default: 0 })
    .removeDefault()
    .optional()
    .meta({
      description: options.doc,
      'x-unit': 'bytes',
    });
}

/** A duration whose default follows from something else, which `default` says in words. */
export function derivedDuration(options: Omit<NumberOptions, 'default'> & { readonly default: string }) {
  const { default: told, ...rest } = options;
  const field = duration({ ...rest, default: 0 });
  return field
    .removeDefault()
    .optional()
    .meta({ ...field.meta(), description: options.doc, 'x-default': told });
}

export function flag(options: Required<FieldOptions<boolean>>) {
  return z
    .union([z.boolean(), z.enum(['true', 'false'])], {
      error: (issue) => `${show(issue.input)} is neither true nor false`,
    })
    .transform((value) => value === true || value === 'true')
    .default(options.default)
    .meta({ description: options.doc, 'x-default': String(options.default) });
}

/** Text that is not empty. A number is refused rather than re-printed: `007` would lose its zeros. */
export function text(doc: string, pattern?: { readonly regex: RegExp; readonly expected: string }) {
  const base = z.string({
    error: (issue) =>
      issue.input === undefined
        ? 'is required'
        : `is a ${kindOf(issue.input)}, not text; ${typeof issue.input === 'object' ? 'write one value' : 'write it in quotes'}`,
  });
  const whole = base.min(1, { error: 'is empty' });
  const checked =
    pattern === undefined
      ? whole
      : whole.regex(pattern.regex, {
          error: (issue) => `${show(issue.input)} is not allowed; ${pattern.expected}`,
        });
  return checked.meta({ description: doc });
}

/** Text or nothing; an empty value counts as nothing, so that an app setting can be left blank. */
export const optionalText = (doc: string, pattern?: { readonly regex: RegExp; readonly expected: string }) =>
  text(doc, pattern).optional().meta({ description: doc });

type Choices = readonly [string, ...string[]];

export const choiceError =
  (values: Choices) =>
  (issue: { readonly input?: unknown }): string => {
    if (issue.input === undefined) {
      return `is required; write one of ${values.join(', ')}`;
    }
    const close = typeof issue.input === 'string' ? nearest(issue.input, values) : undefined;
    const hint =
      close === undefined
        ? `write one of ${values.join(', ')}`
        : `did you mean ${close}? (${values.join(', ')})`;
    return `${show(issue.input)} is not known; ${hint}`;
  };

export const requiredChoice = <const T extends Choices>(values: T, doc: string) =>
  z.enum(values, { error: choiceError(values) }).meta({ description: doc });

export function choice<const T extends Choices>(values: T, options: Required<FieldOptions<T[number]>>) {
  return z
    .enum(values, { error: choiceError(values) })
    .default(options.default as never)
    .meta({ description: options.doc, 'x-default': options.default });
}

export function textList(doc: string, pattern?: { readonly regex: RegExp; readonly expected: string }) {
  return z
    .array(text(doc, pattern), { error: (issue) => `${show(issue.input)} is not a list; write [a, b]` })
    .default([])
    .meta({ description: doc, 'x-default': '[]' });
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'list' : typeof value === 'object' ? 'map' : typeof value;
}

/** A value in a message: short, and never the whole of a long text. */
export function show(value: unknown): string {
  const shown = JSON.stringify(value) ?? 'nothing';
  return shown.length > 60 ? `${shown.slice(0, 57)}…` : shown;
}
