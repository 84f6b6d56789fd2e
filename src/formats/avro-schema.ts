import { KfError } from '../runtime/errors.js';

/** A writer schema as a graph; named types are shared, so it may be cyclic. */
export type AvroType =
  | { readonly kind: 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string' }
  | { readonly kind: 'fixed'; readonly size: number }
  | { readonly kind: 'enum'; readonly symbols: number }
  | { readonly kind: 'array' | 'map'; readonly items: AvroType }
  | { readonly kind: 'union'; readonly branches: readonly AvroType[] }
  | { readonly kind: 'record'; readonly fields: AvroType[]; readonly names: string[] };

export interface AvroSchema {
  readonly type: AvroType;
  /** The schema with every reference inlined where it is first used, as a container file must hold it. */
  readonly json: unknown;
}

const primitives: ReadonlySet<string> = new Set([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
]);

/** Deepest nesting of a schema's own text. */
const MAX_SCHEMA_DEPTH = 100;

type Json = Record<string, unknown>;

interface Context {
  readonly references: ReadonlyMap<string, { readonly schema: Json; readonly namespace: string }>;
  readonly known: Map<string, AvroType>;
}

interface Place {
  readonly namespace: string;
  readonly depth: number;
}

const invalid = (why: string): KfError => new KfError('RECORD_NOT_AVRO', `schema: ${why}`);

const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function fullName(name: unknown, namespace: unknown, enclosing: string): string {
  if (typeof name !== 'string' || name === '') {
    throw invalid('a named type has no name');
  }
  if (name.includes('.')) {
    return name;
  }
  const space = typeof namespace === 'string' ? namespace : enclosing;
  return space === '' ? name : `${space}.${name}`;
}

const namespaceOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('.')));

/** Every named type in the references, by full name. */
function collectNamed(
  schema: unknown,
  enclosing: string,
  found: Map<string, { schema: Json; namespace: string }>,
) {
  if (Array.isArray(schema)) {
    for (const branch of schema) {
      collectNamed(branch, enclosing, found);
    }
    return;
  }
  if (!isJson(schema)) {
    return;
  }
  let namespace = enclosing;
  if (schema['type'] === 'record' || schema['type'] === 'enum' || schema['type'] === 'fixed') {
    const name = fullName(schema['name'], schema['namespace'], enclosing);
    found.set(name, { schema, namespace: enclosing });
    namespace = namespaceOf(name);
  }
  for (const field of Array.isArray(schema['fields']) ? schema['fields'] : []) {
    collectNamed(isJson(field) ? field['type'] : undefined, namespace, found);
  }
  collectNamed(schema['items'], namespace, found);
  collectNamed(schema['values'], namespace, found);
  collectNamed(isJson(schema['type']) ? schema['type'] : undefined, namespace, found);
}

function byName(name: string, context: Context, place: Place): AvroSchema {
  if (primitives.has(name)) {
    return { type: { kind: name } as AvroType, json: name };
  }
  const full = fullName(name, undefined, place.namespace);
  for (const candidate of [full, name]) {
    const known = context.known.get(candidate);
    if (known !== undefined) {
      return { type: known, json: candidate };
    }
    const reference = context.references.get(candidate);
    if (reference !== undefined) {
      return parse(reference.schema, context, { namespace: reference.namespace, depth: place.depth + 1 });
    }
  }
  throw invalid(`the type ${JSON.stringify(name)} is not known`);
}

function parseRecord(schema: Json, context: Context, place: Place): AvroSchema {
  const name = fullName(schema['name'], schema['namespace'], place.namespace);
  const names: string[] = [];
  const fields: AvroType[] = [];
  const type: AvroType = { kind: 'record', fields, names };
  context.known.set(name, type);
  const inner = { namespace: namespaceOf(name), depth: place.depth + 1 };
  const given = Array.isArray(schema['fields']) ? (schema['fields'] as unknown[]) : [];
  const json = given.map((field) => {
    if (!isJson(field) || typeof field['name'] !== 'string') {
      throw invalid(`a field of ${name} has no name`);
    }
    const parsed = parse(field['type'], context, inner);
    names.push(field['name']);
    fields.push(parsed.type);
    return { ...field, type: parsed.json };
  });
  return { type, json: { ...schema, ...ownName(name), fields: json } };
}

/** A definition that moves to another place must not take that place's namespace. */
function ownName(name: string): Json {
  const dot = name.lastIndexOf('.');
  return { name: name.slice(dot + 1), namespace: name.slice(0, Math.max(0, dot)) };
}

function parseSimpleNamed(schema: Json, context: Context, place: Place): AvroSchema {
  const name = fullName(schema['name'], schema['namespace'], place.namespace);
  const size = schema['size'];
  const symbols = schema['symbols'];
  let type: AvroType;
  if (schema['type'] === 'fixed') {
    if (!Number.isSafeInteger(size) || (size as number) < 0) {
      throw invalid(`the fixed type ${name} has no size`);
    }
    type = { kind: 'fixed', size: size as number };
  } else if (Array.isArray(symbols)) {
    type = { kind: 'enum', symbols: symbols.length };
  } else {
    throw invalid(`the enum ${name} has no symbols`);
  }
  context.known.set(name, type);
  return { type, json: { ...schema, ...ownName(name) } };
}

function parse(schema: unknown, context: Context, place: Place): AvroSchema {
  if (place.depth > MAX_SCHEMA_DEPTH) {
    throw invalid(`nested deeper than ${MAX_SCHEMA_DEPTH}`);
  }
  const inner = { ...place, depth: place.depth + 1 };
  if (typeof schema === 'string') {
    return byName(schema, context, place);
  }
  if (Array.isArray(schema)) {
    const branches = schema.map((branch) => parse(branch, context, inner));
    return {
      type: { kind: 'union', branches: branches.map(({ type }) => type) },
      json: branches.map(({ json }) => json),
    };
  }
  if (!isJson(schema)) {
    throw invalid('a type is neither a name, an object nor a union');
  }
  switch (schema['type']) {
    case 'record':
    case 'error':
      return parseRecord(schema, context, place);
    case 'enum':
    case 'fixed':
      return parseSimpleNamed(schema, context, place);
    case 'array':
    case 'map': {
      const member = schema['type'] === 'array' ? 'items' : 'values';
      const items = parse(schema[member], context, inner);
      return { type: { kind: schema['type'], items: items.type }, json: { ...schema, [member]: items.json } };
    }
    default: {
      const parsed = parse(schema['type'], context, inner);
      return { type: parsed.type, json: { ...schema, type: parsed.json } };
    }
  }
}

/**
 * Reads a writer schema and inlines what it refers to.
 * @throws KfError RECORD_NOT_AVRO
 */
export function parseAvroSchema(schema: unknown, references: readonly unknown[] = []): AvroSchema {
  const named = new Map<string, { schema: Json; namespace: string }>();
  for (const reference of references) {
    collectNamed(reference, '', named);
  }
  return parse(schema, { references: named, known: new Map() }, { namespace: '', depth: 0 });
}
