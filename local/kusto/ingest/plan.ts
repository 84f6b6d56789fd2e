import type { MappingElement, MappingKind } from '../catalog/types.js';
import type { Cell, ColumnSchema } from '../store/types.js';
import { parseCell } from '../values/cell.js';
import { badData } from './errors.js';
import { type PathStep, parsePath } from './json-path.js';

export const TRANSFORMS = [
  'PropertyBagArrayToDictionary',
  'SourceLocation',
  'SourceLineNumber',
  'DateTimeFromUnixSeconds',
  'DateTimeFromUnixMilliseconds',
  'DateTimeFromUnixMicroseconds',
  'DateTimeFromUnixNanoseconds',
  'DropMappedFields',
  'BytesAsBase64',
] as const;

export type Transform = (typeof TRANSFORMS)[number];

/** Where the values of a column come from. */
export type Source =
  | { readonly kind: 'missing' }
  | { readonly kind: 'constant'; readonly cell: Cell }
  | { readonly kind: 'location' }
  | { readonly kind: 'line' }
  | { readonly kind: 'ordinal'; readonly ordinal: number }
  | { readonly kind: 'path'; readonly path: readonly PathStep[] };

/** How one column of the table is filled. */
export interface Target {
  readonly column: ColumnSchema;
  readonly source: Source;
  readonly transform: Transform | undefined;
  /** With `DropMappedFields`: paths below this one that other columns take. */
  readonly dropped: readonly (readonly PathStep[])[];
}

function invalid(reason: string): Error {
  return badData('BadRequest_InvalidMapping', `The ingestion mapping is invalid: ${reason}`);
}

function transformOf(element: MappingElement): Transform | undefined {
  const given = element.properties.transform;
  if (given === undefined || given.toLowerCase() === 'none') return undefined;
  const known = TRANSFORMS.find((name) => name.toLowerCase() === given.toLowerCase());
  if (known === undefined) throw invalid(`transform ${given} of column ${element.column} is not known`);
  return known;
}

function binaryPath(element: MappingElement): readonly PathStep[] {
  const { path, field } = element.properties;
  if (path !== undefined) return path.trim().startsWith('$') ? parsePath(path) : [path];
  if (field !== undefined) return [field];
  throw invalid(`column ${element.column} has neither a path nor a field`);
}

function sourceOf(element: MappingElement, column: ColumnSchema, kind: MappingKind): Source {
  const { constValue, ordinal, path } = element.properties;
  const transform = transformOf(element);
  if (transform === 'SourceLocation') return { kind: 'location' };
  if (transform === 'SourceLineNumber') return { kind: 'line' };
  if (constValue !== undefined) return { kind: 'constant', cell: parseCell(column.type, constValue) };
  if (kind === 'csv') {
    if (ordinal === undefined) throw invalid(`column ${element.column} has no ordinal`);
    return { kind: 'ordinal', ordinal };
  }
  if (kind !== 'json') return { kind: 'path', path: binaryPath(element) };
  if (path === undefined) throw invalid(`column ${element.column} has no path`);
  return { kind: 'path', path: parsePath(path) };
}

function startsWith(path: readonly PathStep[], prefix: readonly PathStep[]): boolean {
  return path.length > prefix.length && prefix.every((step, i) => path[i] === step);
}

function withDropped(target: Target, all: readonly Target[]): Target {
  if (target.transform !== 'DropMappedFields' || target.source.kind !== 'path') return target;
  const { path } = target.source;
  const dropped = all.flatMap(({ source }) =>
    source.kind === 'path' && startsWith(source.path, path) ? [source.path.slice(path.length)] : [],
  );
  return { ...target, dropped };
}

function fromMapping(
  schema: readonly ColumnSchema[],
  mapping: readonly MappingElement[],
  kind: MappingKind,
): readonly Target[] {
  const byColumn = new Map<string, MappingElement>();
  for (const element of mapping) {
    if (byColumn.has(element.column)) throw invalid(`column ${element.column} is mapped twice`);
    if (!schema.some((column) => column.name === element.column)) {
      throw badData(
        'BadRequest_InconsistentMapping',
        `The ingestion mapping names column ${element.column}, which the table lacks`,
      );
    }
    byColumn.set(element.column, element);
  }
  const targets = schema.map((column): Target => {
    const element = byColumn.get(column.name);
    if (element === undefined)
      return { column, source: { kind: 'missing' }, transform: undefined, dropped: [] };
    return { column, source: sourceOf(element, column, kind), transform: transformOf(element), dropped: [] };
  });
  return targets.map((target) => withDropped(target, targets));
}

/**
 * One target per column of the schema, in its order. Without a mapping: by position for delimited text, by
 * case-sensitive name otherwise.
 *
 * @throws KustoError `BadRequest_InvalidMapping`, `BadRequest_InconsistentMapping`
 */
export function planTargets(
  schema: readonly ColumnSchema[],
  mapping: readonly MappingElement[] | undefined,
  kind: MappingKind,
): readonly Target[] {
  if (mapping !== undefined) return fromMapping(schema, mapping, kind);
  return schema.map((column, ordinal) => ({
    column,
    source: kind === 'csv' ? { kind: 'ordinal', ordinal } : { kind: 'path', path: [column.name] },
    transform: undefined,
    dropped: [],
  }));
}
