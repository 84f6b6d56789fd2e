import { badRequest } from '../catalog/errors.js';
import type { MappingElement, MappingKind } from '../catalog/types.js';

export const MAPPING_KINDS = ['csv', 'json', 'avro', 'parquet', 'orc', 'w3clogfile'] as const;

/** As `Kind` of an answer spells it. */
export const KIND_TITLES: Readonly<Record<MappingKind, string>> = {
  csv: 'Csv',
  json: 'Json',
  avro: 'Avro',
  parquet: 'Parquet',
  orc: 'Orc',
  w3clogfile: 'W3CLogFile',
};

/** `csv`, `Json`, `ApacheAvro`, … → the kind; `undefined` when there is none of that name. */
export function mappingKind(name: string): MappingKind | undefined {
  const lower = name.toLowerCase();
  return MAPPING_KINDS.find((kind) => kind === (lower === 'apacheavro' ? 'avro' : lower));
}

type Fields = ReadonlyMap<string, unknown>;

/** Spellings of one field that clients and documents use, most recent first. */
const COLUMN_KEYS = ['column', 'columnname', 'name'];
const TYPE_KEYS = ['datatype', 'columntype', 'csldatatype'];

function lowerKeys(value: unknown): Fields {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return new Map(entries.map(([key, item]) => [key.toLowerCase(), item]));
}

function firstText(fields: Fields, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = fields.get(key);
    if (value !== undefined && value !== null) {
      return String(value);
    }
  }
  return undefined;
}

/**
 * A mapping's JSON text in any of its spellings → its elements: `Properties` may be flat on the element, keys in any
 * case.
 * @throws KustoError `BadRequest_InvalidMapping`
 */
export function parseMapping(text: string): readonly MappingElement[] {
  const elements = parseArray(text);
  if (elements.length === 0) {
    throw invalid('it has no element');
  }
  return elements.map((element, at) => {
    const flat = lowerKeys(element);
    const fields: Fields = new Map([...flat, ...lowerKeys(flat.get('properties'))]);
    const column = firstText(flat, COLUMN_KEYS);
    if (column === undefined) {
      throw invalid(`its element ${at} names no column`);
    }
    const dataType = firstText(flat, TYPE_KEYS);
    return { column, ...(dataType && { dataType }), properties: propertiesOf(fields, at) };
  });
}

function propertiesOf(fields: Fields, at: number): MappingElement['properties'] {
  const ordinal = firstText(fields, ['ordinal']);
  if (ordinal !== undefined && !/^\d+$/.test(ordinal)) {
    throw invalid(`the ordinal of its element ${at} is not a whole number`);
  }
  const texts = Object.entries({
    path: firstText(fields, ['path']),
    constValue: firstText(fields, ['constvalue', 'constantvalue']),
    field: firstText(fields, ['field']),
    transform: firstText(fields, ['transform', 'transformationmethod']),
  }).filter((entry) => entry[1] !== undefined && entry[1] !== '');
  return { ...Object.fromEntries(texts), ...(ordinal !== undefined && { ordinal: Number(ordinal) }) };
}

function parseArray(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) {
      return value;
    }
  } catch {
    throw invalid('it is not JSON');
  }
  throw invalid('it is not a JSON array');
}

function invalid(reason: string) {
  return badRequest(`The ingestion mapping is not valid: ${reason}`, 'BadRequest_InvalidMapping');
}

/** The elements as JSON text, the form that `.alter-merge` stores. */
export function mappingText(elements: readonly MappingElement[]): string {
  return JSON.stringify(
    elements.map(({ column, dataType = '', properties }) => ({
      column,
      path: properties.path,
      datatype: dataType,
      Properties: Object.fromEntries(
        Object.entries(properties)
          .filter(([, value]) => value !== undefined)
          .map(([key, value]) => [key[0]?.toUpperCase() + key.slice(1), String(value)]),
      ),
    })),
  );
}
