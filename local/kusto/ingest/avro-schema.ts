import { parseGuid } from '../values/guid.js';
import { type AvroReader, invalidAvro } from './avro-reader.js';
import {
  bigintFromBytes,
  datetimeNode,
  durationTicks,
  type TimeUnit,
  ticksFromDays,
  ticksSinceEpoch,
} from './binary-values.js';
import { MAX_BINARY_DEPTH } from './limits.js';
import { type RecordNode, TypedValue } from './nodes.js';

/** Reads one value of a schema. */
export type AvroRead = (reader: AvroReader) => RecordNode;

type Json = Readonly<Record<string, unknown>>;

interface Context {
  readonly named: Map<string, AvroRead>;
  readonly namespace: string;
  readonly depth: number;
}

const PRIMITIVES: Readonly<Record<string, AvroRead>> = {
  null: () => null,
  boolean: (r) => r.boolean(),
  int: (r) => r.long(),
  long: (r) => r.long(),
  float: (r) => ({ real: r.float() }),
  double: (r) => ({ real: r.double() }),
  bytes: (r) => new TypedValue('bytes', r.blob()),
  string: (r) => r.string(),
};

const UNITS: Readonly<Record<string, TimeUnit>> = { millis: 'MILLIS', micros: 'MICROS', nanos: 'NANOS' };

function logicalNumber(logical: string): AvroRead | undefined {
  if (logical === 'date') return (r) => datetimeNode(ticksFromDays(r.size()));
  const match = /^(time|timestamp|local-timestamp)-(millis|micros|nanos)$/.exec(logical);
  if (match === null) return undefined;
  const unit = UNITS[match[2]!]!;
  if (match[1] === 'time') return (r) => new TypedValue('timespan', durationTicks(unit, BigInt(r.long())));
  return (r) => datetimeNode(ticksSinceEpoch(unit, BigInt(r.long())));
}

function logicalRead(schema: Json, base: string): AvroRead | undefined {
  const logical = schema['logicalType'];
  if (typeof logical !== 'string') return undefined;
  if (base === 'int' || base === 'long') return logicalNumber(logical);
  if (logical === 'uuid' && base === 'string') {
    return (r) => {
      const text = r.string();
      return parseGuid(text) ?? text;
    };
  }
  if (logical !== 'decimal' || (base !== 'bytes' && base !== 'fixed')) return undefined;
  const scale = Number(schema['scale'] ?? 0);
  if (!Number.isInteger(scale) || scale < 0 || scale > 1000)
    throw invalidAvro('a decimal has no legal scale');
  const size = Number(schema['size'] ?? 0);
  return (r) => {
    const bytes = base === 'bytes' ? r.blob() : r.fixed(size);
    return new TypedValue('decimal', { unscaled: bigintFromBytes(bytes), scale });
  };
}

function fullName(schema: Json, context: Context): string {
  const name = String(schema['name'] ?? '');
  if (name === '') throw invalidAvro('a named type has no name');
  const namespace = String(schema['namespace'] ?? context.namespace);
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
}

function namespaceOf(name: string): string {
  return name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : '';
}

function recordRead(schema: Json, context: Context): AvroRead {
  const name = fullName(schema, context);
  const fields: (readonly [string, AvroRead])[] = [];
  const read: AvroRead = (r) =>
    r.nested(() => {
      const out = new Map<string, RecordNode>();
      r.count(fields.length);
      for (const [key, value] of fields) out.set(key, value(r));
      return out;
    });
  context.named.set(name, read);
  const inner = { ...context, namespace: namespaceOf(name) };
  const list = schema['fields'];
  if (!Array.isArray(list)) throw invalidAvro(`record ${name} has no fields`);
  for (const field of list as readonly Json[])
    fields.push([String(field['name']), compile(field['type'], inner)]);
  return read;
}

function enumRead(schema: Json, context: Context): AvroRead {
  const symbols = schema['symbols'];
  if (!Array.isArray(symbols)) throw invalidAvro('an enum has no symbols');
  const read: AvroRead = (r) => {
    const symbol: unknown = symbols[r.size()];
    if (typeof symbol !== 'string') throw invalidAvro('an enum has an unknown symbol');
    return symbol;
  };
  context.named.set(fullName(schema, context), read);
  return read;
}

function fixedRead(schema: Json, context: Context): AvroRead {
  const size = Number(schema['size']);
  if (!Number.isInteger(size) || size < 0) throw invalidAvro('a fixed type has no size');
  const read = logicalRead(schema, 'fixed') ?? ((r: AvroReader) => new TypedValue('bytes', r.fixed(size)));
  context.named.set(fullName(schema, context), read);
  return read;
}

function arrayRead(schema: Json, context: Context): AvroRead {
  const item = compile(schema['items'], context);
  return (r) =>
    r.nested(() => {
      const out: RecordNode[] = [];
      r.items(() => out.push(item(r)));
      return out;
    });
}

function mapRead(schema: Json, context: Context): AvroRead {
  const value = compile(schema['values'], context);
  return (r) =>
    r.nested(() => {
      const out = new Map<string, RecordNode>();
      r.items(() => {
        const key = r.string();
        out.set(key, value(r));
      });
      return out;
    });
}

function unionRead(branches: readonly unknown[], context: Context): AvroRead {
  const reads = branches.map((branch) => compile(branch, context));
  return (r) => {
    const read = reads[r.size()];
    if (read === undefined) throw invalidAvro('a union has an unknown branch');
    return r.nested(() => read(r));
  };
}

function namedOrPrimitive(name: string, context: Context): AvroRead {
  const primitive = PRIMITIVES[name];
  if (primitive !== undefined) return primitive;
  const qualified = name.includes('.') || context.namespace === '' ? name : `${context.namespace}.${name}`;
  const known = context.named.get(qualified) ?? context.named.get(name);
  if (known === undefined) throw invalidAvro(`its schema does not define ${name}`);
  return known;
}

function compile(schema: unknown, outer: Context): AvroRead {
  const context = { ...outer, depth: outer.depth + 1 };
  if (context.depth > MAX_BINARY_DEPTH) throw invalidAvro('its schema is nested too deeply');
  if (typeof schema === 'string') return namedOrPrimitive(schema, context);
  if (Array.isArray(schema)) return unionRead(schema, context);
  if (typeof schema !== 'object' || schema === null) throw invalidAvro('its schema is malformed');
  const complex = schema as Json;
  const type = complex['type'];
  switch (type) {
    case 'record':
    case 'error':
      return recordRead(complex, context);
    case 'enum':
      return enumRead(complex, context);
    case 'fixed':
      return fixedRead(complex, context);
    case 'array':
      return arrayRead(complex, context);
    case 'map':
      return mapRead(complex, context);
    default:
      return (typeof type === 'string' ? logicalRead(complex, type) : undefined) ?? compile(type, context);
  }
}

/** A reader for values written with `schema`. @throws KustoError `BadRequest_InvalidBlob` */
export function compileAvroSchema(schema: unknown): AvroRead {
  return compile(schema, { named: new Map(), namespace: '', depth: 0 });
}
