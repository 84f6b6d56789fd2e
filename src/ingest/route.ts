import { type AllowList, createAllowList } from '../config/allow-list.js';
import type { DataFormat, RouteConfig } from '../config/types.js';
import { formatKind, parseFormat } from '../formats/kinds.js';
import { KfError } from '../runtime/errors.js';
import type { Target } from './types.js';

/** A target with the key by which records share a batch. The same target is the same object. */
export interface RoutedTarget {
  readonly key: string;
  readonly target: Target;
}

/** What a record or a transform may say about where it goes; absent members keep the route's. */
export interface TargetOverride {
  readonly database?: string;
  readonly table?: string;
  readonly format?: string;
  readonly mapping?: string;
  readonly tags?: readonly string[];
}

export interface Routed {
  readonly target: RoutedTarget;
  /** From the `Compression` property; otherwise the body's first bytes decide. */
  readonly compression?: 'gzip' | 'none';
  /** Label from the `Encoding` property. */
  readonly encoding?: string;
}

export interface Router {
  /** The route as configured. */
  readonly base: RoutedTarget;
  /** @throws KfError ROUTE_NOT_ALLOWED, FORMAT_UNKNOWN, RECORD_NOT_GZIP */
  fromProperties(properties: Readonly<Record<string, unknown>>): Routed;
  /** @throws KfError ROUTE_NOT_ALLOWED, FORMAT_UNKNOWN */
  override(from: RoutedTarget, change: TargetOverride): RoutedTarget;
  /** The same target with other facts, such as a field count. */
  variant(
    from: RoutedTarget,
    change: Partial<Pick<Target, 'fieldCount' | 'schemaId' | 'delivery'>>,
  ): RoutedTarget;
}

/** Targets remembered by key; beyond it all are forgotten and made anew. */
const MAX_KNOWN_TARGETS = 10_000;

const dynamicNames = [
  'database',
  'table',
  'format',
  'ingestionmappingreference',
  'compression',
  'encoding',
  'tags',
] as const;
type DynamicName = (typeof dynamicNames)[number];
const dynamicNameSet: ReadonlySet<string> = new Set(dynamicNames);
const lengths: ReadonlySet<number> = new Set(dynamicNames.map((name) => name.length));

/** Property names that routing reads, in lower case; a piece cut out of a body no longer has them. */
export const bodyFormProperties: ReadonlySet<string> = new Set(['compression', 'encoding']);

function readDynamic(
  properties: Readonly<Record<string, unknown>>,
): Partial<Record<DynamicName, unknown>> | undefined {
  let found: Partial<Record<DynamicName, unknown>> | undefined;
  for (const name of Object.keys(properties)) {
    if (lengths.has(name.length)) {
      const lower = name.toLowerCase();
      const value = properties[name];
      if (dynamicNameSet.has(lower) && value !== undefined && value !== null && value !== '') {
        found ??= {};
        found[lower as DynamicName] = value;
      }
    }
  }
  return found;
}

function parseTags(value: unknown): readonly string[] {
  if (Array.isArray(value)) {
    return value.map(String);
  }
  const text = String(value).trim();
  if (text.startsWith('[')) {
    try {
      return (JSON.parse(text) as unknown[]).map(String);
    } catch {
      return [text];
    }
  }
  return [text];
}

function parseCompression(value: unknown): 'gzip' | 'none' {
  const name = String(value).trim().toLowerCase();
  if (name === 'gzip' || name === 'none') {
    return name;
  }
  throw new KfError(
    'RECORD_NOT_GZIP',
    `property Compression: ${JSON.stringify(name.slice(0, 50))} is not supported; use gzip or none`,
  );
}

function keyOf(target: Target): string {
  const { database, table, format, mapping, tags, fieldCount, schemaId } = target;
  const { delivery, staging, flushImmediately } = target;
  return JSON.stringify([
    database,
    table,
    format,
    mapping,
    tags,
    fieldCount,
    schemaId,
    delivery,
    staging,
    flushImmediately,
  ]);
}

/** Streaming takes neither tags nor inline mappings: such a record goes queued. */
function deliveryOf(target: Target): Target['delivery'] {
  const streamable =
    target.tags.length === 0 && (target.mapping === undefined || typeof target.mapping === 'string');
  return target.delivery === 'streaming' && !streamable ? 'queued' : target.delivery;
}

function sameMappingKind(left: DataFormat, right: DataFormat): boolean {
  const kind = formatKind(left);
  return left === right || (kind === 'delimited' && formatKind(right) === 'delimited');
}

function changed(base: Target, change: TargetOverride): Target {
  const format = change.format === undefined ? base.format : parseFormat(change.format);
  const inherited = sameMappingKind(base.format, format) ? base.mapping : undefined;
  const { mapping: _mapping, fieldCount: _fieldCount, schemaId: _schemaId, ...rest } = base;
  const mapping = change.mapping ?? inherited;
  const target: Target = {
    ...rest,
    database: change.database ?? base.database,
    table: change.table ?? base.table,
    format,
    ...(mapping === undefined ? {} : { mapping }),
    tags: change.tags === undefined ? base.tags : [...base.tags, ...change.tags],
  };
  return { ...target, delivery: deliveryOf(target) };
}

function baseTarget(route: RouteConfig): Target {
  return {
    database: route.database,
    table: route.table,
    format: route.format,
    ...(route.mapping === undefined ? {} : { mapping: route.mapping }),
    tags: [...route.tags.additional, ...route.tags.dropBy.map((tag) => `drop-by:${tag}`)],
    delivery: route.delivery,
    staging: route.staging,
    flushImmediately: route.flushImmediately,
  };
}

function requireAllowed(allow: AllowList, base: Target, target: Target): void {
  const moved = target.database !== base.database || target.table !== base.table;
  if (moved && !allow.allows(target.database, target.table)) {
    throw new KfError(
      'ROUTE_NOT_ALLOWED',
      `target ${target.database}.${target.table}: outside the route's dynamic.allow`,
      { fields: { database: target.database, table: target.table } },
    );
  }
}

function overrideFrom(dynamic: Partial<Record<DynamicName, unknown>>): TargetOverride {
  const text = (value: unknown): string | undefined => (value === undefined ? undefined : String(value));
  const database = text(dynamic.database);
  const table = text(dynamic.table);
  const format = text(dynamic.format);
  const mapping = text(dynamic.ingestionmappingreference);
  return {
    ...(database === undefined ? {} : { database }),
    ...(table === undefined ? {} : { table }),
    ...(format === undefined ? {} : { format }),
    ...(mapping === undefined ? {} : { mapping }),
    ...(dynamic.tags === undefined ? {} : { tags: parseTags(dynamic.tags) }),
  };
}

/**
 * Decides where a record goes: what its properties name (without regard to case), inside the allow-list, else the
 * static route. With an empty allow-list properties are not looked at.
 */
export function createRouter(route: RouteConfig): Router {
  const allow = createAllowList(route.dynamicAllow);
  const known = new Map<string, RoutedTarget>();
  const intern = (target: Target): RoutedTarget => {
    const key = keyOf(target);
    const existing = known.get(key);
    if (existing !== undefined) {
      return existing;
    }
    if (known.size >= MAX_KNOWN_TARGETS) {
      known.clear();
    }
    const routed = { key, target };
    known.set(key, routed);
    return routed;
  };
  const base = intern(baseTarget(route));
  const unchanged: Routed = { target: base };
  const override = (from: RoutedTarget, change: TargetOverride): RoutedTarget => {
    const target = changed(from.target, change);
    requireAllowed(allow, base.target, target);
    return intern(target);
  };
  return {
    base,
    override,
    fromProperties: (properties) => {
      const dynamic = allow.empty ? undefined : readDynamic(properties);
      if (dynamic === undefined) {
        return unchanged;
      }
      return {
        target: override(base, overrideFrom(dynamic)),
        ...(dynamic.compression === undefined ? {} : { compression: parseCompression(dynamic.compression) }),
        ...(dynamic.encoding === undefined ? {} : { encoding: String(dynamic.encoding) }),
      };
    },
    variant: (from, change) => intern({ ...from.target, ...change }),
  };
}
