import type { MappingElement, MappingKind } from '../catalog/types.js';
import { badData } from './errors.js';

const KINDS: Readonly<Record<string, MappingKind>> = {
  csv: 'csv',
  tsv: 'csv',
  tsve: 'csv',
  psv: 'csv',
  scsv: 'csv',
  sohsv: 'csv',
  txt: 'csv',
  raw: 'csv',
  json: 'json',
  multijson: 'json',
  singlejson: 'json',
  avro: 'avro',
  apacheavro: 'avro',
  parquet: 'parquet',
  orc: 'orc',
  w3clogfile: 'w3clogfile',
};

/** The kind of mapping a format takes; `undefined` for a format Kusto does not know. */
export function mappingKindOf(format: string): MappingKind | undefined {
  return KINDS[format.toLowerCase()];
}

function invalid(reason: string): Error {
  return badData('BadRequest_InvalidMapping', `Failed to parse the ingestion mapping: ${reason}`);
}

type Bag = ReadonlyMap<string, unknown>;

/** Keys folded to lower case, since every SDK has its own spelling. */
function bag(value: unknown): Bag {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('an object is expected');
  return new Map(Object.entries(value).map(([key, member]) => [key.toLowerCase(), member]));
}

function text(from: Bag, ...keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = from.get(key);
    if (value !== undefined && value !== null && value !== '') return String(value);
  }
  return undefined;
}

function ordinal(from: Bag): number | undefined {
  const value = text(from, 'ordinal');
  if (value === undefined) return undefined;
  if (!/^\d{1,6}$/.test(value)) throw invalid(`the ordinal ${value} is not a whole number from 0 on`);
  return Number(value);
}

function constValue(from: Bag): string | undefined {
  const value = from.get('constvalue') ?? from.get('constantvalue');
  return value === undefined || value === null ? undefined : String(value);
}

function element(value: unknown): MappingElement {
  const flat = bag(value);
  const nested = flat.get('properties');
  const from = nested === undefined || nested === null ? flat : new Map([...flat, ...bag(nested)]);
  const column = text(flat, 'column', 'columnname', 'name');
  if (column === undefined) throw invalid('an element names no column');
  const dataType = text(flat, 'datatype', 'columntype', 'csldatatype', 'type');
  const properties = {
    path: text(from, 'path'),
    ordinal: ordinal(from),
    constValue: constValue(from),
    field: text(from, 'field'),
    transform: text(from, 'transform', 'transformationmethod'),
  };
  const given = Object.fromEntries(Object.entries(properties).filter(([, member]) => member !== undefined));
  return dataType === undefined ? { column, properties: given } : { column, dataType, properties: given };
}

/**
 * Folds the JSON text of a mapping, in any SDK's spelling, into its normal form.
 * @throws KustoError `BadRequest_InvalidMapping`
 */
export function parseMapping(json: string): readonly MappingElement[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw invalid('it is not JSON');
  }
  if (!Array.isArray(parsed)) throw invalid('a list of elements is expected');
  if (parsed.length === 0) throw invalid('it has no elements');
  return parsed.map(element);
}
