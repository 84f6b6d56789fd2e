import { ownValue } from '../runtime/own-value.js';

/** Kusto's scalar types and the other names they go by. */
const typeNames: Readonly<Record<string, string>> = {
  bool: 'bool',
  boolean: 'bool',
  int: 'int',
  int32: 'int',
  long: 'long',
  int64: 'long',
  real: 'real',
  double: 'real',
  decimal: 'decimal',
  string: 'string',
  datetime: 'datetime',
  date: 'datetime',
  timespan: 'timespan',
  time: 'timespan',
  guid: 'guid',
  uuid: 'guid',
  uniqueid: 'guid',
  dynamic: 'dynamic',
};

export const kustoTypes = [...new Set(Object.values(typeNames))];

/** The canonical name of a Kusto type (`int64` → `long`); undefined when there is no such type. */
export function canonicalType(name: string): string | undefined {
  return ownValue(typeNames, name.toLowerCase());
}

/** Which kind of mapping a data format uses. */
export function mappingKindOf(format: string): string {
  return ['json', 'avro', 'parquet', 'orc', 'w3clogfile'].includes(format) ? format : 'csv';
}
