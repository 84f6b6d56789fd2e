import { z } from 'zod';
import type { SchemaNode } from './issues.js';
import { createPipelineSchema } from './schema.js';

/** Keys of the generated schema that only our own tools read. */
const ownKeys = new Set(['x-unit', 'x-default', 'x-range']);

/** The schema as data, with units and defaults as written; source of the reference and of the key check. */
export function pipelineSchemaTree(): SchemaNode {
  const schema = createPipelineSchema(Number.POSITIVE_INFINITY);
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as SchemaNode;
}

/** A text that an app setting replaces. */
const settingText = { type: 'string', pattern: '%[A-Za-z_][A-Za-z0-9_.:-]*%' };

function cleanNode(source: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = Object.entries(source)
    .filter(([key, value]) => !ownKeys.has(key) && !(key === 'default' && typeof value === 'object'))
    .map(([key, value]) => [key === 'oneOf' ? 'anyOf' : key, clean(value)] as const);
  const node = Object.fromEntries(kept) as Record<string, unknown>;
  if (source['type'] === 'object' && source['additionalProperties'] === undefined) {
    return { ...node, additionalProperties: false };
  }
  if (source['type'] === 'string' && ['enum', 'const', 'pattern'].some((key) => key in source)) {
    const { description, default: fallback, ...rest } = node;
    const told = {
      ...(description === undefined ? {} : { description }),
      ...(fallback === undefined ? {} : { default: fallback }),
    };
    return { ...told, anyOf: [rest, settingText] };
  }
  return node;
}

function clean(node: unknown): unknown {
  if (Array.isArray(node)) {
    return node.map(clean);
  }
  if (node === null || typeof node !== 'object') {
    return node;
  }
  const source = node as Readonly<Record<string, unknown>>;
  if (source['properties'] !== undefined) {
    const properties = Object.entries(source['properties'] as object).map(([key, value]) => [
      key,
      clean(value),
    ]);
    const { properties: _, ...rest } = source;
    return { ...cleanNode(rest), properties: Object.fromEntries(properties) };
  }
  return cleanNode(source);
}

/** JSON Schema of pipeline.yaml for editors: unknown keys are marked, `%SETTING%` fits wherever text does. */
export function pipelineJsonSchema(): Record<string, unknown> {
  const tree = clean(pipelineSchemaTree()) as Record<string, unknown>;
  return { ...tree, title: 'pipeline.yaml of kusto-functions' };
}
