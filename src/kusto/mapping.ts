import type { MappingColumn } from '../config/types.js';

/** An inline mapping as the service reads it: JSON text of elements with `Column`, `DataType`, `Properties`. */
export function inlineMapping(columns: readonly MappingColumn[]): string {
  return JSON.stringify(
    columns.map((column) => ({
      Column: column.column,
      DataType: column.dataType,
      Properties: {
        Path: column.path,
        Ordinal: column.ordinal === undefined ? undefined : String(column.ordinal),
        ConstValue: column.constValue,
        Field: column.field,
        Transform: column.transform,
      },
    })),
  );
}

/** The mapping kind that goes with a format: delimited formats share `Csv`. */
export function mappingKind(format: string): string {
  const kinds: Readonly<Record<string, string>> = {
    json: 'Json',
    multijson: 'Json',
    avro: 'Avro',
    apacheavro: 'ApacheAvro',
    parquet: 'Parquet',
    orc: 'Orc',
    w3clogfile: 'W3CLogFile',
  };
  return kinds[format.toLowerCase()] ?? 'Csv';
}
